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

// consent consents at the provider and puts the refresh token into the vault.
func (c *campaign) consent(a *account) error {
	if err := c.CreateAccount(a.name); err != nil {
		return fmt.Errorf("consent for %s: %w", a.name, err)
	}
	a.consents = append(a.consents, token.NewSecret(c.Held(a.name)).Fingerprint())
	return nil
}

// reauthorize consents anew for an account whose refresh the provider refuses.
func (c *campaign) reauthorize(ctx context.Context, a *account) error {
	if !c.Lost(a.name) {
		c.count(func(r *Report) { r.FalseAlarms++ })
		return nil
	}
	if err := c.recordLoss(ctx, a, true); err != nil {
		return err
	}
	return c.consent(a)
}

// recordLoss reports that the vault does not hold an account's live refresh token.
func (c *campaign) recordLoss(ctx context.Context, a *account, detected bool) error {
	l := Loss{Account: a.name, Issued: c.Provider.Audit(a.user).Live, Detected: detected}
	kept, err := c.target.keeps(ctx, a, l.Issued)
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

// explain gives every loss its cause, once it is known how long the slowest pair
// was on its way.
func (c *campaign) explain(slowest time.Duration) {
	w := windowFor(slowest)
	c.count(func(r *Report) {
		for i := range r.Losses {
			l := &r.Losses[i]
			l.Cause = w.cause(l.committed, l.kept, c.kills, c.outages)
			if kill, killed := w.killAfter(l.committed, c.kills); killed {
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

// rotation is when the provider issued a refresh token, by the provider's clock.
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
			if err := c.recordLoss(ctx, a, false); err != nil {
				return err
			}
		}
		versions := c.Vault.Versions(testenv.SecretName(a.name, "RefreshToken"))
		at := positions(a.consents, c.Provider.Events(a.user))
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
