package campaign

import (
	"context"
	"fmt"
	"time"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/internal/token"
)

// account is one whose refresh token is at stake. One goroutine at a time uses it.
type account struct {
	name, user string
	consents   []token.Fingerprint // the tokens that its consents began with
	runs       []string            // ids of its workflow runs, oldest first
}

func newAccount(name string) *account { return &account{name: name, user: testenv.UserOf(name)} }

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

// lose writes down that an account's live refresh token is in nobody's hands.
func (c *campaign) lose(ctx context.Context, a *account, detected bool) error {
	l := Loss{Account: a.name, Issued: c.Provider.Audit(a.user).Live, Detected: detected}
	kept, err := c.target.holds(ctx, a, l.Issued)
	if err != nil {
		return fmt.Errorf("look for the lost token of %s: %w", a.name, err)
	}
	l.kept, l.committed = kept, c.clock.wall(rotation(c.Provider.Events(a.user), l.Issued))
	c.count(func(r *Report) {
		r.Lost++
		if !detected {
			r.Undetected++
		}
		r.Losses = append(r.Losses, l)
	})
	return nil
}

// explain says of every loss how it came about, once it is known how long pairs
// were on their way.
func (c *campaign) explain(slowest time.Duration) {
	c.count(func(r *Report) {
		for i := range r.Losses {
			l := &r.Losses[i]
			l.Cause = cause(l.committed, l.kept, c.kills, c.outages, gapAtMost(slowest))
			if kill, killed := next(l.committed, c.kills); killed {
				l.KilledAfter = float64(kill.At.Sub(l.committed).Microseconds()) / 1000
			}
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
		}
	})
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
		versions := c.Vault.Versions(testenv.SecretName(a.name, "RefreshToken"))
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
