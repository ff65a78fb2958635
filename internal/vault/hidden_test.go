package vault_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tokenkeeper/internal/token"
)

// TestAHiddenConsentIsFoundWhateverCameAfterIt writes a history of refreshes, consents by
// hand that a late store covers, consents that run on, and searches; then one consent of
// those that were covered is alive and all else is dead. It must be found, and no token may be presented twice.
func TestAHiddenConsentIsFoundWhateverCameAfterIt(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := open(t)
		r.secrets.Now = seconds()
		r.upTo(old, 1)
		var covered []string
		number := 0
		next := func(kind string) string {
			number++
			return fmt.Sprintf("fake-refresh-%s-%d", kind, number)
		}
		refresh := func() {
			current, _ := r.load()
			covered = slices.DeleteFunc(covered, func(c string) bool { return c == current.Value.Reveal() }) // it is found and spent
			r.recordIntent(current)
			r.store(issuedFor(current, next("issued")))
		}
		steps := map[string]func(){
			"refresh": refresh,
			"consent by hand that is covered": func() {
				top := r.top(names.RefreshToken)
				consent := next("covered")
				r.secrets.Put(names.RefreshToken, consent)
				if rapid.Bool().Draw(rt, "numbered") {
					current, _ := r.load()
					r.recordIntent(current)
				}
				_, err := r.secrets.Set(t.Context(), names.RefreshToken, top.Value, top.Properties)
				require.NoError(rt, err)
				covered = append(covered, consent)
			},
			"consent that runs on": func() {
				r.secrets.Put(names.RefreshToken, next("consent"))
				refresh()
			},
			"consent that is stored": func() {
				r.consent(token.Pair{RefreshToken: token.NewSecret(next("stored"))})
				refresh()
			},
			"put back on top by a promotion": func() {
				r.again(names.RefreshToken, old.refresh(0))
				r.load()
				refresh()
			},
		}
		kinds := []string{"refresh", "consent by hand that is covered", "consent that runs on", "consent that is stored", "put back on top by a promotion"}
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			steps[rapid.SampledFrom(kinds).Draw(rt, "step")]()
		}
		if len(covered) == 0 {
			return
		}
		live := rapid.SampledFrom(covered).Draw(rt, "live")
		presented := map[string]bool{}
		for {
			current, _ := r.load()
			r.recordIntent(current)
			value := current.Value.Reveal()
			if value == live {
				return
			}
			require.False(rt, presented[value], "%s is presented twice", value)
			presented[value] = true
			found, err := r.vault.PromoteSuccessor(t.Context(), names, account, current.Provenance, run)
			require.NoError(rt, err)
			require.True(rt, found, "%s is not found", live)
		}
	})
}

// A pair that was in flight when the search began outranks what the search has found: its
// parent looked dead because it was spent.
func TestAPairInFlightOutranksAConsentThatTookItsParentsPlace(t *testing.T) {
	for _, hiddenBefore := range []bool{false, true} {
		r := open(t)
		r.secrets.Now = seconds()
		r.upTo(old, 1)
		hide := func() {
			top := r.top(names.RefreshToken)
			r.secrets.Put(names.RefreshToken, fresh)
			_, err := r.secrets.Set(t.Context(), names.RefreshToken, top.Value, top.Properties)
			require.NoError(t, err)
		}
		if hiddenBefore {
			hide()
			r.upTo(old, 5)
		} else {
			r.upTo(old, 5)
			hide()
		}
		found, err := r.vault.PromoteSuccessor(t.Context(), names, account, old.provenance(5), run)
		require.NoError(t, err)
		require.True(t, found)
		require.Equal(t, fresh, r.top(names.RefreshToken).Value.Reveal())

		require.False(t, r.store(old.entry(6)).Superseded)
		current, _ := r.load()
		require.Equal(t, old.provenance(6), current.Provenance)
		require.False(t, r.store(old.entry(7)).Superseded)
		require.Equal(t, old.refresh(7), r.top(names.RefreshToken).Value)
	}
}

// A late writer may put the consent over such a pair: it is found again as the successor.
func TestAPairUnderADeadConsentThatTookItsParentsPlaceIsFound(t *testing.T) {
	r := open(t)
	r.secrets.Now = seconds()
	r.upTo(old, 4)
	hiding(r, fresh)
	_, err := r.vault.PromoteSuccessor(t.Context(), names, account, old.provenance(5), run)
	require.NoError(t, err)
	consent := r.top(names.RefreshToken)
	r.store(old.entry(6))
	_, err = r.secrets.Set(t.Context(), names.RefreshToken, consent.Value, consent.Properties)
	require.NoError(t, err)
	current, _ := r.load()
	if current.Value.Reveal() == fresh {
		found, err := r.vault.PromoteSuccessor(t.Context(), names, account, current.Provenance, run)
		require.NoError(t, err)
		require.True(t, found)
		current, _ = r.load()
	}
	require.Equal(t, old.provenance(6), current.Provenance)
}

// Its parent got a later number meanwhile, as a consent does that is stored once more.
func TestAPairInFlightOutranksWhatTookItsParentsPlaceUnderALaterNumber(t *testing.T) {
	r := open(t)
	r.secrets.Now = seconds()
	r.upTo(old, 4)
	hiding(r, "fake-refresh-hidden")
	r.consent(given)
	current, _ := r.load()
	r.recordIntent(current)
	e := issuedFor(current, "in-flight")
	dead := current.Provenance
	dead.Generation += 3
	found, err := r.vault.PromoteSuccessor(t.Context(), names, account, dead, run)
	require.NoError(t, err)
	require.True(t, found)
	require.NotEqual(t, given.RefreshToken, r.top(names.RefreshToken).Value)
	require.False(t, r.store(e).Superseded)
	require.Equal(t, e.RefreshToken, r.top(names.RefreshToken).Value)
}
