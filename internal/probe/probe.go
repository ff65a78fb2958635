// Package probe measures how a provider treats refresh tokens, with a grant that may be
// thrown away: which of them it rotates, whether and until when it repeats an answer, what a
// reuse costs, and in which words it says that a grant is dead.
//
// [Runner.Run] presents tokens and waits. What its answers mean is decided apart from
// that, by [kindOf] and in [Findings], and [Findings.Row] writes it as an entry of the
// providers file. Nothing that leaves the package holds a secret: answers are reduced to
// their [Shape] on their way in.
package probe

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tokenkeeper/internal/token"
)

// Step is a part of a measurement that may cost the grant.
type Step struct{ Does, Costs string }

// The steps that are asked for, in their order.
var (
	StepRefresh = Step{"refresh with the grant's refresh token, and with those that come for it",
		"whatever else uses this grant loses it"}
	StepRepeat = Step{"present a refresh token once more that was spent a moment ago",
		"a provider that takes this for theft ends the grant"}
	StepWindow = Step{"present a spent refresh token again and again, until it is refused",
		"a provider that takes this for theft ends the grant"}
	StepUse = Step{"present a spent refresh token after its successor was used",
		"a provider that takes this for theft ends the grant"}
	StepRevoke = Step{"revoke the grant, and present its refresh token",
		"the grant ends, and at some providers, as at Google, every other grant of the same user and app"}
)

// Runner measures one provider with one grant. Every field but Alive is needed.
type Runner struct {
	Presenter interface {
		Present(ctx context.Context, refresh token.Secret) Answer
		Revoke(ctx context.Context, pair token.Pair) error
	}
	// Revokes: the provider has an endpoint at which Presenter.Revoke ends a grant.
	Revokes bool
	// Alive reports whether an access token is in force; nil where nothing can say. Uses: it
	// uses the token for that, as a resource does and an introspection does not.
	Alive func(ctx context.Context, access token.Secret) (bool, error)
	Uses  bool
	// Allow answers whether a step may be taken.
	Allow func(ctx context.Context, s Step) (bool, error)
	// Say reports progress.
	Say func(format string, args ...any)

	Now   func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error
	// MaxWait bounds all waiting for the end of a replay window, and all waits that the
	// provider asks for.
	MaxWait time.Duration
}

// run is one measurement.
type run struct {
	Runner
	found  Findings
	newest token.Pair // what the provider issued last, with its refresh token
	stated bool       // the last answer has named a refresh token
	over   bool       // the grant has ended
	waited time.Duration
	held   time.Duration // of it, what the provider asked for
	// known are the refresh tokens that the provider has answered, for whatever they are.
	known map[token.Secret]bool
}

// rotation is one refresh that is looked at afterwards: the token that was spent for it,
// and between which times the provider answered.
type rotation struct {
	spent        token.Secret
	began, ended time.Time
}

// Run measures with the grant of a refresh token. Where it ends early, the findings are
// those until then, and the error says why.
func (r Runner) Run(ctx context.Context, grant token.Secret) (Findings, error) {
	m := &run{Runner: r, newest: token.Pair{RefreshToken: grant}, known: map[token.Secret]bool{}}
	m.found.At = r.Now()
	for _, step := range []struct {
		Step
		do     func(context.Context) error
		skipIf func() bool
	}{
		{StepRefresh, m.refresh, func() bool { return false }},
		{Step{}, m.compareAccess, func() bool { return m.Alive == nil }},
		{StepRepeat, m.repeat, func() bool { return m.found.Rotations == 0 }},
		{StepWindow, m.measureWindow, func() bool { return !m.found.repeats() }},
		{StepUse, m.useSuccessor, func() bool { return !m.found.repeats() }},
		{StepRevoke, m.revoke, func() bool { return !m.Revokes }},
		{Step{}, m.presentMadeUp, func() bool { return len(m.found.Dead) > 0 }},
	} {
		if m.over || step.skipIf() {
			continue
		}
		if step.Does != "" {
			allowed, err := m.Allow(ctx, step.Step)
			if err != nil {
				return m.found, err
			}
			if !allowed {
				m.found.note("not measured, because it was not allowed: %s", step.Does)
				if step.Step == StepRefresh {
					return m.found, nil
				}
				continue
			}
		}
		if err := step.do(ctx); err != nil {
			return m.found, err
		}
	}
	return m.found, nil
}

// How many refreshes are made to see whether the refresh token changes: one more where it
// does not, because some change it at times.
const (
	refreshesRotating = 2
	refreshesKeeping  = 3
)

// refresh sees whether refresh tokens rotate.
func (m *run) refresh(ctx context.Context) error {
	f := &m.found
	f.SameAnswer = true
	for f.Refreshes < refreshesRotating || f.Rotations < f.Refreshes && f.Refreshes < refreshesKeeping {
		before := m.newest
		if _, err := m.rotate(ctx); err != nil {
			return err
		}
		f.Refreshes++
		if m.newest.RefreshToken != before.RefreshToken {
			f.Rotations++
		} else if m.stated {
			f.Stated = true
		}
		if f.Refreshes > 1 && m.newest.AccessToken != before.AccessToken {
			f.SameAnswer = false
		}
		m.Say("Refresh %d: %s.", f.Refreshes, map[bool]string{true: "another refresh token", false: "the same refresh token stays"}[f.Rotations == f.Refreshes])
	}
	return nil
}

