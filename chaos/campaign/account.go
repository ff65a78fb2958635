package campaign

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/internal/token"
)

// account is one whose refresh token is at stake.
type account struct {
	name, user string
	flows      []*flow // the workflow ids that refresh it, with what happened to each

	// consenting is held by the one who looks whether a consent is needed and gives it.
	consenting sync.Mutex
	consents   []token.Fingerprint // the tokens that its consents began with
}

// flow is one workflow id and what was done to it.
type flow struct {
	id string

	mu    sync.Mutex
	runs  []string  // ids of its runs, in the order in which they became known
	open  bool      // a run is followed
	since time.Time // when the first run began that was followed since one ended well; zero for none
	deeds []deed
}

// deed is a command that met a workflow.
type deed struct {
	at   time.Time
	what Operation
}

// ran takes note of a run.
func (f *flow) ran(runID string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !slices.Contains(f.runs, runID) {
		f.runs = append(f.runs, runID)
	}
}

// follow takes note that a run is followed until done is called.
func (f *flow) follow(now time.Time) (done func(fine bool)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open = true
	if f.since.IsZero() {
		f.since = now
	}
	return func(fine bool) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.open = false
		if fine {
			f.since = time.Time{}
		}
	}
}

// struck takes note of a command.
func (f *flow) struck(o Operation, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.deeds = append(f.deeds, deed{now, o})
}

// standings are those of an account's workflows. What was done to one of them was done
// to the token of all.
func (a *account) standings(now time.Time) []view {
	whole := view{rest: sparedFor}
	for _, d := range a.done() {
		ago := now.Sub(d.at)
		switch {
		case ago >= sparedFor:
		case d.what == PauseActivity:
			whole.paused = true
		case d.what.ends():
			whole.strikes++
			whole.rest = min(whole.rest, ago)
		}
	}
	var each []view
	for _, f := range a.flows {
		s := whole
		s.open = f.hangs(now)
		each = append(each, s)
	}
	return each
}

// hangs is how long no run has ended well, where one is open; else 0.
func (f *flow) hangs(now time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.open {
		return 0
	}
	return max(now.Sub(f.since), 1)
}

// known are the ids of the runs so far.
func (f *flow) known() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.runs)
}

// done are the commands that met the account.
func (a *account) done() (deeds []deed) {
	for _, f := range a.flows {
		f.mu.Lock()
		deeds = append(deeds, f.deeds...)
		f.mu.Unlock()
	}
	return deeds
}

// consent consents at the provider and puts the refresh token into the vault. The
// caller holds a.consenting, or is alone.
func (c *campaign) consent(a *account) error {
	refresh, _ := c.Provider.CreateGrant(a.user)
	if _, err := c.vault.Put(testenv.SecretName(a.name, "RefreshToken"), refresh); err != nil {
		return fmt.Errorf("consent for %s: %w", a.name, err)
	}
	a.consents = append(a.consents, token.NewSecret(refresh).Fingerprint())
	return nil
}

// staysLost is for how long a token has to look lost, where an operator ends runs:
// what such a run was issued comes into the vault by itself.
const staysLost = 3 * time.Second

// reauthorize consents anew for an account whose refresh the provider refuses, where
// its token is lost. Where it is not, [campaign.judgeAlarms] says whether it was.
func (c *campaign) reauthorize(ctx context.Context, a *account) error {
	a.consenting.Lock()
	defer a.consenting.Unlock()
	patience := time.Now().Add(staysLost)
	for c.options.Operations > 0 && c.isLost(a.name) && time.Now().Before(patience) {
		if err := sleepUntil(ctx, time.Now().Add(100*time.Millisecond)); err != nil {
			return err
		}
	}
	if !c.isLost(a.name) {
		return nil
	}
	if err := c.recordLoss(ctx, a, true); err != nil {
		return err
	}
	if err := c.consent(a); err != nil {
		return err
	}
	c.count(func(r *Report) {
		for i := range r.Losses {
			if l := &r.Losses[i]; l.Account == a.name && l.consented.IsZero() {
				l.consented = time.Now()
			}
		}
	})
	return nil
}

// recordLoss reports that the vault does not hold an account's live refresh token.
func (c *campaign) recordLoss(ctx context.Context, a *account, detected bool) error {
	l := Loss{Account: a.name, Issued: c.Provider.Audit(a.user).Live, Detected: detected}
	kept, err := c.target.keeps(ctx, a, l.Issued)
	if err != nil {
		return fmt.Errorf("look for the lost token of %s: %w", a.name, err)
	}
	events, deeds := c.Provider.Events(a.user), a.done()
	rotated := rotation(events, l.Issued)
	l.kept, l.committed, l.answerLost = kept, c.clock.wall(rotated.Time), rotated.Lost
	if !rotated.Sent.IsZero() {
		l.sent = c.clock.wall(rotated.Sent)
	}
	for _, d := range deeds {
		if d.what.ends() {
			l.ended = append(l.ended, d.at)
		}
	}
	if c.options.Operations > 0 {
		l.Story = story(l.committed, events, c.clock, deeds)
	}
	c.logf("%s is lost: %s, issued %s ago", a.name, l.Issued, time.Since(l.committed).Round(time.Second))
	c.count(func(r *Report) {
		r.Lost++
		if !detected {
			r.Undetected++
		}
		r.Losses = append(r.Losses, l)
	})
	return nil
}

// rotation is the event in which the provider issued a refresh token; the zero one if
// there was none.
func rotation(events []authserver.Event, issued token.Fingerprint) authserver.Event {
	for _, e := range events {
		if e.Outcome == grant.Rotated && e.Issued == issued {
			return e
		}
	}
	return authserver.Event{}
}

// audit compares what the vault holds with what the provider would take, for
// every account, once nothing moves any more.
func (c *campaign) audit(ctx context.Context) error {
	for _, a := range c.accounts {
		if !c.Provider.IsLive(c.held(a.name)) {
			if err := c.recordLoss(ctx, a, false); err != nil {
				return err
			}
		}
		versions := c.versions(a.name)
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
