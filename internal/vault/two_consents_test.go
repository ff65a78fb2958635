package vault_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Consents that a person gives one soon after the other, while runs are at work:
// the provider takes the last one alone.
const (
	first  = "fake-refresh-new-first"
	second = "fake-refresh-new-second"
	third  = "fake-refresh-new-third"
)

func TestOfTwoConsentsWithOneNumberTheLaterCounts(t *testing.T) {
	r := open(t)
	r.secrets.Now = seconds()
	r.upTo(old, 4)
	r.secrets.Put(names.RefreshToken, first)
	slow, _ := r.load()
	r.secrets.Put(names.RefreshToken, second)
	r.secrets.Put(names.RefreshToken, third)
	quick, _ := r.load()
	r.begin(quick)
	r.begin(slow)
	require.Equal(t, quick.Generation, slow.Generation)

	advanced, err := r.vault.PromoteSuccessor(t.Context(), names, account, slow.Provenance, run)
	require.NoError(t, err)
	require.True(t, advanced)
	held, _ := r.load()
	require.Equal(t, third, held.Value.Reveal(), "the second was never tried, and is dead all the same")
	require.False(t, r.store(issuedFor(quick, "new-6")).Superseded)

	advanced, err = r.vault.PromoteSuccessor(t.Context(), names, account, issuedFor(quick, "new-6").Provenance, run)
	require.NoError(t, err)
	require.False(t, advanced, "nothing came after that")
}

func TestAConsentThatIsPutThereWhileAnEarlierOneIsDugUpIsFound(t *testing.T) {
	for call, came := 1, true; came; call++ {
		r := open(t)
		r.secrets.Now = seconds()
		r.upTo(old, 4)
		burying(r, first)
		came = false
		r.at(call, func() {
			came = true
			r.secrets.Put(names.RefreshToken, second)
		})
		for dead := old.provenance(5); came || dead == old.provenance(5); {
			advanced, err := r.vault.PromoteSuccessor(t.Context(), names, account, dead, run)
			require.NoError(t, err)
			require.True(t, advanced, "put there before call %d", call)
			held, _ := r.load()
			if held.Value.Reveal() == second {
				break
			}
			require.Equal(t, first, held.Value.Reveal())
			dead = held.Provenance
		}
	}
}
