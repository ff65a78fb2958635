package vault_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// staleFrom lets reads of a name's current version lag behind from its n-th read on.
func (r *fixture) staleFrom(op, name string, n, behind int) {
	reads := 0
	r.secrets.Behind = func(o, of string) int {
		if o != op || of != name {
			return 0
		}
		if reads++; reads < n {
			return 0
		}
		return behind
	}
}

func TestAStaleReadMakesNoSecondVersionOfAGeneration(t *testing.T) {
	for _, behind := range []int{1, 2, 3} {
		r := open(t)
		r.secrets.Now = seconds()
		r.upTo(old, 4)
		r.staleFrom("get", names.RefreshToken, 2, behind)
		receipt := r.store(old.entry(5))
		require.False(t, receipt.Superseded)
		require.Equal(t, r.top(names.RefreshToken).Version, receipt.RefreshTokenVersion)
		require.Len(t, r.values(names.RefreshToken), 6, "generations 0 to 5, each once")
	}
}

func TestAStaleReadMakesNoSecondVersionOfAConsent(t *testing.T) {
	r := open(t)
	r.secrets.Now = seconds()
	r.upTo(old, 4)
	r.staleFrom("get", names.RefreshToken, 2, 1)
	require.False(t, r.consent(given).Superseded)
	require.Len(t, r.values(names.RefreshToken), 6)
}

func TestAStaleReadMakesNoPromotionGoOn(t *testing.T) {
	r := open(t)
	r.secrets.Now = seconds()
	r.upTo(old, 6)
	r.again(names.RefreshToken, old.refresh(5))
	r.staleFrom("get", names.RefreshToken, 2, 1)
	found, err := r.vault.PromoteSuccessor(t.Context(), names, account, old.provenance(5), run)
	require.NoError(t, err)
	require.True(t, found)
	require.LessOrEqual(t, len(r.values(names.RefreshToken)), 10)
	require.Equal(t, old.refresh(6), r.top(names.RefreshToken).Value)
}

// What is known to be newer than the current version is looked for among all of them.
func TestALoadThatKnowsOfALaterGenerationIsNotStale(t *testing.T) {
	r := open(t)
	r.upTo(old, 5)
	r.secrets.Behind = func(op, _ string) int {
		if op == "get" {
			return 1
		}
		return 0
	}
	stale, _ := r.load()
	require.Equal(t, token.Generation(4), stale.Generation)
	require.Equal(t, old.provenance(5), r.loadAtLeast(5).Provenance)
}

func TestARestoredVaultShowsWhatItHas(t *testing.T) {
	r := open(t)
	r.upTo(old, 5)
	monday := r.secrets.Backup()
	r.upTo(old, 8)
	r.secrets.Restore(monday)
	current := r.loadAtLeast(8)
	require.Equal(t, old.provenance(5), current.Provenance)
	require.Equal(t, token.Generation(5), current.Shown)
	require.Positive(t, current.VersionsRead)
	require.False(t, r.store(old.entry(8)).Superseded)
	require.Equal(t, old.provenance(8), r.loadAtLeast(8).Provenance)
}

// A store that reads what was there before a later generation writes over it, and puts
// that back on top.
func TestAStoreThatReadsStaleNeverRegresses(t *testing.T) {
	r := open(t)
	r.secrets.Now = seconds()
	r.upTo(old, 6)
	reads := 0
	r.secrets.Behind = func(op, name string) int {
		if op == "get" && name == names.RefreshToken {
			if reads++; reads == 1 {
				return 2
			}
		}
		return 0
	}
	require.True(t, r.store(old.entry(5)).Superseded)
	require.Equal(t, old.refresh(6), r.top(names.RefreshToken).Value)
	require.Equal(t, old.access(6), r.top(names.AccessToken).Value)
}

func TestATagOfAnAbsurdGenerationStatesNothing(t *testing.T) {
	for _, absurd := range []string{"1000000001", "9223372036854775806", "9223372036854775807", "18446744073709551616"} {
		r := open(t)
		r.upTo(old, 5)
		for _, name := range []string{names.RefreshToken, names.AccessToken} {
			top := r.top(name)
			top.Tags["generation"] = absurd
			require.NoError(t, r.secrets.SetTags(t.Context(), name, top.Version, top.Tags))
		}
		current, access := r.load()
		require.Equal(t, old.refresh(5), current.Value)
		require.Equal(t, token.Generation(5), current.Generation, "after generation 4")
		require.False(t, access.Tagged)
		r.recordIntent(current)
		require.False(t, r.store(vault.Entry{Account: account, Pair: old.entry(6).Pair, Provenance: current.Next(old.refresh(6).Fingerprint())}).Superseded)
		_, access = r.load()
		require.Equal(t, token.Generation(6), access.Generation)
	}
}

// Two rotations end the replay window, whatever its length: the second one uses what the
// first one issued.
func TestAnIntentThatTookLongIsRefusedWhereTheTokenRotatedMeanwhile(t *testing.T) {
	for name, slow := range map[string]struct {
		before, after bool
		refused       bool
	}{
		"before the write":           {before: true, refused: true},
		"in the write":               {after: true, refused: true},
		"not at all, and not slowly": {},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := open(t)
				r.upTo(old, 1)
				current, _ := r.load()
				rotate := func() {
					time.Sleep(2 * time.Second)
					r.upTo(old, 3)
				}
				if slow.before {
					rotate()
				}
				var once sync.Once
				r.secrets.Before = func(op, _ string) error {
					if op == "tag" && slow.after {
						once.Do(rotate)
					}
					return nil
				}
				err := r.vault.RecordIntent(t.Context(), names, account, current, run, nil)
				if slow.refused {
					require.ErrorIs(t, err, vault.ErrUnavailable)
					require.ErrorContains(t, err, "must be read again")
					return
				}
				require.NoError(t, err)
			})
		})
	}
}
