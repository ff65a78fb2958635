package campaign

import (
	"context"
	"fmt"
	"time"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/sim/stack"
	"tokenkeeper/internal/token"
)

// account is one whose refresh token is at stake. One goroutine at a time uses it.
type account struct {
	name, user string
	consents   []token.Fingerprint // the tokens that its consents began with
	runs       []string            // ids of its workflow runs, oldest first
}

func newAccount(name string) *account { return &account{name: name, user: stack.UserOf(name)} }

// consent has the person consent and puts the refresh token into the vault.
func (c *campaign) consent(a *account) error {
	if err := c.CreateAccount(a.name); err != nil {
		return fmt.Errorf("consent for %s: %w", a.name, err)
	}
	a.consents = append(a.consents, token.NewSecret(c.Held(a.name)).Fingerprint())
	return nil
}

// asked is the person's part when told that only a new consent helps.
func (c *campaign) asked(ctx context.Context, a *account) error {
	if !c.Lost(a.name) {
		c.count(func(r *Report) { r.FalseAlarms++ })
		return nil
	}
	if err := c.lose(ctx, a, true); err != nil {
		return err
	}
	return c.consent(a)
}

// lose writes down that an account's live refresh token is in nobody's hands,
// and how that came about.
func (c *campaign) lose(ctx context.Context, a *account, detected bool) error {
	l := Loss{Account: a.name, Issued: c.Provider.Audit(a.user).Live, Detected: detected}
	kept, err := c.target.holds(ctx, a, l.Issued)
	if err != nil {
		return fmt.Errorf("look for the lost token of %s: %w", a.name, err)
	}
	committed := c.clock.wall(rotation(c.Provider.Events(a.user), l.Issued))
	c.mu.Lock()
	kill, killed := within(committed, c.kills)
	l.Cause = cause(committed, kept, c.kills, c.outages)
	c.mu.Unlock()
	if killed {
		l.KilledAfter = float64(kill.At.Sub(committed).Microseconds()) / 1000
	}
	c.count(func(r *Report) {
		r.Lost++
		switch l.Cause {
		case OnItsWay:
			r.LostOnItsWay++
		case InHand:
			r.LostInHand++
		case InOutage:
			r.LostInOutage++
		default:
			r.Unexplained++
		}
		if !detected {
			r.Undetected++
		}
		r.Losses = append(r.Losses, l)
	})
	return nil
}

// rotation is when the provider issued a refresh token, by its own clock.
func rotation(events []authserver.Event, issued token.Fingerprint) time.Time {
	for _, e := range events {
		if e.Outcome == grant.Rotated && e.Issued == issued {
			return e.Time
		}
	}
	return time.Time{}
}

// audit compares what the vault holds with what the provider would take, for
// every account, once nothing moves any more.
func (c *campaign) audit(ctx context.Context) error {
	for _, a := range c.accounts {
		if !c.Provider.IsLive(c.Held(a.name)) {
			if err := c.lose(ctx, a, false); err != nil {
				return err
			}
		}
		versions := c.Vault.Versions(stack.SecretName(a.name, "RefreshToken"))
		at := places(a.consents, c.Provider.Events(a.user))
		c.count(func(r *Report) {
			r.Duplicated += duplicated(versions)
			if regressed(versions, at) {
				r.Regressions++
			}
		})
	}
	if err := c.measure(c.survivor); err != nil {
		return err
	}
	c.tally()
	return nil
}
