package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tokenkeeper/activities"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

func requireCanceled(t *testing.T, err error) {
	t.Helper()
	var canceled *temporal.CanceledError
	require.ErrorAs(t, err, &canceled)
}

func TestCancelledDuringLoadCallsNothing(t *testing.T) {
	s := newScenario(t)
	s.load = func(int, token.Account) (activities.LoadResult, error) {
		s.CancelWorkflow()
		return activities.LoadResult{}, forNow("VaultNotReady")
	}
	_, err := s.refresh()
	requireCanceled(t, err)
	require.Equal(t, []string{"LoadSecrets"}, s.order())
	require.Equal(t, "Cancelled before fitbit/default was refreshed. Nothing was lost.", s.closing)
	require.Equal(t, []string{"cancelled"}, s.health)
	require.Empty(t, s.notices, "an operator did it")
}

func TestCancelledBetweenLoadAndCallCallsNothing(t *testing.T) {
	s := newScenario(t)
	s.load = spentBefore
	s.recover = func(n int, _ activities.RecoverInput) (activities.RecoverResult, error) {
		if n == 1 {
			s.CancelWorkflow()
			return activities.RecoverResult{}, forNow("HistoryNotReady")
		}
		return activities.RecoverResult{}, nil
	}
	_, err := s.refresh()
	requireCanceled(t, err)
	require.Equal(t, []string{"LoadSecrets", "RecoverGrant"}, s.order(), "the search is brought to its end")
}

func TestCancelledDuringTheCallStoresThePairFirst(t *testing.T) {
	s := newScenario(t)
	s.call = func(n int, in activities.LoadResult) (activities.RefreshResult, error) {
		if n == 1 {
			s.CancelWorkflow()
		}
		if n < 5 {
			return activities.RefreshResult{}, forNow("ProviderNotReady")
		}
		return issuedFor(in), nil
	}
	_, err := s.refresh()
	requireCanceled(t, err)
	require.Equal(t, []string{"LoadSecrets", "CallFitbit", "StoreSecrets"}, s.order())
	require.Equal(t, 5, s.calls["CallFitbit"], "the call is brought to its end")
	require.Contains(t, s.closing, "Generation 5 of fitbit/default is in the vault")
	require.Equal(t, []string{"healthy"}, s.health)
	grace := s.step(t, "timer")
	require.Equal(t, 2*time.Minute, grace.timer)
	require.Equal(t, "Cancelled. Bringing the call to Fitbit to its end first, for up to 2m0s.", grace.details)
}

func TestARunThatFailsAlthoughCancelledEndsItsCronAndStillAlerts(t *testing.T) {
	s := newScenario(t)
	s.call = func(n int, _ activities.LoadResult) (activities.RefreshResult, error) {
		if n == 1 {
			s.CancelWorkflow()
			return activities.RefreshResult{}, forNow("ProviderNotReady")
		}
		return activities.RefreshResult{}, forGood(activities.InvalidGrant)
	}
	_, err := s.refresh()
	requireCanceled(t, err)
	require.Len(t, s.notices, 1)
	require.Equal(t, workflows.ReauthorizationRequired, s.notices[0].Reason)
	require.Contains(t, s.closing, "Failed: ")
}

const mayBeSpent = "Cancelled while the provider gave no answer. The refresh token of fitbit/default may be spent; the next run searches for its successor."

func TestACancelledCallToAnAbsentProviderIsGivenUpAfterTheReplayWindow(t *testing.T) {
	for _, c := range []struct {
		name          string
		window, grace time.Duration
		unspent       bool
		details       string
	}{
		{"the provider repeats lost answers", 2 * time.Minute, 2 * time.Minute, false, mayBeSpent},
		{"it does not, so one attempt is waited for", 0, 30 * time.Second, false, mayBeSpent},
		{"it does for longer than a cancellation may take", 8 * time.Hour, 5 * time.Minute, false, mayBeSpent},
		{"the refresh token never rotates", 8 * time.Hour, 30 * time.Second, true, "Cancelled before fitbit/default was refreshed. Nothing was lost."},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScenario(t)
			s.load = func(_ int, a token.Account) (activities.LoadResult, error) {
				l := loaded(a, 4)
				l.ReplayWindow, l.NonRotating = c.window, c.unspent
				return l, nil
			}
			var cancelled time.Time
			s.call = func(n int, _ activities.LoadResult) (activities.RefreshResult, error) {
				if n == 1 {
					cancelled = s.Now()
					s.CancelWorkflow()
				}
				return activities.RefreshResult{}, forNow("ProviderNotReady")
			}
			_, err := s.refresh()
			requireCanceled(t, err)
			require.WithinRange(t, s.Now(), cancelled.Add(c.grace), cancelled.Add(c.grace+5*time.Second))
			require.Equal(t, []string{"LoadSecrets", "CallFitbit"}, s.order())
			require.Equal(t, c.details, s.closing)
		})
	}
}

