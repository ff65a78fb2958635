package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/activities"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
	"tokenkeeper/workflows"
)

// The task queues that activities are scheduled on.
const (
	mainQueue   = "default-test-taskqueue"
	pacedQueue  = "default-test-taskqueue-paced"
	singleQueue = "default-test-taskqueue-paced-single"
)

// green is the result of a run of the default account that went well.
func green() workflows.Result {
	return workflows.Result{Account: "default", Provider: "fitbit", Outcome: workflows.Refreshed, Generation: 4, Fingerprint: fingerprint(4),
		RefreshTokenVersion: "refresh-version-" + string(fingerprint(4)), UserID: "USER-1", Attributes: allAttributes}
}

// after has the scenario's run follow another one in its cron.
func (s *scenario) after(last workflows.Result) {
	s.SetLastCompletionResult(last)
	s.SetContinuedExecutionRunID("run-before")
}

// peeks is a vault that answers a peek as the real one does where nothing is urgent.
func (s *scenario) peeks(nonRotating bool) {
	s.loadAs = func(n int, in activities.LoadInput) (activities.LoadResult, error) {
		l, err := s.load(n, in.Account)
		l.NonRotating = nonRotating
		if in.Peek && len(l.MayHaveSpent) == 0 {
			l.Waits, l.Grant = true, nil
		}
		return l, err
	}
}

// turn is one load that a run has asked for.
type turn struct {
	queue string
	peek  bool
}

func (s *scenario) turns() (all []turn) {
	for _, step := range s.steps {
		if step.name == "LoadSecrets" {
			all = append(all, turn{step.options.TaskQueue, step.input.(activities.LoadInput).Peek})
		}
	}
	return all
}

// cancelledLoads says of each load whether it knows that the run is cancelled.
func (s *scenario) cancelledLoads() (all []bool) {
	for _, step := range s.steps {
		if step.name == "LoadSecrets" {
			all = append(all, step.input.(activities.LoadInput).Cancelled)
		}
	}
	return all
}

func TestOnlyARunAfterAGreenOneTakesItsTurnAtOnce(t *testing.T) {
	peeksFirst := []turn{{mainQueue, true}, {pacedQueue, false}}
	for _, c := range []struct {
		name   string
		change func(s *scenario, last *workflows.Result)
		want   []turn
	}{
		{"a cron's run after a green one", func(*scenario, *workflows.Result) {}, []turn{{pacedQueue, false}}},
		{"the same, and it does not rotate", func(s *scenario, last *workflows.Result) { last.NonRotating = true; s.peeks(true) }, []turn{{singleQueue, false}}},
		{"after one that rested", func(_ *scenario, last *workflows.Result) { last.Outcome = workflows.Rested }, []turn{{pacedQueue, false}}},
		{"after one that found another writer's pair", func(_ *scenario, last *workflows.Result) { last.Outcome = workflows.Superseded }, peeksFirst},
		{"after one that recovered a pair", func(_ *scenario, last *workflows.Result) { last.Outcome = workflows.Recovered }, peeksFirst},
		{"after a failed one", func(s *scenario, _ *workflows.Result) { s.SetLastError(forGood(activities.InvalidClient)) }, peeksFirst},
		{"a Schedule's run, before which one may have been terminated", func(s *scenario, _ *workflows.Result) { s.SetContinuedExecutionRunID("") }, peeksFirst},
		{"a run that was reset", func(s *scenario, _ *workflows.Result) { s.wasReset = true }, peeksFirst},
		{"of another account", func(_ *scenario, last *workflows.Result) { last.Account = "bo" }, peeksFirst},
		{"the first run", func(_ *scenario, last *workflows.Result) { *last = workflows.Result{} }, peeksFirst},
		{"the first run, and it does not rotate", func(s *scenario, last *workflows.Result) { *last = workflows.Result{}; s.peeks(true) }, []turn{{mainQueue, true}, {singleQueue, false}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScenario(t)
			s.peeks(false)
			last := green()
			s.after(last)
			c.change(s, &last)
			s.SetLastCompletionResult(last)
			_, err := s.refresh()
			require.NoError(t, err)
			require.Equal(t, c.want, s.turns())
			require.Equal(t, c.want[0].peek, first[activities.LoadInput](s, "LoadSecrets").Incidents, "the steady run asks for nothing more")
			require.Equal(t, 1, s.calls["CallFitbit"])
		})
	}
}

