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

func silent(error, time.Duration) {}

func TestAVaultThatTakesNoWritesIsFoundBeforeAnybodyIsAsked(t *testing.T) {
	for name, withKeyset := range map[string]bool{"a new vault": false, "a vault in use": true} {
		t.Run(name, func(t *testing.T) {
			desk, secrets, place := newDesk(t)
			if withKeyset {
				_, err := desk.Preflight(t.Context(), place)
				require.NoError(t, err)
			}
			secrets.Before = func(op, name string) error {
				if op == "set" || op == "tag" {
					return refuse(vault.ErrReadOnly)(op, name)
				}
				return nil
			}
			_, err := desk.Preflight(t.Context(), place)
			require.ErrorIs(t, err, vault.ErrReadOnly)
		})
	}
}

func TestAKeysetThatDoesNotOpenIsFoundBeforeAnybodyIsAsked(t *testing.T) {
	desk, secrets, place := newDesk(t)
	secrets.Put(seal.SecretName, "no keyset")
	_, err := desk.Preflight(t.Context(), place)
	require.ErrorIs(t, err, seal.ErrCorrupt)
}

func TestWhatTheVaultHoldsIsFound(t *testing.T) {
	desk, secrets, place := newDesk(t)
	found, err := desk.Preflight(t.Context(), place)
	require.NoError(t, err)
	require.Zero(t, found)

	secrets.Put("will-RefreshToken", "two words")
	found, err = desk.Preflight(t.Context(), place)
	require.NoError(t, err, "a new consent mends it")
	require.Zero(t, found)

	require.NoError(t, put(desk, place, given))
	found, err = desk.Preflight(t.Context(), place)
	require.NoError(t, err)
	require.Equal(t, consent.Existing{Client: given.Client, Consent: given.RefreshToken.Fingerprint(), UserID: "FAKE01"}, found)
}

func put(desk consent.Service, place vault.Location, k consent.PendingConsent) error {
	_, err := desk.Store(context.Background(), place, k, silent)
	return err
}

func TestAPutGoesOnUntilTheVaultHasIt(t *testing.T) {
	desk, secrets, place := newDesk(t)
	_, err := desk.Preflight(t.Context(), place)
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
		k := given
		k.RefreshToken = token.NewSecret("fake-refresh-before-" + name)
		k.AccessToken = token.NewSecret("fake-access-before-" + name)
		k.Client.Secret = token.NewSecret("fake-client-before-" + name)
		told := 0
		superseded, err := desk.Store(t.Context(), place, k, func(err error, again time.Duration) {
			told++
			require.ErrorIs(t, err, vault.ErrUnavailable)
			require.Positive(t, again)
		})
		require.NoError(t, err)
		require.False(t, superseded)
		require.Equal(t, 1, told)
		client, err := desk.Vault.Credentials(t.Context(), place.Names)
		require.NoError(t, err)
		require.Equal(t, k.Client, client)
		held, _, err := desk.Vault.Load(t.Context(), place.Names)
		require.NoError(t, err)
		require.Equal(t, k.RefreshToken, held.Value)
	}
}

func TestAPutEndsWhereAPersonMustMendSomethingOrStopsIt(t *testing.T) {
	desk, secrets, place := newDesk(t)
	secrets.Before = refuse(vault.ErrRejected)
	require.ErrorIs(t, put(desk, place, given), vault.ErrRejected)

	secrets.Before = refuse(vault.ErrUnavailable)
	ctx, stop := context.WithCancel(t.Context())
	_, err := desk.Store(ctx, place, given, func(error, time.Duration) { stop() })
	require.ErrorIs(t, err, context.Canceled)
}

func TestAKeptConsentIsOutdatedOnceAnotherCame(t *testing.T) {
	const before = "0123456789abcdef"
	for _, tc := range []struct {
		name          string
		over, consent token.Fingerprint
		outdated      bool
	}{
		{"nothing came", before, before, false},
		{"it came itself", before, given.RefreshToken.Fingerprint(), false},
		{"another came", before, "fedcba9876543210", true},
		{"nothing could be read before, and what is there may be older", "", "fedcba9876543210", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			desk, _, place := newDesk(t)
			_, err := desk.Preflight(t.Context(), place)
			require.NoError(t, err)
			k := given
			k.Over = tc.over
			require.NoError(t, desk.PendingStore.Save(t.Context(), place.Account, k))
			got, exists, outdated, err := desk.Pending(t.Context(), place, consent.Existing{Consent: tc.consent})
			require.NoError(t, err)
			require.True(t, exists)
			require.Equal(t, tc.outdated, outdated)
			require.Equal(t, k, got)
		})
	}
}

func TestAnotherPersonsConsentIsRefused(t *testing.T) {
	_, _, place := newDesk(t)
	require.NoError(t, consent.CheckPerson(place, "", "FAKE01"))
	require.NoError(t, consent.CheckPerson(place, "FAKE01", ""))
	require.NoError(t, consent.CheckPerson(place, "FAKE01", "FAKE01"))
	err := consent.CheckPerson(place, "FAKE01", "FAKE02")
	require.ErrorIs(t, err, consent.ErrOtherPerson)
	require.ErrorContains(t, err, "fitbit/will holds the tokens of user FAKE01 at Fitbit, and this consent is of user FAKE02; nothing was stored. Sign in at Fitbit as the right person")
}
