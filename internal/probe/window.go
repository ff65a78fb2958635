package probe

import (
	"context"
	"time"

	"tokenkeeper/internal/provider"
)

// repeat presents a refresh token right after it was spent.
func (m *run) repeat(ctx context.Context) error {
	r, err := m.rotateToAnother(ctx)
	if err != nil {
		return err
	}
	first := m.newest
	a, err := m.present(ctx, r.spent)
	if err != nil {
		return err
	}
	if a.Kind == Refused && a.held > 0 {
		m.found.noteHeld("replay_window", a)
		return m.checkReuse(ctx, a)
	}
	if a.Kind == Refused {
		m.found.Repeats = Never
		m.Say("A spent refresh token is refused at once.")
		return m.checkReuse(ctx, a)
	}
	m.found.Repeats = Another
	if a.Pair.RefreshToken == first.RefreshToken {
		m.found.Repeats = Same
	}
	m.take(a)
	m.Say("A refresh token that was spent a moment ago is answered with %s.", m.found.Repeats)
	return nil
}

// rotateToAnother refreshes until the refresh token changes, which some do at times.
func (m *run) rotateToAnother(ctx context.Context) (r rotation, err error) {
	for range refreshesKeeping {
		if r, err = m.rotate(ctx); err != nil || m.newest.RefreshToken != r.spent {
			break
		}
	}
	return r, err
}

const (
	// firstWait is the first wait before a spent token is presented again. Each next one is
	// longer by growth, so that the window's end is known as exactly. Where each presentation
	// makes a pair, of which some providers allow ten, fewer have to do.
	firstWait     = 2 * time.Second
	growth        = 1.25
	growthAnother = 4
	// exactly is how exactly the end of a window is looked for, as a part of it.
	exactly = 0.05
)

// measureWindow presents a spent token after longer and longer waits, until it is refused
// or MaxWait is over. Where the grant survives that, it narrows the end down: with one
// presentation for each further refresh, so that repeats which prolong the window do not
// count.
func (m *run) measureWindow(ctx context.Context) error {
	r, err := m.rotateToAnother(ctx)
	if err != nil {
		return err
	}
	m.waited = 0
	growth := float64(growth)
	if m.found.Repeats == Another {
		growth = growthAnother
	}
	for wait := max(firstWait, m.found.Pause); ; wait = max(time.Duration(float64(wait)*growth), wait+m.found.Pause) {
		wait = min(wait, m.MaxWait)
		refused, err := m.presentAfter(ctx, r, wait)
		if err != nil {
			return err
		}
		if refused != nil {
			return m.narrow(ctx, *refused)
		}
		if wait == m.MaxWait {
			m.Say("After %s it is still answered; the wait ends here.", m.found.AtLeast.Truncate(time.Second))
			return nil
		}
	}
}

// presentAfter presents the rotation's spent token when the wait since then is over, and
// notes what that says of the window. It returns the answer where it was refused; where
// the provider had it wait first, that says nothing of the window.
func (m *run) presentAfter(ctx context.Context, r rotation, wait time.Duration) (*Answer, error) {
	if err := m.sleep(ctx, wait-m.Now().Sub(r.ended)); err != nil {
		return nil, err
	}
	sent := m.Now()
	a, err := m.present(ctx, r.spent)
	if err != nil {
		return nil, err
	}
	if a.Kind == Refused {
		if a.held == 0 {
			m.found.LessThan = a.At.Sub(r.began)
		}
		return &a, nil
	}
	m.found.AtLeast = max(m.found.AtLeast, sent.Sub(r.ended))
	if m.found.Repeats == Another {
		m.take(a)
	}
	return nil, nil
}

func (m *run) narrow(ctx context.Context, refused Answer) error {
	f := &m.found
	for {
		if refused.held > 0 {
			f.noteHeld("the end of replay_window", refused)
			return m.checkReuse(ctx, refused)
		}
		m.Say("A spent refresh token is answered for %s, and refused after %s.", f.AtLeast.Truncate(time.Second), f.LessThan.Truncate(time.Second))
		if err := m.checkReuse(ctx, refused); err != nil || m.over {
			return err
		}
		between := (f.AtLeast + f.LessThan) / 2
		if f.LessThan-f.AtLeast < max(time.Second, time.Duration(exactly*float64(f.AtLeast))) || m.waited+between > m.MaxWait {
			return nil
		}
		r, err := m.rotateToAnother(ctx)
		if err != nil {
			return err
		}
		again, err := m.presentAfter(ctx, r, between)
		if err != nil {
			return err
		}
		if again != nil {
			refused = *again
		}
	}
}

// useSuccessor presents a spent token after what was issued for it was used: the access
// token, where there is something to use it at, and the refresh token.
func (m *run) useSuccessor(ctx context.Context) error {
	r, err := m.rotateToAnother(ctx)
	if err != nil {
		return err
	}
	if m.Uses {
		if _, err := m.Alive(ctx, m.newest.AccessToken); err != nil {
			return err
		}
		answered, err := m.presentUsed(ctx, r, &m.found.EndsOnUse, "access token")
		if err != nil || !answered || m.over {
			return err
		}
		if r, err = m.rotateToAnother(ctx); err != nil {
			return err
		}
	}
	if _, err := m.rotate(ctx); err != nil {
		return err
	}
	answered, err := m.presentUsed(ctx, r, &m.found.EndsOnRefresh, "refresh token")
	if answered && m.found.LessThan == 0 {
		m.found.Reuse = provider.Harmless
	}
	return err
}

// presentUsed presents a rotation's spent token, and notes whether the use of what was
// issued for it has ended the window.
func (m *run) presentUsed(ctx context.Context, r rotation, ends *Truth, used string) (answered bool, err error) {
	if err := m.sleep(ctx, m.found.Pause); err != nil {
		return false, err
	}
	a, err := m.present(ctx, r.spent)
	if err != nil {
		return false, err
	}
	if a.Kind == Issued {
		*ends = No
		if m.found.Repeats == Another {
			m.take(a)
		}
		m.Say("It is answered as well after the %s issued for it was used.", used)
		return true, nil
	}
	if a.At.Sub(r.began) >= m.found.AtLeast {
		m.found.note("replay_ends_on_use not measured: the window may have been over by then")
	} else {
		*ends = Yes
		m.Say("It is refused after the %s issued for it was used.", used)
	}
	return false, m.checkReuse(ctx, a)
}

// checkReuse sees what a refused reuse has cost, by presenting the newest refresh token.
func (m *run) checkReuse(ctx context.Context, refused Answer) error {
	spent := m.found.addDead("a spent token", refused)
	if m.found.Reuse != "" {
		return nil
	}
	r := rotation{spent: m.newest.RefreshToken, began: m.Now()}
	a, err := m.present(ctx, r.spent)
	if err != nil {
		return err
	}
	if a.Kind == Issued {
		m.found.Reuse = provider.Refused
		m.take(a)
		m.Say("The reuse cost nothing: the newest refresh token still works.")
		return nil
	}
	m.over = true
	if now := deadOf(a); !now.Understood && now.words() != spent.words() {
		m.found.note("reuse not measured: the newest token was refused as well, but in other words (%s), which may have another cause", now.words())
		return nil
	}
	m.found.Reuse = provider.RevokesGrant
	m.found.addDead("a grant that the reuse ended", a)
	m.Say("The reuse has ended the grant.")
	return nil
}
