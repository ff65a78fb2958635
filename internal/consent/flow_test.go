package consent_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/consent"
	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

func refuse(kind error) func(op, name string) error {
	return func(op, name string) error { return &vault.Error{Op: op, Name: name, Kind: kind} }
}

func ignore(error, time.Duration) {}

func TestPreflightFailsWhereTheVaultTakesNoWrites(t *testing.T) {
	for name, withKeyset := range map[string]bool{"a new vault": false, "a vault in use": true} {
		t.Run(name, func(t *testing.T) {
			service, secrets, location := newService(t)
			if withKeyset {
				_, err := service.Preflight(t.Context(), location)
				require.NoError(t, err)
			}
			secrets.Before = func(op, name string) error {
				if op == "set" || op == "tag" {
					return refuse(vault.ErrReadOnly)(op, name)
				}
				return nil
			}
			_, err := service.Preflight(t.Context(), location)
			require.ErrorIs(t, err, vault.ErrReadOnly)
		})
	}
}

func TestPreflightFailsWhereTheKeysetDoesNotOpen(t *testing.T) {
	service, secrets, location := newService(t)
	secrets.Put(seal.SecretName, "no keyset")
	_, err := service.Preflight(t.Context(), location)
	require.ErrorIs(t, err, seal.ErrCorrupt)
}

func TestPreflightReturnsWhatTheVaultHolds(t *testing.T) {
	service, secrets, location := newService(t)
	existing, err := service.Preflight(t.Context(), location)
	require.NoError(t, err)
	require.Zero(t, existing)

	secrets.Put("will-RefreshToken", "two words")
	existing, err = service.Preflight(t.Context(), location)
	require.NoError(t, err, "a new consent mends it")
	require.Zero(t, existing)

	require.NoError(t, store(service, location, given))
	existing, err = service.Preflight(t.Context(), location)
	require.NoError(t, err)
	require.Equal(t, given.Client, existing.Client)
	require.Equal(t, given.RefreshToken, existing.RefreshToken.Value)
	require.Equal(t, given.RefreshToken.Fingerprint(), existing.RefreshToken.Consent)
	require.Equal(t, "FAKE01", existing.RefreshToken.UserID)
}

func store(service consent.Service, location vault.Location, p consent.PendingConsent) error {
	_, err := service.Store(context.Background(), location, p, ignore)
	return err
}

func TestCurrentIsZeroWhereOnlyANewConsentHelps(t *testing.T) {
	service, secrets, location := newService(t)
	current := func() token.Fingerprint {
		t.Helper()
		r, err := service.Current(t.Context(), location)
		require.NoError(t, err)
		return r.Fingerprint
	}
	require.Empty(t, current(), "none")
	secrets.Put("will-RefreshToken", "two words")
	require.Empty(t, current(), "malformed")
	secrets.Put("will-RefreshToken", "fake-by-hand")
	require.Equal(t, token.NewSecret("fake-by-hand").Fingerprint(), current(), "without tags, and usable")
	secrets.Disable("will-RefreshToken")
	require.Empty(t, current(), "disabled")
	require.NoError(t, store(service, location, given))
	require.Equal(t, given.RefreshToken.Fingerprint(), current())
	location.Names.Provider = "google-health"
	require.Empty(t, current(), "another provider's")

	secrets.Before = refuse(vault.ErrUnavailable)
	_, err := service.Current(t.Context(), location)
	require.ErrorIs(t, err, vault.ErrUnavailable)
}

func TestStoreRetriesUntilTheVaultHasAllOfIt(t *testing.T) {
	service, secrets, location := newService(t)
	_, err := service.Preflight(t.Context(), location)
	require.NoError(t, err)
	for _, name := range []string{"FitbitCredentials", "will-RefreshToken", "will-AccessToken"} {
		failures := 1
		secrets.Before = func(op, at string) error {
			if op == "set" && at == name && failures > 0 {
				failures--
				return refuse(vault.ErrUnavailable)(op, at)
			}
			return nil
		}
		p := given
		p.RefreshToken = token.NewSecret("fake-refresh-before-" + name)
		p.AccessToken = token.NewSecret("fake-access-before-" + name)
		p.Client.Secret = token.NewSecret("fake-client-before-" + name)
		retries := 0
		stored, err := service.Store(t.Context(), location, p, func(err error, wait time.Duration) {
			retries++
			require.ErrorIs(t, err, vault.ErrUnavailable)
			require.Positive(t, wait)
		})
		require.NoError(t, err)
		require.False(t, stored.Superseded)
		require.NotEmpty(t, stored.RefreshTokenVersion)
		require.Equal(t, 1, retries)
		client, err := service.Vault.Credentials(t.Context(), location.Names)
		require.NoError(t, err)
		require.Equal(t, p.Client, client)
		current, err := service.Current(t.Context(), location)
		require.NoError(t, err)
		require.Equal(t, p.RefreshToken, current.Value)
	}
}

func TestStoreEndsOnAPermanentFailureAndOnCancel(t *testing.T) {
	service, secrets, location := newService(t)
	secrets.Before = refuse(vault.ErrRejected)
	require.ErrorIs(t, store(service, location, given), vault.ErrRejected)

	secrets.Before = refuse(vault.ErrUnavailable)
	ctx, stop := context.WithCancel(t.Context())
	_, err := service.Store(ctx, location, given, func(error, time.Duration) { stop() })
	require.ErrorIs(t, err, context.Canceled)
}

func TestAnotherUsersConsentIsRefused(t *testing.T) {
	_, _, location := newService(t)
	require.NoError(t, consent.CheckUser(location, "", "FAKE01"))
	require.NoError(t, consent.CheckUser(location, "FAKE01", ""))
	require.NoError(t, consent.CheckUser(location, "FAKE01", "FAKE01"))
	err := consent.CheckUser(location, "FAKE01", "FAKE02")
	require.ErrorIs(t, err, consent.ErrOtherUser)
	require.ErrorContains(t, err, "the vault's tokens of fitbit/will are user FAKE01's, this consent is user FAKE02's; nothing was stored; sign in at Fitbit as the former")
}

func TestMissingScopes(t *testing.T) {
	requested := []string{"activity", "heartrate", "sleep"}
	require.Equal(t, []string{"heartrate"}, consent.MissingScopes(requested, []string{"sleep", "activity", "profile"}))
	require.Empty(t, consent.MissingScopes(requested, requested))
	require.Empty(t, consent.MissingScopes(requested, nil), "an answer that names none grants all")
	require.Empty(t, consent.MissingScopes(nil, []string{"activity"}))
}
