package vault_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/token"
)

// TestNoInterleavingOfALateStoreHidesTheNewestGeneration runs a late store of
// generation 5 beside one of generation 6, before which another has stored 5, in
// every order of their single calls. Generation 6 must be on top in the end, with
// its access token.
func TestNoInterleavingOfALateStoreHidesTheNewestGeneration(t *testing.T) {
	orders := 0
	for order, more := []bool(nil), true; more; order, more = following(order) {
		r := open(t)
		r.upTo(old, 4)
		order = drive(r, order)
		current, _ := r.load()
		require.Equal(t, old.provenance(6), current.Provenance, "order %v", order)
		require.Equal(t, old.refresh(6), r.top(names.RefreshToken).Value, "order %v", order)
		require.Equal(t, old.access(6), r.top(names.AccessToken).Value, "order %v", order)
		orders++
	}
	require.Greater(t, orders, 300)
}

// drive runs the two writers to their ends. order has their turns as long as both are
// at work, true for the newer one's; drive returns all turns.
func drive(r *fixture, order []bool) []bool {
	var s turnstile
	r.secrets.Before, r.secrets.After = s.before, s.after
	store := func(g token.Generation) func() {
		return func() { _, _ = r.vault.Store(r.t.Context(), names, old.entry(g), run) }
	}
	late := s.start(store(5))
	var newer *writer
	turns := 0
	for !late.ended && (newer == nil || !newer.ended) {
		if turns == len(order) {
			order = append(order, false)
		}
		switch {
		case !order[turns]:
			s.step(late, proceed)
		case newer == nil:
			r.store(old.entry(5))
			newer = s.start(store(6))
		default:
			s.step(newer, proceed)
		}
		turns++
	}
	if newer == nil {
		newer = s.start(store(6))
	}
	for !late.ended {
		s.step(late, proceed)
	}
	for !newer.ended {
		s.step(newer, proceed)
	}
	return order
}

// following is the next order, depth first.
func following(order []bool) (next []bool, more bool) {
	for i := len(order) - 1; i >= 0; i-- {
		if !order[i] {
			return append(order[:i:i], true), true
		}
	}
	return nil, false
}

// TestALateStoreThatDiesHidesNothing has a late store of generation 5 interrupted
// after each of its calls by the whole of what leads to generation 6, and killed
// before each of its calls after that.
func TestALateStoreThatDiesHidesNothing(t *testing.T) {
	for interrupted := 0; ; interrupted++ {
		for survived := 0; ; survived++ {
			r := open(t)
			r.upTo(old, 4)
			var s turnstile
			r.secrets.Before, r.secrets.After = s.before, s.after
			late := s.start(func() { _, _ = r.vault.Store(r.t.Context(), names, old.entry(5), run) })
			for range interrupted {
				s.step(late, proceed)
			}
			for g := token.Generation(5); g <= 6; g++ {
				r.store(old.entry(g))
			}
			for range survived {
				if !late.ended {
					s.step(late, proceed)
				}
			}
			finished := late.ended
			if !finished {
				s.step(late, crash)
			}
			current, _ := r.load()
			require.Equal(t, old.provenance(6), current.Provenance, "interrupted after %d calls, killed after %d more", interrupted, survived)
			if finished {
				if survived == 0 {
					return
				}
				break
			}
		}
	}
}
