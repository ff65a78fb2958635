package workflows_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"tokenkeeper/activities"
	"tokenkeeper/internal/token"
)

// spentAgo is a vault whose token an earlier run was about to spend a while ago, at a
// provider that repeats no answer.
func spentAgo(s *scenario, ago time.Duration) func(int, token.Account) (activities.LoadResult, error) {
	return func(n int, a token.Account) (activities.LoadResult, error) {
		l, err := spentBefore(n, a)
		l.MayHaveSpent[0].At, l.ReplayWindow = s.Now().Add(-ago), 0
		return l, err
	}
}

func TestACallOfAnEarlierRunIsWaitedForWhileItMayBeInFlight(t *testing.T) {
	for _, c := range []struct {
		name  string
		began time.Duration // before now
		waits time.Duration // zero for not at all
	}{
		{"it began just now", 0, 30 * time.Second},
		{"it began a while ago", 12 * time.Second, 18 * time.Second},
		{"it must have ended", 30 * time.Second, 0},
		{"it ended long ago", 6 * time.Hour, 0},
		{"it began on a clock that is ahead", -time.Hour, 30 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScenario(t)
			s.load = spentAgo(s, c.began)
			_, err := s.refresh()
			require.NoError(t, err)
			want := []string{"LoadSecrets", "RecoverGrant", "CallFitbit", "StoreSecrets"}
			if c.waits == 0 {
				require.Equal(t, want, s.order())
				return
			}
			require.Equal(t, append([]string{"LoadSecrets", "RecoverGrant"}, want[1:]...), s.order())
			wait := slices.IndexFunc(s.steps, func(s step) bool {
				return strings.HasPrefix(s.details, "Run earlier-run is or was about to spend generation 4 of fitbit/default. Waiting ")
			})
			require.GreaterOrEqual(t, wait, 0)
			require.InDelta(t, c.waits, s.steps[wait].timer, float64(100*time.Millisecond))
		})
	}
}

func TestThePairOfAnEarlierCallIsTakenAsSoonAsItIsFound(t *testing.T) {
	t.Run("at the first search", func(t *testing.T) {
		s := newScenario(t)
		s.load, s.recover = spentAgo(s, 0), foundInHistory
		_, err := s.refresh()
		require.NoError(t, err)
		require.Equal(t, []string{"LoadSecrets", "RecoverGrant"}, s.order())
	})
	t.Run("at the second", func(t *testing.T) {
		s := newScenario(t)
		s.load = spentAgo(s, 0)
		s.recover = func(n int, lost activities.RecoverInput) (activities.RecoverResult, error) {
			if n == 1 {
				return activities.RecoverResult{}, nil
			}
			return foundInHistory(n, lost)
		}
		_, err := s.refresh()
		require.NoError(t, err)
		require.Equal(t, []string{"LoadSecrets", "RecoverGrant", "RecoverGrant"}, s.order())
	})
}

func TestARunCancelledWhileItWaitsForAnEarlierCallPresentsNothing(t *testing.T) {
	s := newScenario(t)
	s.load = spentAgo(s, 0)
	s.RegisterDelayedCallback(s.CancelWorkflow, 10*time.Second)
	_, err := s.refresh()
	require.True(t, temporal.IsCanceledError(err))
	require.Equal(t, []string{"LoadSecrets", "RecoverGrant"}, s.order())
}

func TestAGrantThatWasLoadedBeforeAResetIsLoadedAgain(t *testing.T) {
	s := newScenario(t)
	s.call = func(n int, in activities.LoadResult) (activities.RefreshResult, error) {
		if n == 1 {
			return activities.RefreshResult{}, forGood(activities.GrantOutdated)
		}
		return issuedFor(in), nil
	}
	_, err := s.refresh()
	require.NoError(t, err)
	require.Equal(t, []string{"LoadSecrets", "CallFitbit", "LoadSecrets", "CallFitbit", "StoreSecrets"}, s.order())
	require.Empty(t, s.notices)
}
