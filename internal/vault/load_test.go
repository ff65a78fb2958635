package vault_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

func TestLoadReadsTheTokenThatWasStored(t *testing.T) {
	r := open(t)
	r.upTo(old, 5)
	calls := r.counts()
	held, access := r.load()
	require.Equal(t, old.provenance(5), held.Provenance)
	require.Equal(t, old.refresh(5), held.Value)
	require.Equal(t, r.top(names.RefreshToken).Version, held.Version)
	require.Equal(t, "FAKE01", held.UserID)
	require.True(t, old.entry(5).ObtainedAt.Equal(held.ObtainedAt))
	require.Equal(t, old.access(5).Fingerprint(), access.Fingerprint)
	require.Equal(t, token.Generation(5), access.Generation)
	require.Equal(t, old.entry(5).Expiry, access.Expires)
	// A year of versions is 60 pages: they are listed only on suspicion.
	require.Equal(t, map[string]int{"get " + names.RefreshToken: 1, "get " + names.AccessToken: 1}, calls)
}

func TestALateWriteDoesNotHideTheNewestGeneration(t *testing.T) {
	for _, tc := range []struct {
		name  string
		given func(*room)
	}{
		{"the access token is newer", func(*room) {}},
		{"the access token is disabled", func(r *room) { r.secrets.Disable(names.AccessToken) }},
		{"the access token is deleted", func(r *room) { r.secrets.Delete(names.AccessToken) }},
		{"the access token was put there by hand", func(r *room) { r.secrets.Put(names.AccessToken, "fake-access-by-hand") }},
		{"the access token carries another one's tags", func(r *room) {
			stale := r.secrets.All(names.AccessToken)[5]
			_, err := r.secrets.Set(r.t.Context(), names.AccessToken, token.NewSecret("fake-access-by-hand"), stale.Properties)
			require.NoError(r.t, err)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := open(t)
			r.upTo(old, 6)
			r.again(names.RefreshToken, old.refresh(5))
			tc.given(r)
			held, _ := r.load()
			require.Equal(t, old.provenance(6), held.Provenance)
		})
	}
}

func TestADisabledNewestGenerationIsAnErrorAndNoReasonToSpendAnOlderOne(t *testing.T) {
	r := open(t)
	r.upTo(old, 6)
	r.secrets.Disable(names.RefreshToken)
	r.again(names.RefreshToken, old.refresh(5))
	_, _, err := r.vault.Load(t.Context(), names)
	require.ErrorIs(t, err, vault.ErrDisabled)
}

func TestATokenThatCannotBeReadIsExplained(t *testing.T) {
	for _, tc := range []struct {
		name  string
		given func(*room)
		kind  error
		want  string
	}{
		{"missing", func(*room) {}, vault.ErrNotFound,
			"vault: get will-RefreshToken: not found (in memory); store the refresh token from the provider's consent in it: az keyvault secret set --vault-name VAULT --name will-RefreshToken --file FILE"},
		{"soft-deleted", func(r *room) { r.upTo(old, 1); r.secrets.Delete(names.RefreshToken) }, vault.ErrDeleted,
			"vault: get will-RefreshToken: soft-deleted (in memory); bring it back with: az keyvault secret recover --vault-name VAULT --name will-RefreshToken"},
		{"disabled", func(r *room) { r.upTo(old, 1); r.secrets.Disable(names.RefreshToken) }, vault.ErrDisabled,
			"vault: get will-RefreshToken: disabled"},
		{"empty", func(r *room) { r.secrets.Put(names.RefreshToken, " \n") }, vault.ErrMalformed,
			"vault: read will-RefreshToken: malformed (it is empty); store the refresh token from the provider's consent in it, and nothing else"},
		{"two words", func(r *room) { r.secrets.Put(names.RefreshToken, "Bearer fake-refresh-old-0") }, vault.ErrMalformed, "malformed"},
		{"control characters", func(r *room) { r.secrets.Put(names.RefreshToken, "fake-refresh-old-0\x00") }, vault.ErrMalformed, "malformed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := open(t)
			tc.given(r)
			_, _, err := r.vault.Load(t.Context(), names)
			require.ErrorIs(t, err, tc.kind)
			require.ErrorContains(t, err, tc.want)
			require.NotContains(t, err.Error(), "fake-refresh")
			require.False(t, vault.Retryable(err))
		})
	}
}

func TestAVaultThatIsAwayFailsALoadRetryably(t *testing.T) {
	for _, call := range []string{"get " + names.RefreshToken, "get " + names.AccessToken, "list " + names.RefreshToken} {
		r := open(t)
		r.upTo(old, 6)
		r.again(names.RefreshToken, old.refresh(5))
		r.secrets.Before = refusing(call, vault.ErrUnavailable)
		_, _, err := r.vault.Load(t.Context(), names)
		require.ErrorIs(t, err, vault.ErrUnavailable, call)
		require.True(t, vault.Retryable(err))
	}
}

// refusing fails every call of one operation on one name.
func refusing(call string, kind error) func(op, name string) error {
	return func(op, name string) error {
		if op+" "+name != call {
			return nil
		}
		return &vault.Error{Op: op, Name: name, Kind: kind}
	}
}

func TestAnExplanationSurvivesAVaultThatDoesNotSayWhatIsDeleted(t *testing.T) {
	r := open(t)
	r.secrets.Before = refusing("deleted "+names.RefreshToken, vault.ErrDenied)
	_, _, err := r.vault.Load(t.Context(), names)
	require.ErrorIs(t, err, vault.ErrNotFound)
	require.False(t, errors.Is(err, vault.ErrDenied))
}

func TestASpentTokenDoesNotCountWhateverItsNumber(t *testing.T) {
	r := open(t)
	r.upTo(old, 6)
	tags := r.top(names.RefreshToken).Tags
	tags["generation"] = "2"
	require.NoError(t, r.secrets.SetTags(t.Context(), names.RefreshToken, r.top(names.RefreshToken).Version, tags))
	held, _ := r.load()
	require.Equal(t, old.refresh(6), held.Value)
	r.again(names.RefreshToken, old.refresh(4))
	held, _ = r.load()
	require.Equal(t, old.refresh(6), held.Value)
}

func TestARefreshTokenThatNeverStopsChangingIsNamed(t *testing.T) {
	r := open(t)
	r.secrets.Before = func(op, _ string) error {
		if op == "list" {
			r.secrets.Put(names.RefreshToken, fresh)
		}
		return nil
	}
	r.secrets.Put(names.RefreshToken, fresh)
	_, _, err := r.vault.Load(t.Context(), names)
	require.EqualError(t, err, "vault: get will-RefreshToken: unavailable (other writers change it as fast as it is read)")
	require.True(t, vault.Retryable(err))
}