// rotate presents the newest refresh token, which the provider has to take.
func (m *run) rotate(ctx context.Context) (rotation, error) {
	r := rotation{spent: m.newest.RefreshToken}
	a, err := m.present(ctx, r.spent)
	if err != nil {
		return r, err
	}
	r.began, r.ended = a.sent, a.At
	if a.Kind != Issued {
		return r, fmt.Errorf("the refresh token in force is not taken: %w", a.Failure)
	}
	m.take(a)
	return r, nil
}

// take makes an answer's pair the newest.
func (m *run) take(a Answer) {
	keep := m.newest.RefreshToken
	m.newest, m.stated = a.Pair, !a.Pair.RefreshToken.Empty()
	if m.newest.RefreshToken.Empty() {
		m.newest.RefreshToken = keep
	}
	m.found.addLifetimes(a)
}

// maxTooSoon bounds how often one token is presented that comes too soon.
const maxTooSoon = 6

// present presents a refresh token, and again where that was too soon. What the provider
// limits for one token shows only at one that it has answered before; where it has others
// wait as well, it limits all calls, and no pause is measured.
func (m *run) present(ctx context.Context, refresh token.Secret) (Answer, error) {
	known, wait := m.known[refresh], time.Second
	var held, last time.Duration
	stated := false
	for range maxTooSoon {
		sent := m.Now()
		a := m.Presenter.Present(ctx, refresh)
		a.sent, a.held = sent, held
		switch {
		case ctx.Err() != nil:
			return a, context.Cause(ctx)
		case a.Kind == Trouble:
			return a, fmt.Errorf("the answer says nothing about the token, and what it did is not known: %w", a.Failure)
		case a.Kind != TooSoon:
			m.known[refresh] = true
			if a.Kind == Issued && known && held > 0 {
				m.found.notePause(last, stated)
			}
			return a, nil
		}
		if stated = a.Failure.RetryAfter > 0; stated {
			wait = a.Failure.RetryAfter
		}
		if m.held+wait > m.MaxWait {
			return a, fmt.Errorf("the provider wants a pause of %s, and all of them may last no longer than %s; try again later, or wait longer: %w", wait, m.MaxWait, a.Failure)
		}
		if !known {
			m.found.noteLimit()
		}
		m.Say("Too soon; once more after %s.", wait)
		if err := m.sleep(ctx, wait); err != nil {
			return a, err
		}
		m.held += wait
		held, last = held+wait, wait
		wait *= 2
	}
	return Answer{}, errors.New("the provider calls every attempt too soon; try again later")
}

func (m *run) sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	m.waited += d
	return m.Sleep(ctx, d)
}

// compareAccess sees whether a refresh ends the access token before it.
func (m *run) compareAccess(ctx context.Context) error {
	if _, err := m.rotate(ctx); err != nil {
		return err
	}
	old := m.newest.AccessToken
	alive, err := m.Alive(ctx, old)
	if err != nil {
		return err
	}
	if !alive {
		m.found.note("ends_access_token not measured: the address that was given does not take a new access token")
		return nil
	}
	held := m.held
	if _, err := m.rotate(ctx); err != nil {
		return err
	}
	if m.newest.AccessToken == old {
		m.found.note("ends_access_token not measured: a refresh repeats the access token")
		return nil
	}
	if alive, err = m.Alive(ctx, old); err != nil {
		return err
	}
	if !alive && m.held > held {
		m.found.note("ends_access_token not measured: the access token may have expired while the provider had the refresh wait")
		return nil
	}
	if alive && m.Uses {
		if _, err := m.Alive(ctx, m.newest.AccessToken); err != nil {
			return err
		}
		if alive, err = m.Alive(ctx, old); err != nil {
			return err
		}
		m.found.EndsAccessOnUse = !alive
	}
	m.found.EndsAccess = truth(!alive)
	m.Say("After a refresh the access token before it is %s.", map[bool]string{true: "still in force", false: "no longer in force"}[alive])
	return nil
}

// revoke sees what the provider says of a grant that is over.
func (m *run) revoke(ctx context.Context) error {
	if err := m.Presenter.Revoke(ctx, m.newest); err != nil {
		m.found.note("the grant could not be revoked: %v", err)
		return nil
	}
	a, err := m.present(ctx, m.newest.RefreshToken)
	if err != nil {
		return err
	}
	if a.Kind == Issued {
		m.take(a)
		m.found.note("the refresh token was taken after the grant was revoked")
		return nil
	}
	m.over = true
	m.found.addDead("a grant that was revoked", a)
	return nil
}

// madeUp is no token of any provider.
var madeUp = token.NewSecret("not-a-token-but-a-question-of-starter-probe")

// presentMadeUp sees what the provider says of a token that it does not know, which says
// less than a dead one would.
func (m *run) presentMadeUp(ctx context.Context) error {
	a, err := m.present(ctx, madeUp)
	if err != nil || a.Kind == Issued {
		return err
	}
	m.found.addDead("a token that was never issued", a)
	return nil
}
