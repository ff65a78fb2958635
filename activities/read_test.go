package activities_test

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/activities"
	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/vault"
)

func (s *system) look() (activities.LoadResult, error) {
	return perform[activities.LoadResult](s, attempt{run: "run-now"}, "ReadGrant", account)
}

func TestReadingAGrantLeavesTheIntentRecordAlone(t *testing.T) {
	s := newSystem(t)
	for _, run := range []string{"run-1", "run-2"} {
		_, err := s.load(attempt{run: run})
		require.NoError(t, err)
	}
	before := maps.Clone(s.vault.All("RefreshToken")[0].Tags)
	held, err := s.look()
	require.NoError(t, err)
	require.Equal(t, "run-2", held.EarlierIntentRunID)
	require.NotZero(t, held.EarlierIntentAt)
	require.Equal(t, "run-1", held.OldestIntentRunID)
	require.Equal(t, "CallFitbit", held.CallActivity)
	require.Empty(t, held.Grant)
	require.Equal(t, before, s.vault.All("RefreshToken")[0].Tags)
}

func TestAGrantIsReadWithoutWhatOnlyARefreshNeeds(t *testing.T) {
	s := newSystem(t)
	s.missing("FitbitCredentials")
	s.missing(seal.SecretName)
	s.refuse("tag", "RefreshToken", vault.ErrReadOnly)
	s.coldKeyring()
	held, err := s.look()
	require.NoError(t, err)
	require.Empty(t, held.EarlierIntentRunID)
}

func TestAGrantThatCannotBeReadSaysWhy(t *testing.T) {
	s := newSystem(t)
	s.missing("RefreshToken")
	_, err := s.look()
	require.Contains(t, requireFailure(t, err, activities.MissingSecret, true), "az keyvault secret set --vault-name VAULT --name RefreshToken")
}
