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
	// longer by growth, so that the window's end is known as exactly.
	firstWait = 2 * time.Second
	growth    = 1.25
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
// notes what that says of the window. It returns the answer where it was refused.
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
		m.found.LessThan = a.At.Sub(r.began)
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

// useSuccessor presents a spent token after the token that was issued for it was spent as
// well.
func (m *run) useSuccessor(ctx context.Context) error {
	r, err := m.rotateToAnother(ctx)
	if err != nil {
		return err
	}
	if _, err := m.rotate(ctx); err != nil {
		return err
	}
	if err := m.sleep(ctx, m.found.Pause); err != nil {
		return err
	}
	a, err := m.present(ctx, r.spent)
	if err != nil {
		return err
	}
	late := m.found.LessThan > 0 && a.At.Sub(r.began) >= m.found.AtLeast
	switch {
	case a.Kind == Issued:
		m.found.EndsOnUse = No
		if m.found.Repeats == Another {
			m.take(a)
		}
		if m.found.LessThan == 0 {
			m.found.Reuse = provider.Harmless
		}
		m.Say("It is answered as well after its successor was used.")
		return nil
	case late:
		m.found.note("replay_ends_on_use not measured: the window was over by then")
	default:
		m.found.EndsOnUse = Yes
		m.Say("It is refused after its successor was used.")
	}
	return m.checkReuse(ctx, a)
}

// checkReuse sees what a refused reuse has cost, by presenting the newest refresh token.
func (m *run) checkReuse(ctx context.Context, refused Answer) error {
	m.found.addDead("a spent token", refused)
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
	m.found.Reuse, m.over = provider.RevokesGrant, true
	m.found.addDead("a grant that the reuse ended", a)
	m.Say("The reuse has ended the grant.")
	return nil
}
