package activities_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"

	"tokenkeeper/activities"
	"tokenkeeper/internal/sim/authserver"
)

// withoutSlots is a system whose provider keeps one call's answer, which is its share.
func withoutSlots(t *testing.T) (s *system, loaded activities.LoadResult) {
	t.Helper()
	s = newSystemWith(t, setup{slots: 4})
	loaded = s.mustLoad()
	require.NoError(t, s.provider.Inject(authserver.Fault{Hold: true}))
	done := make(chan error, 1)
	go func() { done <- s.call(attempt{}, loaded) }()
	eventually(t, func() bool { return s.provider.Held("") == 1 })
	t.Cleanup(func() {
		s.provider.Release("")
		require.ErrorIs(t, <-done, activity.ErrResultPending)
	})
	return s, loaded
}

// wordOf is what an attempt has left last; the call that is kept has heartbeats as well.
func wordOf(s *system, attempt int32) map[string]any {
	s.t.Helper()
	for _, word := range slices.Backward(s.heard.list()) {
		if word["attempt"] == float64(attempt) {
			return word
		}
	}
	require.FailNow(s.t, "the attempt has left no word", "%d, of %v", attempt, s.heard.list())
	return nil
}

func TestACallWithoutASlotSendsNothingAndComesBack(t *testing.T) {
	s, loaded := withoutSlots(t)
	err := s.call(attempt{number: 3, told: map[string]any{"attempt": 2}}, loaded)
	require.Equal(t, "Fitbit has its share of this worker's calls, 1 at a time; nothing was sent", requireFailure(t, err, "ProviderShareInUse", false))
	require.Equal(t, 1, s.provider.Stats().Total.Calls[authserver.Token])
	told := wordOf(s, 3) // the next attempt knows that it has sent nothing
	require.NotContains(t, told, "first")
	delay := delayOf(t, err)
	require.LessOrEqual(t, delay, 10*time.Second)
	require.GreaterOrEqual(t, delay, 5*time.Second)
}

// However long a provider hangs that repeats no answer, and without a heartbeat's timeout.
func TestACallWithoutASlotComesBackSoonAndIsStillTheFirst(t *testing.T) {
	s, loaded := withoutSlots(t)
	loaded.ReplayWindow = 0
	at := attempt{}
	for n := int32(1); n < 4; n++ {
		at.number = n
		err := s.call(at, loaded)
		requireFailure(t, err, "ProviderShareInUse", false)
		require.LessOrEqual(t, delayOf(t, err), 10*time.Second)
		told := wordOf(s, n)
		require.Equal(t, true, told["unsent"])
		told["next"] = time.Now() // it is due
		at.told = told
	}
}

func TestACallWhoseTokenMayBeSpentNeedsNoSlotOfTheOthers(t *testing.T) {
	s, loaded := withoutSlots(t)
	require.ErrorIs(t, s.call(attempt{number: 2, told: told(1, time.Minute)}, loaded), activity.ErrResultPending)
}

func TestWithoutASlotTheWindowsRuleHolds(t *testing.T) {
	s, loaded := withoutSlots(t)
	require.NoError(t, s.provider.Inject(authserver.Fault{Hold: true}))
	done := make(chan error, 1)
	go func() { done <- s.call(attempt{number: 2, told: told(1, time.Minute)}, loaded) }()
	eventually(t, func() bool { return s.provider.Held("") == 2 })
	err := s.call(attempt{number: 12, told: told(11, 110*time.Second)}, loaded)
	requireFailure(t, err, "ProviderShareInUse", false)
	require.LessOrEqual(t, delayOf(t, err), 5*time.Second, "half of what is left")
	s.provider.Release("")
	require.ErrorIs(t, <-done, activity.ErrResultPending)
}
