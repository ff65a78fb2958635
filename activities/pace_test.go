package activities_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/activities"
	"tokenkeeper/internal/pace"
	"tokenkeeper/internal/vault"
)

func (s *system) peek(at attempt, known activities.Known) activities.LoadResult {
	s.t.Helper()
	loaded, err := perform[activities.LoadResult](s, at, "LoadSecrets", activities.LoadInput{Account: account, Known: known, Peek: true})
	require.NoError(s.t, err)
	return loaded
}

func TestAPeekThatFindsNothingUrgentLeavesNothingBehind(t *testing.T) {
	s := newSystem(t)
	before := s.vault.All("RefreshToken")
	loaded := s.peek(attempt{}, activities.Known{})
	require.True(t, loaded.Waits)
	require.Empty(t, loaded.Grant)
	require.Equal(t, "CallFitbit", loaded.CallActivity)
	require.Equal(t, account, loaded.Account)
	require.Equal(t, before, s.vault.All("RefreshToken"))
}

func TestAPeekThatFindsAWindowOpenIsTheWholeLoad(t *testing.T) {
	s := newSystem(t)
	_, err := s.load(attempt{run: "run-1"}) // whose history does not say that it has spent nothing
	require.NoError(t, err)
	loaded := s.peek(attempt{run: "run-2"}, activities.Known{})
	require.False(t, loaded.Waits)
	require.NotEmpty(t, loaded.Grant)
	require.Equal(t, []string{"run-1"}, runsOf(loaded))
	next := s.peek(attempt{run: "run-3"}, activities.Known{})
	require.Equal(t, []string{"run-1", "run-2"}, runsOf(next), "it has left its intent")
}

func TestAPeekAtAVaultThatIsBehindIsTheWholeLoad(t *testing.T) {
	s, newest := restored(t, "")
	loaded := s.peek(attempt{}, activities.Known{Generation: newest.Provenance.Generation, Fingerprint: newest.Provenance.Fingerprint})
	require.True(t, loaded.Behind)
	require.False(t, loaded.Waits)
}

// The vault has asked for an hour's pause.
func TestOnlyALoadThatMayWaitWaitsForTheVaultsPace(t *testing.T) {
	s := newSystem(t)
	s.Pace = pace.New(26)
	s.Pace.Throttled(time.Hour)
	paced := activities.PacedQueue("token-refresh", false)
	_, err := s.load(attempt{queue: "token-refresh"})
	require.NoError(t, err)
	s.peek(attempt{queue: paced}, activities.Known{})
	for _, queue := range []string{paced, activities.PacedQueue("token-refresh", true)} {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		_, err = s.load(attempt{queue: queue, ctx: ctx})
		cancel()
		require.ErrorContains(t, err, "context deadline exceeded")
	}
}

// Their pairs are in their histories.
func TestStoresThatTheVaultRefusesComeBackApartFromEachOther(t *testing.T) {
	s := newSystem(t)
	s.Pace = pace.New(2)
	issued := s.issued()
	s.refuse("set", "RefreshToken", vault.ErrUnavailable)
	var longest time.Duration
	for range 30 {
		_, err := s.store(issued)
		requireFailure(t, err, "VaultNotReady", false)
		longest = max(longest, delayOf(t, err))
	}
	require.Greater(t, longest, 20*time.Second, "two versions a second, and thirty stores")
}
