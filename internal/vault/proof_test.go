package vault_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

func TestTheFirstIntentOfAWorkerIsANewVersionAndTheNextOnesAreTagsAlone(t *testing.T) {
	r := openUnproven(t)
	first := r.secrets.Put(names.RefreshToken, "fake-refresh-old-0")
	current, _ := r.load()
	r.recordIntent(current)
	require.Equal(t, []string{"fake-refresh-old-0", "fake-refresh-old-0"}, r.values(names.RefreshToken))
	proof := r.top(names.RefreshToken)
	require.NotEqual(t, first, proof.Version)
	require.Equal(t, run.RunID, proof.Tags["refresh-run-id"])

	current, _ = r.load()
	require.Equal(t, proof.Version, current.Version)
	require.Equal(t, run.RunID, current.IntentRunID)
	for g := token.Generation(1); g <= 4; g++ {
		calls := r.counts()
		r.recordIntent(current)
		r.store(old.entry(g))
		require.Equal(t, 1, calls["set "+names.RefreshToken], "not one creation more than the store's")
		require.Equal(t, 1, calls["set "+names.AccessToken])
		r.secrets.Before = nil
		current, _ = r.load()
		require.Equal(t, old.provenance(g), current.Provenance)
	}
}

func TestAnIntentIsNotRecordedWhereTheVaultRefusesNewVersionsAlone(t *testing.T) {
	for _, kind := range []error{vault.ErrDenied, vault.ErrRejected, vault.ErrThrottled, vault.ErrReadOnly, vault.ErrUnavailable} {
		r := openUnproven(t)
		r.secrets.Put(names.RefreshToken, "fake-refresh-old-0")
		r.secrets.Before = refusing("set "+names.RefreshToken, kind)
		current, _ := r.load()
		require.ErrorIs(t, r.vault.RecordIntent(t.Context(), names, account, current, run, nil), kind)
		require.Empty(t, r.top(names.RefreshToken).Tags)
	}
}

// A refusal may be of one name alone: the success of another does not hide it.
func TestAnyRefusalOfANewVersionAsksForProofAgain(t *testing.T) {
	other := vault.Names{RefreshToken: "anna-RefreshToken", AccessToken: "anna-AccessToken", Provider: "fitbit"}
	for _, refused := range []string{names.RefreshToken, names.AccessToken} {
		r := open(t)
		r.upTo(old, 4)
		r.keepsAccessFresh()
		r.secrets.Before = refusing("set "+refused, vault.ErrDenied)
		_, err := r.vault.Store(t.Context(), names, old.entry(5), run)
		require.ErrorIs(t, err, vault.ErrDenied)
		current, _ := r.load()
		require.ErrorIs(t, r.vault.RecordIntent(t.Context(), names, account, current, run, nil), vault.ErrDenied, refused)

		// Another account's proof is of its own names.
		r.secrets.Put(other.RefreshToken, "fake-refresh-anna-0")
		anna, _, err := r.vault.Load(t.Context(), other, 0)
		require.NoError(t, err)
		require.NoError(t, r.vault.RecordIntent(t.Context(), other, account, anna, run, nil))
		require.Len(t, r.values(other.RefreshToken), 2, "proven again after the refusal of another's")
		require.ErrorIs(t, r.vault.RecordIntent(t.Context(), names, account, current, run, nil), vault.ErrDenied, refused)

		r.secrets.Before = nil
		current, _ = r.load()
		before := len(r.values(refused))
		r.recordIntent(current)
		require.Len(t, r.values(refused), before+1, "its own write proves it")
		current, _ = r.load()
		calls := r.counts()
		r.recordIntent(current)
		require.Empty(t, calls["set "+refused])
	}
}

func TestAProofKeepsTheTokenAndWhatTheOwnerHasSet(t *testing.T) {
	r := openUnproven(t)
	expires := noon.Add(1000 * time.Hour).Truncate(time.Second)
	_, err := r.secrets.Set(t.Context(), names.RefreshToken, token.NewSecret("fake-refresh-old-0"), vault.Properties{
		ContentType: "text/plain", Tags: map[string]string{"team": "health"}, Expires: expires,
	})
	require.NoError(t, err)
	current, _ := r.load()
	r.recordIntent(current)
	proof := r.top(names.RefreshToken)
	require.Equal(t, "text/plain", proof.ContentType)
	require.Equal(t, "health", proof.Tags["team"])
	require.Equal(t, "0", proof.Tags["generation"])
	require.True(t, expires.Equal(proof.Expires))
}

// Too many calls must not lead to more of them, and a read-only vault refuses tags too.
func TestWhatPassesByItselfAsksForNoProof(t *testing.T) {
	for _, kind := range []error{vault.ErrThrottled, vault.ErrReadOnly, vault.ErrUnavailable} {
		r := open(t)
		r.upTo(old, 4)
		r.secrets.Before = refusing("set "+names.RefreshToken, kind)
		_, err := r.vault.Store(t.Context(), names, old.entry(5), run)
		require.ErrorIs(t, err, kind)
		current, _ := r.load()
		calls := r.counts()
		r.recordIntent(current)
		require.Zero(t, calls["set "+names.RefreshToken], kind)
	}
}

// The pace of a fleet has to know of each version that is created beside the stores'.
func TestEachVersionOfAProofIsCounted(t *testing.T) {
	r := openUnproven(t)
	counted := 0
	r.vault.CountProofs(func() { counted++ })
	n, current := r.loaded("counted", vault.Properties{})
	require.NoError(t, r.vault.RecordIntent(t.Context(), n, account, current, run, nil))
	require.Equal(t, 1, counted, "the worker's first one")

	current, _, err := r.vault.Load(t.Context(), n, 0)
	require.NoError(t, err)
	require.NoError(t, r.vault.RecordIntent(t.Context(), n, account, current, run, nil))
	require.Equal(t, 1, counted, "a change of tags creates none")

	r.secrets.Put(n.AccessToken, "fake-access")
	r.secrets.Before = func(op, name string) error {
		if op == "set" {
			return &vault.Error{Op: op, Name: name, Kind: vault.ErrDenied}
		}
		return nil
	}
	_, err = r.vault.RewriteAccessToken(t.Context(), n)
	require.ErrorIs(t, err, vault.ErrDenied)
	r.secrets.Before = nil
	versions := len(r.values(n.AccessToken))
	require.NoError(t, r.vault.RecordIntent(t.Context(), n, account, current, run, nil))
	require.Len(t, r.values(n.AccessToken), versions+1)
	require.Equal(t, 2, counted, "the role is back, and what was refused is written once more")
}

// A policy looks at each secret's attributes.
func TestEachKindOfAttributesIsProvenOnce(t *testing.T) {
	r := openUnproven(t)
	expires := time.Now().Add(time.Hour)
	for _, p := range []vault.Properties{{}, {ContentType: "text/plain"}, {Expires: expires}, {ContentType: "text/plain", Expires: expires}} {
		for i, want := range []int{2, 1} {
			n, current := r.loaded(fmt.Sprintf("%s-%v-%d", p.ContentType, p.Expires.IsZero(), i), p)
			require.NoError(t, r.vault.RecordIntent(t.Context(), n, account, current, run, nil))
			require.Len(t, r.values(n.RefreshToken), want, n.RefreshToken)
		}
	}
}
