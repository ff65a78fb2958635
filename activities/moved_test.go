package activities_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/activities"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// movedAccount is the default account of Fitbit once it is Google Health's.
var movedAccount = token.Account{Provider: "google-health", Name: "default", SecretsOf: "fitbit"}

// move puts Google's secrets where they are put by hand; see docs/google-health.md.
func (s *system) move() {
	s.t.Helper()
	s.vault.Put("GoogleHealthCredentials", credentials)
	_, err := s.vault.Set(s.t.Context(), "RefreshToken", token.NewSecret(canary+"refresh-of-google"), vault.Properties{Tags: map[string]string{"provider": "google-health"}})
	require.NoError(s.t, err)
}

func TestAMovedAccountKeepsItsNames(t *testing.T) {
	s := newSystem(t)
	s.move()
	loaded, err := perform[activities.LoadResult](s, attempt{}, "LoadSecrets", activities.LoadInput{Account: movedAccount})
	require.NoError(t, err)
	require.Equal(t, movedAccount, loaded.Account)
	require.Equal(t, "CallGoogleHealth", loaded.CallActivity)
	require.Equal(t, token.NewSecret(canary+"refresh-of-google").Fingerprint(), loaded.Provenance.Fingerprint)
	require.Equal(t, "google-health", s.vault.All("RefreshToken")[1].Tags["provider"])
}

func TestACronThatWasLeftBehindByAMoveSpendsNothingAndOverwritesNothing(t *testing.T) {
	s := newSystem(t)
	before := s.mustLoad()
	s.move()
	_, err := perform[activities.LoadResult](s, attempt{run: "run-of-google"}, "LoadSecrets", activities.LoadInput{Account: movedAccount})
	require.NoError(t, err)

	_, err = s.load(attempt{run: "run-2"})
	message := requireFailure(t, err, activities.ForeignSecret, true)
	require.Contains(t, message, "end what refreshes it at fitbit: starter stop")

	// A further attempt of the run that had loaded before presents nothing either.
	err = s.call(attempt{number: 2, asked: time.Hour}, before)
	requireFailure(t, err, activities.ForeignSecret, true)
	require.Empty(t, s.provider.Events("USER-1"), "nothing was presented")
	require.Equal(t, canary+"refresh-of-google", s.held())
}

func TestASecretOfAnUnknownProviderIsRefused(t *testing.T) {
	s := newSystem(t)
	_, err := perform[activities.LoadResult](s, attempt{asked: time.Hour}, "LoadSecrets", activities.LoadInput{Account: token.Account{Provider: "google-health", Name: "default", SecretsOf: "fitbot"}})
	require.Contains(t, requireFailure(t, err, activities.InvalidInput, true), `provider "fitbot" is not known`)
}
