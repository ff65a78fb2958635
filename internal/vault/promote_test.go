package vault_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// hiding is a store of old.entry(5) that writes over a new consent: it is put there
// between the store's read and its write.
func hiding(r *fixture, consent string) {
	r.at(2, func() { r.secrets.Put(names.RefreshToken, consent) })
	r.store(old.entry(5))
	r.secrets.Before = nil
}

const fresh = "fake-refresh-new"

func TestPromoteFindsWhatOutranksADeadToken(t *testing.T) {
	for _, tc := range []struct {
		name  string
		given func(*fixture)
		dead  token.Provenance
		want  token.Secret
		g     token.Generation
		older string // a hidden consent that is tried after it; none where empty
	}{
		{"a later generation on top", func(r *fixture) { r.upTo(old, 6) }, old.provenance(5), old.refresh(6), 6, ""},
		{"a later generation under a late write", func(r *fixture) {
			r.upTo(old, 6)
			r.again(names.RefreshToken, old.refresh(5))
		}, old.provenance(5), old.refresh(6), 6, ""},
		{"the newest of several", func(r *fixture) {
			r.upTo(old, 8)
			r.again(names.RefreshToken, old.refresh(5))
		}, old.provenance(5), old.refresh(8), 8, ""},
		{"a later generation under garbage", func(r *fixture) {
			r.upTo(old, 6)
			r.secrets.Put(names.RefreshToken, "two words")
		}, old.provenance(5), old.refresh(6), 6, ""},
		{"a later generation under the dead one put back by hand", func(r *fixture) {
			r.upTo(old, 6)
			r.secrets.Put(names.RefreshToken, old.refresh(5).Reveal())
		}, old.provenance(5), old.refresh(6), 6, ""},
		{"a later generation under a disabled one", func(r *fixture) {
			r.upTo(old, 6)
			r.again(names.RefreshToken, old.refresh(4))
			r.secrets.Disable(names.RefreshToken)
		}, old.provenance(5), old.refresh(6), 6, ""},
		{"a consent on top", func(r *fixture) {
			r.upTo(old, 5)
			r.secrets.Put(names.RefreshToken, fresh)
		}, old.provenance(5), token.NewSecret(fresh), 6, ""},
		{"a consent on top of a later generation", func(r *fixture) {
			r.upTo(old, 6)
			r.secrets.Put(names.RefreshToken, fresh)
		}, old.provenance(5), token.NewSecret(fresh), 7, ""},
		{"a consent hidden under the dead token", func(r *fixture) {
			r.upTo(old, 4)
			hiding(r, fresh)
		}, old.provenance(5), token.NewSecret(fresh), 6, ""},
		{"the later of two consents hidden under the dead token", func(r *fixture) {
			r.secrets.Now = seconds()
			r.upTo(old, 4)
			r.at(2, func() {
				r.secrets.Put(names.RefreshToken, "fake-refresh-new-mistyped")
				r.secrets.Put(names.RefreshToken, fresh)
			})
			r.store(old.entry(5))
			r.secrets.Before = nil
		}, old.provenance(5), token.NewSecret(fresh), 6, "fake-refresh-new-mistyped"},
		{"a consent that is hidden although a run has numbered it", func(r *fixture) {
			r.upTo(old, 4)
			r.at(2, func() {
				r.secrets.Before = nil
				r.secrets.Put(names.RefreshToken, fresh)
				current, _ := r.load()
				r.recordIntent(current)
			})
			r.store(old.entry(5))
		}, old.provenance(5), token.NewSecret(fresh), 5, ""},
		{"a consent that is hidden under another consent", func(r *fixture) {
			r.secrets.Put(names.RefreshToken, old.refresh(0).Reveal())
			current, _ := r.load()
			r.recordIntent(current)
			r.secrets.Put(names.RefreshToken, fresh)
			r.again(names.RefreshToken, old.refresh(0))
		}, old.provenance(0), token.NewSecret(fresh), 1, ""},
		{"a hidden consent, for a dead token that the vault never had", func(r *fixture) {
			r.upTo(old, 4)
			hiding(r, fresh)
		}, line{name: "elsewhere"}.provenance(5), token.NewSecret(fresh), 6, ""},
		{"what the dead token was spent for, under whatever number", func(r *fixture) {
			r.upTo(old, 6)
			r.again(names.RefreshToken, old.refresh(4))
		}, token.Provenance{Generation: 6, Fingerprint: old.refresh(5).Fingerprint(), Consent: old.refresh(5).Fingerprint()}, old.refresh(6), 6, ""},
		{"a consent beside copied tags", func(r *fixture) {
			r.upTo(old, 6)
			_, err := r.secrets.Set(r.t.Context(), names.RefreshToken, token.NewSecret(fresh), r.top(names.RefreshToken).Properties)
			require.NoError(r.t, err)
			r.again(names.RefreshToken, old.refresh(5))
			r.secrets.Delete(names.AccessToken)
		}, old.provenance(5), old.refresh(6), 6, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := open(t)
			tc.given(r)
			advanced, err := r.vault.PromoteSuccessor(t.Context(), names, account, tc.dead, run)
			require.NoError(t, err)
			require.True(t, advanced)
			current, _ := r.load()
			require.Equal(t, tc.want, current.Value)
			require.Equal(t, tc.g, current.Generation)
			require.Equal(t, tc.want, r.top(names.RefreshToken).Value)

			if tc.older != "" {
				r.recordIntent(current)
				advanced, err = r.vault.PromoteSuccessor(t.Context(), names, account, current.Provenance, run)
				require.NoError(t, err)
				require.True(t, advanced, "an older one is tried after that")
				current, _ = r.load()
				require.Equal(t, tc.older, current.Value.Reveal())
			}

			// There is nothing after that, and asking again changes nothing.
			before := r.values(names.RefreshToken)
			r.recordIntent(current)
			advanced, err = r.vault.PromoteSuccessor(t.Context(), names, account, current.Provenance, run)
			require.NoError(t, err)
			require.False(t, advanced)
			require.Equal(t, before, r.values(names.RefreshToken))
		})
	}
}

