package consent_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/consent"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/sim/memvault"
	"tokenkeeper/internal/testenv/secretscan"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// given is a consent whose secrets are long enough to be searched for.
var given = consent.PendingConsent{
	Pair: token.Pair{
		AccessToken: token.NewSecret("fake-access-canary-7h3x"), RefreshToken: token.NewSecret("fake-refresh-canary-7h3x"),
		Issue: token.Issue{ObtainedAt: now, Expiry: now.Add(time.Hour), UserID: "FAKE01", Scopes: []string{"sleep"}},
	},
	Client: token.Client{ID: "FAKE0C", Secret: token.NewSecret("fake-client-canary-7h3x")},
	Over:   "0123456789abcdef",
}

func newDesk(t *testing.T) (consent.Service, *memvault.Vault, vault.Location) {
	t.Helper()
	secrets := &memvault.Vault{}
	keysets := vault.NewKeysets(secrets)
	keyring := seal.New(keysets)
	place, err := vault.Locate(provider.Builtin(), token.Account{Provider: "fitbit", Name: "will"})
	require.NoError(t, err)
	return consent.Service{
		Vault: vault.New(secrets), Keysets: keysets, Keyring: keyring,
		PendingStore: consent.PendingStore{Dir: filepath.Join(t.TempDir(), "state"), Keyring: keyring},
	}, secrets, place
}

func TestAKeptConsentIsSealedAndComesBackWhole(t *testing.T) {
	desk, secrets, place := newDesk(t)
	_, err := desk.Preflight(t.Context(), place)
	require.NoError(t, err)
	secrets.Before = func(op, name string) error { return &vault.Error{Op: op, Name: name, Kind: vault.ErrUnavailable} }
	require.NoError(t, desk.PendingStore.Save(t.Context(), place.Account, given), "keeping must not need the vault")
	secrets.Before = nil

	path := desk.PendingStore.Path(place.Account)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, secret := range []token.Secret{given.AccessToken, given.RefreshToken, given.Client.Secret} {
		require.Empty(t, secretscan.Find(content, secret.Reveal()))
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	folder, err := os.Stat(desk.PendingStore.Dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), folder.Mode().Perm())
	left, err := os.ReadDir(desk.PendingStore.Dir)
	require.NoError(t, err)
	require.Len(t, left, 1)

	got, found, err := desk.PendingStore.Load(t.Context(), place.Account)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, given, got)

	require.NoError(t, desk.PendingStore.Delete(place.Account))
	require.NoError(t, desk.PendingStore.Delete(place.Account))
	_, found, err = desk.PendingStore.Load(t.Context(), place.Account)
	require.NoError(t, err)
	require.False(t, found)
}

func TestAKeptConsentOpensForItsAccountOnly(t *testing.T) {
	desk, _, place := newDesk(t)
	_, err := desk.Preflight(t.Context(), place)
	require.NoError(t, err)
	require.NoError(t, desk.PendingStore.Save(t.Context(), place.Account, given))
	other := token.Account{Provider: "fitbit", Name: "ann"}
	require.NoError(t, os.Rename(desk.PendingStore.Path(place.Account), desk.PendingStore.Path(other)))
	_, _, err = desk.PendingStore.Load(t.Context(), other)
	require.ErrorIs(t, err, seal.ErrTampered)
	require.ErrorContains(t, err, "remove it to go on without what it holds")

	require.NoError(t, os.WriteFile(desk.PendingStore.Path(other), []byte("{"), 0o600))
	_, _, err = desk.PendingStore.Load(t.Context(), other)
	require.ErrorContains(t, err, "is damaged")
}

func TestAConsentForOtherNamesIsKeptApart(t *testing.T) {
	own := token.Account{Provider: "google-health", Name: "will"}
	moved := token.Account{Provider: "google-health", Name: "will", SecretsOf: "fitbit"}
	d := consent.PendingStore{Dir: "/fake"}
	require.Equal(t, "/fake/google-health.will.sealed.json", d.Path(own))
	require.Equal(t, "/fake/google-health.for-fitbit.will.sealed.json", d.Path(moved))
}

func TestTheStateFolderIsTheUsers(t *testing.T) {
	dir, err := consent.StateDir(map[string]string{"XDG_STATE_HOME": "/fake/state"})
	require.NoError(t, err)
	require.Equal(t, filepath.Join("/fake/state", "token-keeper"), dir)
	t.Setenv("HOME", "/fake/home")
	dir, err = consent.StateDir(map[string]string{"XDG_STATE_HOME": "relative"})
	require.NoError(t, err)
	require.Contains(t, dir, "/fake/home")
}
