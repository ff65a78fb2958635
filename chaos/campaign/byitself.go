package campaign

import (
	"context"
	"fmt"
	"strings"
	"time"

	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/token"
)

// byItself is the baseline: the process keeps the time and refreshes, and all
// that is done here is the person's part.
type byItself struct{ *campaign }

const looksEvery = 100 * time.Millisecond

func (b *byItself) environment() []string {
	var names []string
	for _, a := range b.accounts {
		names = append(names, a.name)
	}
	return []string{
		"BASELINE_TOKEN_URL=" + b.Provider.URL() + "/oauth2/token",
		"BASELINE_ACCOUNTS=" + strings.Join(names, ","),
		"BASELINE_PERIOD=" + b.options.period().String(),
	}
}

func (b *byItself) work(ctx context.Context, stop <-chan struct{}) error {
	return b.watch(ctx, func() bool {
		select {
		case <-stop:
			return true
		default:
			return false
		}
	})
}

// settle waits until every account has had one more refresh that is stored.
func (b *byItself) settle(ctx context.Context) error {
	before := map[string]int{}
	for _, a := range b.accounts {
		before[a.name] = b.refreshes(a)
	}
	return b.watch(ctx, func() bool {
		for _, a := range b.accounts {
			if b.refreshes(a) == before[a.name] || !b.Provider.IsLive(b.Held(a.name)) {
				return false
			}
		}
		return true
	})
}

// watch consents anew for every account whose token the provider has refused,
// until enough says so.
func (b *byItself) watch(ctx context.Context, enough func() bool) error {
	for !enough() {
		for _, a := range b.accounts {
			events := b.Provider.Events(a.user)
			if len(events) == 0 || events[len(events)-1].Outcome != grant.Reused || b.answered(a) {
				continue
			}
			if err := b.asked(ctx, a); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("watch the baseline: %w", ctx.Err())
		case <-time.After(looksEvery):
		}
	}
	return nil
}

// answered reports whether the person has consented since the last refusal.
func (b *byItself) answered(a *account) bool { return b.Provider.IsLive(b.Held(a.name)) }

func (b *byItself) refreshes(a *account) int { return b.Provider.Stats().Users[a.user].Refreshes }

// holds is never true: nothing but the vault keeps a pair.
func (b *byItself) holds(context.Context, *account, token.Fingerprint) (bool, error) {
	return false, nil
}