func TestPromoteAdoptsNothingThatIsOlderOrSpent(t *testing.T) {
	for _, tc := range []struct {
		name  string
		given func(*fixture)
		dead  token.Provenance
	}{
		{"nothing at all", func(*fixture) {}, old.provenance(5)},
		{"a deleted name", func(r *fixture) { r.upTo(old, 6); r.secrets.Delete(names.RefreshToken) }, old.provenance(5)},
		{"only what is older", func(r *fixture) { r.upTo(old, 5) }, old.provenance(5)},
		{"a spent token put back and hidden", func(r *fixture) {
			r.upTo(old, 4)
			hiding(r, old.refresh(3).Reveal())
		}, old.provenance(5)},
		{"the dead token itself put back and hidden", func(r *fixture) {
			r.upTo(old, 4)
			hiding(r, old.refresh(5).Reveal())
		}, old.provenance(5)},
		{"garbage that was hidden", func(r *fixture) {
			r.upTo(old, 4)
			hiding(r, "two words")
		}, old.provenance(5)},
		{"a hidden consent that is disabled", func(r *fixture) {
			r.upTo(old, 4)
			r.at(2, func() {
				r.secrets.Put(names.RefreshToken, fresh)
				r.secrets.Disable(names.RefreshToken)
			})
			r.store(old.entry(5))
		}, old.provenance(5)},
		{"a line that a dead consent came after", func(r *fixture) {
			r.upTo(old, 5)
			r.secrets.Put(names.RefreshToken, fresh)
			current, _ := r.load()
			r.recordIntent(current)
		}, token.Provenance{Generation: 6, Fingerprint: token.NewSecret(fresh).Fingerprint(), Consent: token.NewSecret(fresh).Fingerprint()}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := open(t)
			tc.given(r)
			before := r.values(names.RefreshToken)
			advanced, err := r.vault.PromoteSuccessor(t.Context(), names, account, tc.dead, run)
			require.NoError(t, err)
			require.False(t, advanced)
			require.Equal(t, before, r.values(names.RefreshToken))
		})
	}
}

