package campaign

import (
	"context"
	"fmt"
	"time"

	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/token"
)

// baselineTarget only gives consents: the process keeps the time and refreshes.
type baselineTarget struct{ *campaign }

const baselinePoll = 100 * time.Millisecond

func (b *baselineTarget) work(ctx context.Context, stop <-chan struct{}) error {
	return b.consentUntil(ctx, func() bool {
		select {
		case <-stop:
			return true
		default:
			return false
		}
	})
}

// settle waits until every account has had one more refresh that is stored.
func (b *baselineTarget) settle(ctx context.Context) error {
	before := map[string]int{}
	for _, a := range b.accounts {
		before[a.name] = b.refreshes(a)
	}
	return b.consentUntil(ctx, func() bool {
		for _, a := range b.accounts {
			if b.refreshes(a) == before[a.name] || !b.holdsLive(a) {
				return false
			}
		}
		return true
	})
}

// consentUntil consents anew for every account whose token the provider has
// refused, until done says so.
func (b *baselineTarget) consentUntil(ctx context.Context, done func() bool) error {
	for !done() {
		for _, a := range b.accounts {
			events := b.Provider.Events(a.user)
			if len(events) == 0 || events[len(events)-1].Outcome != grant.Reused || b.holdsLive(a) {
				continue
			}
			if err := b.reauthorize(ctx, a); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("watch the baseline: %w", ctx.Err())
		case <-time.After(baselinePoll):
		}
	}
	return nil
}

func (b *baselineTarget) holdsLive(a *account) bool { return b.Provider.IsLive(b.held(a.name)) }

func (b *baselineTarget) refreshes(a *account) int { return b.Provider.Stats().Users[a.user].Refreshes }

// operate gives no command: there is nothing to command.
func (b *baselineTarget) operate(context.Context, []command) error { return nil }

// keeps is never true: only the vault keeps a pair.
func (b *baselineTarget) keeps(context.Context, *account, token.Fingerprint) (bool, error) {
	return false, nil
}