func TestWhatIsUrgentNeverWaitsForItsTurn(t *testing.T) {
	t.Run("an open window", func(t *testing.T) {
		s := newScenario(t)
		s.load = inWindow(s, 20*time.Second, "")
		s.peeks(false)
		_, err := s.refresh()
		require.NoError(t, err)
		require.Equal(t, []turn{{mainQueue, true}}, s.turns())
	})
	t.Run("a run that was reset after its peek, and may have called since", func(t *testing.T) {
		s := newScenario(t)
		s.wasReset = true
		s.load = func(_ int, a token.Account) (activities.LoadResult, error) {
			l := loaded(a, 4)
			l.RunID = "run-before-the-reset"
			return l, nil
		}
		s.peeks(false)
		_, err := s.refresh()
		require.NoError(t, err)
		require.Equal(t, []turn{{mainQueue, true}, {mainQueue, false}}, s.turns())
	})
	t.Run("a further load of the same run", func(t *testing.T) {
		s := newScenario(t)
		s.after(green())
		s.load, s.call = growing, deadUntil(5, activities.GrantAdvanced)
		_, err := s.refresh()
		require.NoError(t, err)
		require.Equal(t, []turn{{pacedQueue, false}, {mainQueue, false}}, s.turns())
	})
}

// The vault is away, or a hundred thousand others are before it.
func TestACancelledRunDoesNotWaitForItsTurn(t *testing.T) {
	for name, c := range map[string]struct {
		open  bool // a window is
		calls int
	}{
		"nothing is urgent": {false, 0},
		"a window is open":  {true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScenario(t)
			s.after(green())
			s.peeks(false)
			var cancelled time.Time
			s.load = func(n int, a token.Account) (activities.LoadResult, error) {
				if n == 1 {
					cancelled = s.Now()
					s.CancelWorkflow()
					return activities.LoadResult{}, forNowAfter(24 * time.Hour)
				}
				l := loaded(a, 4)
				if c.open {
					l.MayHaveSpent = []vault.Intent{{RunID: "earlier-run", At: s.Now().Add(-time.Second)}}
				}
				return l, nil
			}
			_, err := s.refresh()
			requireCanceled(t, err)
			require.Equal(t, []turn{{pacedQueue, false}, {mainQueue, true}}, s.turns())
			require.Equal(t, []bool{false, true}, s.cancelledLoads(), "the last look waits for no turn")
			require.Equal(t, c.calls, s.calls["CallFitbit"])
			require.Less(t, s.Now().Sub(cancelled), time.Second)
		})
	}
}

func TestARunThatIsOverdueInItsTurnSaysSo(t *testing.T) {
	for name, c := range map[string]struct {
		follows bool
		says    string
	}{
		"a load": {true, "The load of fitbit/default waits for its turn or for the vault; nothing is spent."},
		"a peek": {false, "The first look at the grant of fitbit/default waits for its turn or for the vault; nothing is spent."},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScenario(t)
			if c.follows {
				s.after(green())
			}
			s.load = func(n int, a token.Account) (activities.LoadResult, error) {
				if n == 1 {
					return activities.LoadResult{}, forNowAfter(time.Hour)
				}
				return loaded(a, 4), nil
			}
			_, err := s.refresh()
			require.NoError(t, err)
			require.Len(t, s.notices, 2)
			require.Equal(t, workflows.LoadStuck, s.notices[0].Reason)
			require.Contains(t, s.notices[0].Message, c.says)
			require.True(t, s.notices[1].Healed)
		})
	}
}