func TestASuccessorThatIsOnTopIsNotWrittenAgain(t *testing.T) {
	r := open(t)
	r.upTo(old, 6)
	before := r.values(names.RefreshToken)
	advanced, err := r.vault.PromoteSuccessor(t.Context(), names, account, old.provenance(5), run)
	require.NoError(t, err)
	require.True(t, advanced)
	require.Equal(t, before, r.values(names.RefreshToken))
}

func TestPromoteLeavesAloneWhatAnotherProgramRotatedThroughBefore(t *testing.T) {
	r := open(t)
	r.secrets.Now = seconds()
	r.secrets.Put(names.RefreshToken, "fake-refresh-article-1")
	r.secrets.Put(names.RefreshToken, "fake-refresh-article-2")
	current, _ := r.load()
	r.recordIntent(current)
	issued := issuedFor(current, "new-1")
	r.store(issued)
	for _, dead := range []token.Provenance{current.Provenance.Next("fake-lost"), issued.Provenance} {
		advanced, err := r.vault.PromoteSuccessor(t.Context(), names, account, dead, run)
		require.NoError(t, err)
		require.False(t, advanced)
	}
}

func TestASuccessorKeepsItsIntentRecord(t *testing.T) {
	r := open(t)
	r.upTo(old, 6)
	current, _ := r.load()
	r.recordIntent(current)
	r.again(names.RefreshToken, old.refresh(5))
	_, err := r.vault.PromoteSuccessor(t.Context(), names, account, old.provenance(5), vault.Run{RunID: "run-2"})
	require.NoError(t, err)
	current, _ = r.load()
	require.Equal(t, run.RunID, current.IntentRunID)
}

func TestADisabledSuccessorIsNamedAndNotPassedOver(t *testing.T) {
	r := open(t)
	r.upTo(old, 6)
	r.secrets.Disable(names.RefreshToken)
	r.again(names.RefreshToken, old.refresh(5))
	_, err := r.vault.PromoteSuccessor(t.Context(), names, account, old.provenance(5), run)
	require.ErrorIs(t, err, vault.ErrDisabled)
}

func TestPromoteGivesWayToAFasterWriter(t *testing.T) {
	r := open(t)
	r.upTo(old, 6)
	r.again(names.RefreshToken, old.refresh(5))
	r.at(4, func() { // between its last read and its write
		r.secrets.Before = nil
		r.store(old.entry(6))
		r.store(old.entry(7))
	})
	advanced, err := r.vault.PromoteSuccessor(t.Context(), names, account, old.provenance(5), run)
	require.NoError(t, err)
	require.True(t, advanced)
	require.Equal(t, old.refresh(7), r.top(names.RefreshToken).Value)
}

func TestAVaultThatIsAwayFailsAPromotion(t *testing.T) {
	for n := 1; ; n++ {
		r := open(t)
		r.upTo(old, 6)
		r.again(names.RefreshToken, old.refresh(5))
		calls := 0
		r.secrets.Before = func(op, name string) error {
			if calls++; calls == n {
				return &vault.Error{Op: op, Name: name, Kind: vault.ErrThrottled}
			}
			return nil
		}
		_, err := r.vault.PromoteSuccessor(t.Context(), names, account, old.provenance(5), run)
		if err == nil {
			require.Greater(t, n, 5)
			return
		}
		require.ErrorIs(t, err, vault.ErrThrottled)
		current, _ := r.load()
		require.Equal(t, old.refresh(6), current.Value)
	}
}
