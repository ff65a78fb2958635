package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/activities"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
	"tokenkeeper/workflows"
)

const week = 7 * 24 * time.Hour

// events is how many events a run's history has: three for each activity and two for each
// timer, three for the workflow task that follows, and four for a signal.
func (s *scenario) events(signals int) int {
	n := 4 * signals
	for _, step := range s.steps {
		if n += 6; step.timer > 0 {
			n--
		}
	}
	return n
}

// Temporal terminates a run with 51,200 events, and its cron ends with it.
func TestARunThatIsStuckForAWeekHasAShortHistory(t *testing.T) {
	t.Run("it waits for another run's call", func(t *testing.T) {
		s := newScenario(t)
		began := s.Now()
		s.load = func(_ int, a token.Account) (activities.LoadResult, error) {
			l := loaded(a, 4)
			l.Reuse, l.MayHaveSpent = provider.RevokesGrant, []vault.Intent{{RunID: "earlier-run", At: began.Add(-time.Hour)}}
			return l, nil
		}
		s.recover = func(n int, lost activities.RecoverInput) (activities.RecoverResult, error) {
			state := activities.Calling
			if s.Now().Sub(began) > week {
				state = activities.Closed
			}
			return another("earlier-run", false, state)(n, lost)
		}
		_, err := s.refresh()
		require.NoError(t, err)
		require.Greater(t, s.calls["RecoverGrant"], 600, "it looks four times an hour")
		require.Less(t, s.events(0), 10_000)
	})
	for name, reuse := range map[string]provider.Reuse{"a repeat is refused": provider.Refused, "a repeat ends the grant": provider.RevokesGrant} {
		t.Run("a script asks for a refresh each minute, and "+name, func(t *testing.T) {
			s := newScenario(t)
			began := s.Now()
			s.load = func(_ int, a token.Account) (activities.LoadResult, error) {
				l := loaded(a, 4)
				l.Reuse = reuse
				return l, nil
			}
			s.call = func(_ int, in activities.LoadResult) (activities.RefreshResult, error) {
				if s.Now().Sub(began) > week {
					return issuedFor(in), nil
				}
				return activities.RefreshResult{}, forNowAfter(24 * time.Hour)
			}
			signals := 0
			var ask func()
			ask = func() {
				if signals++; s.Now().Sub(began) < week+2*time.Hour {
					s.SignalWorkflow(workflows.RefreshNow, nil)
					s.RegisterDelayedCallback(ask, time.Minute)
				}
			}
			s.RegisterDelayedCallback(ask, time.Minute)
			_, err := s.refresh()
			require.NoError(t, err)
			require.Greater(t, s.calls["CallFitbit"], 100, "it is asked for about each hour")
			require.Less(t, s.events(0), 10_000, "beside the signals, of which a server takes 10,000")
			require.Less(t, s.events(min(signals, 10_000)), 50_000)
		})
	}
}
