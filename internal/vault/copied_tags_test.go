package vault_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// copies writes values as another program does that copies the current version's tags.
func (r *fixture) copies(count int) {
	r.t.Helper()
	tags := r.top(names.RefreshToken).Tags
	for i := range count {
		_, err := r.secrets.Set(r.t.Context(), names.RefreshToken, token.NewSecret("fake-refresh-copied-"+strconv.Itoa(i)), vault.Properties{Tags: tags})
		require.NoError(r.t, err)
	}
}

// The version whose value the tags describe is found without a read of each copy.
func TestThousandsOfCopiedTagsDoNotHideTheNewestToken(t *testing.T) {
	r := open(t)
	r.secrets.Now = seconds()
	r.upTo(old, 4)
	r.copies(2000)
	r.again(names.RefreshToken, old.refresh(2)) // a late writer
	calls := r.counts()
	current, _ := r.load()
	require.Equal(t, old.refresh(4), current.Value)
	require.Less(t, calls["get "+names.RefreshToken], 10)
}

func TestASearchAmongThousandsOfVersionsReadsABoundedNumber(t *testing.T) {
	r := open(t)
	r.secrets.Now = seconds()
	r.upTo(old, 3)
	first, err := r.vault.Store(t.Context(), names, old.entry(4), run)
	require.NoError(t, err)
	r.copies(2000)
	require.NoError(t, r.secrets.DisableVersion(t.Context(), names.RefreshToken, first.RefreshTokenVersion))
	require.NoError(t, r.secrets.SetTags(t.Context(), names.RefreshToken, first.RefreshTokenVersion, nil))
	r.again(names.RefreshToken, old.refresh(2))
	calls := r.counts()
	_, _, err = r.vault.Load(t.Context(), names, 0)
	require.ErrorIs(t, err, vault.ErrMalformed)
	require.ErrorContains(t, err, "it is spent, and the tags of the 50 newest other versions describe other values")
	require.LessOrEqual(t, calls["get "+names.RefreshToken], 60)

	_, err = r.vault.PromoteSuccessor(t.Context(), names, account, old.provenance(4), run)
	require.NoError(t, err)
	require.LessOrEqual(t, calls["get "+names.RefreshToken], 200)
}
