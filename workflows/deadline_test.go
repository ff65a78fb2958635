package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"tokenkeeper/activities"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
	"tokenkeeper/workflows"
)

// inWindow is a vault whose token an earlier run was about to spend a while ago, at a
// provider that repeats its answer for two minutes.
func inWindow(s *scenario, ago time.Duration, reuse provider.Reuse) func(int, token.Account) (activities.LoadResult, error) {
	return func(_ int, a token.Account) (activities.LoadResult, error) {
		l := loaded(a, 4)
		l.Reuse, l.MayHaveSpent = reuse, []vault.Intent{{RunID: "earlier-run", At: s.Now().Add(-ago)}}
		return l, nil
	}
}

// timers are the waits of a run, the one of every run for an alert left aside.
func (s *scenario) timers() (waits []time.Duration) {
	for _, step := range s.steps {
		if step.name == "timer" {
			waits = append(waits, step.timer)
		}
	}
	return waits
}

func TestInsideTheWindowTheTokenIsPresentedAtOnce(t *testing.T) {
	for _, c := range []struct {
		name  string
		reuse provider.Reuse
		ago   time.Duration
		want  []string
		waits bool
	}{
		{"a late repeat is refused", provider.Refused, 20 * time.Second, []string{"LoadSecrets", "CallFitbit", "StoreSecrets"}, false},
		{"a late repeat does no harm", provider.Harmless, 20 * time.Second, []string{"LoadSecrets", "CallFitbit", "StoreSecrets"}, false},
		{"a late repeat ends the grant", provider.RevokesGrant, 20 * time.Second, []string{"LoadSecrets", "RecoverGrant", "CallFitbit", "StoreSecrets"}, false},
		{"that is unknown", "", 20 * time.Second, []string{"LoadSecrets", "RecoverGrant", "CallFitbit", "StoreSecrets"}, false},
		{"the window has closed", provider.Refused, 2 * time.Minute, []string{"LoadSecrets", "RecoverGrant", "CallFitbit", "StoreSecrets"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScenario(t)
			s.load = inWindow(s, c.ago, c.reuse)
			_, err := s.refresh()
			require.NoError(t, err)
			require.Equal(t, c.want, s.order())
			require.Empty(t, s.timers(), "nothing is waited for")
		})
	}
}

func TestTheSearchInsideTheWindowHasHalfOfWhatIsLeft(t *testing.T) {
	for _, c := range []struct {
		name             string
		ago              time.Duration
		whole, heartbeat time.Duration
	}{
		{"much is left", 20 * time.Second, 30 * time.Second, 5 * time.Second},
		{"little is left", 108 * time.Second, 6 * time.Second, 3 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScenario(t)
			s.load = inWindow(s, c.ago, provider.RevokesGrant)
			s.recover = func(int, activities.RecoverInput) (activities.RecoverResult, error) {
				return activities.RecoverResult{}, forNow("HistoryNotReady")
			}
			began := s.Now()
			result, err := s.refresh()
			require.NoError(t, err, "the search ends, and the token is presented")
			require.Equal(t, workflows.Refreshed, result.Outcome)
			require.Equal(t, []string{"LoadSecrets", "RecoverGrant", "CallFitbit", "StoreSecrets"}, s.order())
			options := s.step(t, "RecoverGrant").options
			require.InDelta(t, c.whole, options.ScheduleToCloseTimeout, float64(100*time.Millisecond))
			require.InDelta(t, c.heartbeat, options.HeartbeatTimeout, float64(100*time.Millisecond))
			require.Less(t, s.Now().Sub(began), c.whole+time.Second)
		})
	}
}

// An operator completes the search by hand, and the alert's receiver is away.
func TestAnAlertInsideTheWindowIsNotWaitedFor(t *testing.T) {
	s := newScenario(t)
	s.load = inWindow(s, 20*time.Second, provider.RevokesGrant)
	s.byHand["RecoverGrant"] = map[string]any{}
	s.alert = func(_ int, in activities.AlertInput) error {
		if in.Healed {
			return nil
		}
		return forNow("nothing listens")
	}
	began, presented := s.Now(), time.Time{}
	s.call = func(_ int, in activities.LoadResult) (activities.RefreshResult, error) {
		presented = s.Now()
		return issuedFor(in), nil
	}
	_, err := s.refresh()
	require.NoError(t, err)
	require.Less(t, presented.Sub(began), time.Second)
	require.Equal(t, activities.UnexpectedResult, s.notices[0].Reason)
	require.False(t, s.notices[0].Healed)
	require.True(t, s.notices[len(s.notices)-1].Healed, "it is over when the run is green, and that is said last")
	require.Less(t, s.Now().Sub(began), 4*time.Minute, "and given up in the end")
}