// The last request may have been the one that spent the token, however long the call is at work.
func TestACallThatIsCancelledLongAfterItBeganGetsAWindowOfItsOwn(t *testing.T) {
	for name, reuse := range map[string]provider.Reuse{"a late repeat is refused": provider.Refused, "a late repeat ends the grant": provider.RevokesGrant} {
		t.Run(name, func(t *testing.T) {
			s := newScenario(t)
			began, attempts := s.Now(), 0
			s.load = func(_ int, a token.Account) (activities.LoadResult, error) {
				l := loaded(a, 4)
				l.Reuse = reuse
				return l, nil
			}
			s.call = func(_ int, in activities.LoadResult) (activities.RefreshResult, error) {
				if attempts++; s.Now().Sub(began) > 4*time.Minute+35*time.Second {
					return issuedFor(in), nil
				}
				return activities.RefreshResult{}, forNowAfter(time.Minute)
			}
			s.RegisterDelayedCallback(s.CancelWorkflow, 4*time.Minute+2*time.Second)
			_, err := s.refresh()
			requireCanceled(t, err)
			require.Equal(t, 6, attempts, "another request follows the cancellation")
			require.Contains(t, s.closing, "Generation 5 of fitbit/default is in the vault")
			require.Equal(t, "Cancelled. Bringing the call to Fitbit to its end first, for up to 2m0s.", s.step(t, "timer").details)
		})
	}
}

// A server does not retry an activity whose cancellation was requested; it
// returns what the attempt in flight failed with.
func TestACancelledRunEndsCanceledWhateverTheLastAttemptMet(t *testing.T) {
	for name, met := range map[string]error{
		"refused for now": forNow("ProviderNotReady"),
		"timed out":       temporal.NewTimeoutError(1, nil),
	} {
		t.Run(name, func(t *testing.T) {
			s := newScenario(t)
			s.instead = func(ctx workflow.Context, name string) workflow.Future {
				if name != "CallFitbit" {
					return nil
				}
				future, settle := workflow.NewFuture(ctx)
				workflow.Go(ctx, func(ctx workflow.Context) {
					ctx.Done().Receive(ctx, nil)
					settle.SetError(met)
				})
				return future
			}
			s.RegisterDelayedCallback(s.CancelWorkflow, time.Second)
			_, err := s.refresh()
			requireCanceled(t, err)
			require.Empty(t, s.notices)
		})
	}
}

func TestCancelledDuringTheStoreIsStoredThenCanceled(t *testing.T) {
	s := newScenario(t)
	began := s.Now()
	s.store = func(n int, _ activities.RefreshResult) (activities.StoreResult, error) {
		if n == 1 {
			s.CancelWorkflow()
		}
		if s.Now().Sub(began) < time.Hour {
			return activities.StoreResult{}, forNow("VaultNotReady")
		}
		return stored(), nil
	}
	_, err := s.refresh()
	requireCanceled(t, err)
	require.Greater(t, s.calls["StoreSecrets"], 10)
	require.Equal(t, []string{"stuck", "healthy"}, s.health)
	require.Len(t, s.notices, 2, "a cancelled run still alerts that it is stuck, and that it is over")
}

// failing answers one activity with an error that the environment cannot make.
func failing(activity string, err error) func(workflow.Context, string) workflow.Future {
	return func(ctx workflow.Context, name string) workflow.Future {
		if name != activity {
			return nil
		}
		future, settle := workflow.NewFuture(ctx)
		settle.SetError(err)
		return future
	}
}
