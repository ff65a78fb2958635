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

func newService(t *testing.T) (consent.Service, *memvault.Vault, vault.Location) {
	t.Helper()
	secrets := &memvault.Vault{}
	keysets := vault.NewKeysets(secrets)
	keyring := seal.New(keysets)
	location, err := vault.Locate(provider.Builtin(), token.Account{Provider: "fitbit", Name: "will"})
	require.NoError(t, err)
	return consent.Service{
		Vault: vault.New(secrets), Keysets: keysets, Keyring: keyring,
		PendingStore: consent.PendingStore{Dir: filepath.Join(t.TempDir(), "state"), Keyring: keyring},
	}, secrets, location
}

func TestASavedConsentIsSealedAndLoadsUnchanged(t *testing.T) {
	service, secrets, location := newService(t)
	_, err := service.Preflight(t.Context(), location)
	require.NoError(t, err)
	secrets.Before = func(op, name string) error { return &vault.Error{Op: op, Name: name, Kind: vault.ErrUnavailable} }
	require.NoError(t, service.PendingStore.Save(t.Context(), location.Account, given), "saving must not need the vault")
	secrets.Before = nil

	path := service.PendingStore.Path(location.Account)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, secret := range []token.Secret{given.AccessToken, given.RefreshToken, given.Client.Secret} {
		require.Empty(t, secretscan.Find(content, secret.Reveal()))
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	folder, err := os.Stat(service.PendingStore.Dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), folder.Mode().Perm())
	left, err := os.ReadDir(service.PendingStore.Dir)
	require.NoError(t, err)
	require.Len(t, left, 1)

	got, found, err := service.PendingStore.Load(t.Context(), location.Account)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, given, got)

	require.NoError(t, service.PendingStore.Delete(location.Account))
	require.NoError(t, service.PendingStore.Delete(location.Account))
	_, found, err = service.PendingStore.Load(t.Context(), location.Account)
	require.NoError(t, err)
	require.False(t, found)
}

func TestAPendingConsentIsOutdatedOnceTheVaultGotAnother(t *testing.T) {
	const before, another = "0123456789abcdef", "fedcba9876543210"
	own := given.RefreshToken.Fingerprint()
	for _, tc := range []struct {
		name          string
		over, current token.Fingerprint
		obtained      time.Time // the current one; zero when unknown
		outdated      bool
	}{
		{"the vault holds the one of before", before, before, time.Time{}, false},
		{"the vault holds a later generation of the one of before", before, before, given.ObtainedAt.Add(time.Hour), false},
		{"the vault holds this one", before, own, time.Time{}, false},
		{"the vault holds another", before, another, time.Time{}, true},
		{"the vault holds no readable one", before, "", time.Time{}, false},
		{"there was no readable one before, so another may be older", "", another, time.Time{}, false},
		{"there was no readable one before, and another is older", "", another, given.ObtainedAt.Add(-time.Hour), false},
		{"there was no readable one before, and another is newer", "", another, given.ObtainedAt.Add(time.Hour), true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := given
			p.Over = tc.over
			require.Equal(t, tc.outdated, p.IsOutdated(vault.RefreshToken{Provenance: token.Provenance{Fingerprint: tc.current, Consent: tc.current}, ObtainedAt: tc.obtained}))
		})
	}
}

func TestAPendingConsentKeepsTheCredentialsOfItsApp(t *testing.T) {
	first := token.Client{ID: "FAKE01", Secret: token.NewSecret("fake-client-secret-1")}
	renewed := token.Client{ID: "FAKE01", Secret: token.NewSecret("fake-client-secret-2")}
	other := token.Client{ID: "FAKE02", Secret: token.NewSecret("fake-client-secret-3")}
	for _, tc := range []struct {
		name                  string
		own, existing, stored token.Client
	}{
		{"the vault has no app", first, token.Client{}, first},
		{"the vault has a newer secret of the app", first, renewed, token.Client{}},
		{"the vault has another app", first, other, first},
		{"the consent was of the vault's app", token.Client{}, first, token.Client{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Equal(t, tc.stored, consent.PendingConsent{Client: tc.own}.ClientFor(consent.Existing{Client: tc.existing}))
		})
	}
}

func TestASavedConsentOpensForItsAccountOnly(t *testing.T) {
	service, _, location := newService(t)
	_, err := service.Preflight(t.Context(), location)
	require.NoError(t, err)
	require.NoError(t, service.PendingStore.Save(t.Context(), location.Account, given))
	other := token.Account{Provider: "fitbit", Name: "ann"}
	require.NoError(t, os.Rename(service.PendingStore.Path(location.Account), service.PendingStore.Path(other)))
	_, _, err = service.PendingStore.Load(t.Context(), other)
	require.ErrorIs(t, err, seal.ErrTampered)
	require.ErrorContains(t, err, "remove the file to go on without it")

	require.NoError(t, os.WriteFile(service.PendingStore.Path(other), []byte("{"), 0o600))
	_, _, err = service.PendingStore.Load(t.Context(), other)
	require.ErrorContains(t, err, "it is damaged")
}

func TestAConsentForOtherNamesHasAFileOfItsOwn(t *testing.T) {
	own := token.Account{Provider: "google-health", Name: "will"}
	moved := token.Account{Provider: "google-health", Name: "will", SecretsOf: "fitbit"}
	d := consent.PendingStore{Dir: "/fake"}
	require.Equal(t, "/fake/google-health.will.sealed.json", d.Path(own))
	require.Equal(t, "/fake/google-health.for-fitbit.will.sealed.json", d.Path(moved))
}

func TestStateDir(t *testing.T) {
	dir, err := consent.StateDir(map[string]string{"XDG_STATE_HOME": "/fake/state"})
	require.NoError(t, err)
	require.Equal(t, filepath.Join("/fake/state", "token-keeper"), dir)
	t.Setenv("HOME", "/fake/home")
	dir, err = consent.StateDir(map[string]string{"XDG_STATE_HOME": "relative"})
	require.NoError(t, err)
	require.Contains(t, dir, "/fake/home")
}