// An operator cancels a run that has just followed one whose call was cut off.
func TestARunThatIsCancelledInTheLoadInsideTheWindowSavesThePairFirst(t *testing.T) {
	for _, reuse := range []provider.Reuse{provider.Refused, provider.RevokesGrant} {
		t.Run(string(reuse), func(t *testing.T) {
			s := newScenario(t)
			load := inWindow(s, 20*time.Second, reuse)
			s.load = func(n int, a token.Account) (activities.LoadResult, error) {
				if n == 1 {
					s.CancelWorkflow()
				}
				if n < 4 {
					return activities.LoadResult{}, forNow("VaultNotReady")
				}
				return load(n, a)
			}
			_, err := s.refresh()
			requireCanceled(t, err)
			require.Equal(t, 1, s.calls["CallFitbit"])
			require.Equal(t, 1, s.calls["StoreSecrets"])
			require.Contains(t, s.closing, "Generation 5 of fitbit/default is in the vault")
			require.Equal(t, "Cancelled. Finding out first, for up to 30s, whether a call may just have spent the token of fitbit/default.",
				s.step(t, "timer").details)
		})
	}
}

func TestARunThatIsCancelledInTheSearchInsideTheWindowSavesThePairFirst(t *testing.T) {
	s := newScenario(t)
	s.load = inWindow(s, 20*time.Second, provider.RevokesGrant)
	s.recover = func(int, activities.RecoverInput) (activities.RecoverResult, error) {
		s.CancelWorkflow()
		return activities.RecoverResult{}, nil
	}
	_, err := s.refresh()
	requireCanceled(t, err)
	require.Equal(t, []string{"LoadSecrets", "RecoverGrant", "CallFitbit", "StoreSecrets"}, s.order())
}

func TestARunThatIsCancelledOutsideTheWindowPresentsNothing(t *testing.T) {
	for name, load := range map[string]func(*scenario) func(int, token.Account) (activities.LoadResult, error){
		"the window has closed": func(s *scenario) func(int, token.Account) (activities.LoadResult, error) {
			return inWindow(s, 2*time.Minute, provider.Refused)
		},
		"no run may have spent it": func(*scenario) func(int, token.Account) (activities.LoadResult, error) { return growing },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScenario(t)
			answer := load(s)
			s.load = func(n int, a token.Account) (activities.LoadResult, error) {
				s.CancelWorkflow()
				return answer(n, a)
			}
			began := s.Now()
			_, err := s.refresh()
			requireCanceled(t, err)
			require.Equal(t, []string{"LoadSecrets", "LoadSecrets"}, s.order())
			require.Less(t, s.Now().Sub(began), time.Second, "it ends at once")
			require.Equal(t, "Cancelled before fitbit/default was refreshed. Nothing was lost.", s.closing)
		})
	}
}

func TestACancelledLoadIsGivenUpAfterAMoment(t *testing.T) {
	s := newScenario(t)
	var cancelled time.Time
	s.load = func(n int, _ token.Account) (activities.LoadResult, error) {
		if n == 1 {
			cancelled = s.Now()
			s.CancelWorkflow()
		}
		return activities.LoadResult{}, forNow("VaultNotReady")
	}
	_, err := s.refresh()
	requireCanceled(t, err)
	require.WithinRange(t, s.Now(), cancelled.Add(activities.MaxInFlight), cancelled.Add(activities.MaxInFlight+time.Second))
}

// Its last request may have been sent just before the cancellation, whatever is left of the
// window that an earlier run's call has opened.
func TestACancelledCallGoesOnForAWindowFromTheCancellation(t *testing.T) {
	s := newScenario(t)
	s.load = inWindow(s, 50*time.Second, provider.Refused)
	var cancelled time.Time
	s.call = func(n int, _ activities.LoadResult) (activities.RefreshResult, error) {
		if n == 1 {
			cancelled = s.Now()
			s.CancelWorkflow()
		}
		return activities.RefreshResult{}, forNow("ProviderNotReady")
	}
	_, err := s.refresh()
	require.True(t, temporal.IsCanceledError(err))
	require.WithinRange(t, s.Now(), cancelled.Add(119*time.Second), cancelled.Add(121*time.Second))
}

// A call that failed ten minutes ago must not make a later run take the window for closed.
func TestWhereReuseIsUnknownTheLastRunsWindowCounts(t *testing.T) {
	for _, c := range []struct {
		reuse provider.Reuse
		waits []time.Duration
		quick bool // one search, bounded by the window
	}{
		{"", nil, true},
		{provider.RevokesGrant, []time.Duration{20 * time.Second}, false},
	} {
		t.Run("reuse: "+string(c.reuse), func(t *testing.T) {
			s := newScenario(t)
			s.load = func(_ int, a token.Account) (activities.LoadResult, error) {
				l, now := loaded(a, 4), s.Now()
				l.Reuse, l.MayHaveSpent = c.reuse, []vault.Intent{{RunID: "first-run", At: now.Add(-10 * time.Minute)}, {RunID: "second-run", At: now.Add(-10 * time.Second)}}
				return l, nil
			}
			_, err := s.refresh()
			require.NoError(t, err)
			want := []string{"LoadSecrets", "RecoverGrant", "CallFitbit", "StoreSecrets"}
			if !c.quick {
				want = []string{"LoadSecrets", "RecoverGrant", "RecoverGrant", "CallFitbit", "StoreSecrets"}
			}
			require.Equal(t, want, s.order())
			require.Len(t, s.timers(), len(c.waits))
			for i, wait := range c.waits {
				require.InDelta(t, wait, s.timers()[i], float64(100*time.Millisecond))
			}
			require.Equal(t, c.quick, s.step(t, "RecoverGrant").options.ScheduleToCloseTimeout > 0)
		})
	}
}

// another is a recovery that finds another run at something, first that and then the rest.
func another(runID string, knows bool, states ...activities.CallerState) func(int, activities.RecoverInput) (activities.RecoverResult, error) {
	return func(n int, _ activities.RecoverInput) (activities.RecoverResult, error) {
		return activities.RecoverResult{Callers: []activities.Caller{{RunID: runID, State: states[min(n, len(states))-1], Knows: knows}}}, nil
	}
}

func TestARunThatMayStillCallIsWaitedForOutsideTheWindow(t *testing.T) {
	const last, looks, knows = activities.Closed, "RecoverGrant", true
	for _, c := range []struct {
		name   string
		runID  string
		knows  bool // of this run
		reuse  provider.Reuse
		states []activities.CallerState
		looks  int
	}{
		{"it is at its call, then closed", "earlier-run", !knows, provider.RevokesGrant, []activities.CallerState{activities.Calling, activities.Calling, last}, 3},
		{"it is at its call for an hour", "earlier-run", !knows, provider.RevokesGrant, append(make120(activities.Calling), last), 121},
		{"the same where that is unknown", "earlier-run", !knows, "", append(make120(activities.Calling), last), 121},
		{"the same where a repeat is refused", "earlier-run", !knows, provider.Refused, append(make120(activities.Calling), last), 4},
		{"it loads, then calls", "earlier-run", !knows, provider.RevokesGrant, []activities.CallerState{activities.Loading, activities.Calling, activities.Called}, 3},
		{"it searches and does not know of this run, then calls", "z-run", !knows, provider.RevokesGrant, []activities.CallerState{activities.Searching, activities.Calling, activities.Called}, 3},
		{"it searches for long and does not know of this run", "z-run", !knows, provider.RevokesGrant, append(make120(activities.Searching), last), 121},
		{"the same where a repeat is refused", "z-run", !knows, provider.Refused, append(make120(activities.Searching), last), 4},
		{"it searches, knows of this run, and has the smaller id", "a-run", knows, provider.RevokesGrant, append(make120(activities.Searching), last), 121},
		{"it searches, knows of this run, and has the greater id", "z-run", knows, provider.RevokesGrant, []activities.CallerState{activities.Searching}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScenario(t)
			s.load = func(_ int, a token.Account) (activities.LoadResult, error) {
				l := loaded(a, 4)
				l.Reuse, l.MayHaveSpent = c.reuse, []vault.Intent{{RunID: c.runID, At: s.Now().Add(-time.Hour)}}
				return l, nil
			}
			s.recover = another(c.runID, c.knows, c.states...)
			_, err := s.refresh()
			require.NoError(t, err)
			require.Equal(t, c.looks, s.calls[looks])
			require.Equal(t, 1, s.calls["CallFitbit"])
			for n, wait := range s.timers() {
				require.Equal(t, min(activities.MaxInFlight<<min(n/4, 5), 15*time.Minute), wait)
			}
			if c.looks > 1 {
				require.Equal(t, "Run "+c.runID+" is or was about to spend generation 4 of fitbit/default. Waiting 30s for its pair.", s.step(t, "timer").details)
			}
			if c.looks > 100 {
				require.Equal(t, workflows.LoadStuck, s.notices[0].Reason)
				require.Contains(t, s.notices[0].Message, "Run "+c.runID+" is or was about to spend generation 4 of fitbit/default. This run waits for that.")
			}
		})
	}
}

func make120(state activities.CallerState) (states []activities.CallerState) {
	for range 120 {
		states = append(states, state)
	}
	return states
}
