package main_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/workflowservice/v1"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/workflows"
)

// resetTo resets the run to just before it decided to schedule an activity, and
// returns the run that goes on from there.
func (r run) resetTo(activity string) run {
	r.t.Helper()
	var decided int64
	for _, e := range r.history() {
		if s := e.GetActivityTaskScheduledEventAttributes(); s.GetActivityType().GetName() == activity {
			decided = s.GetWorkflowTaskCompletedEventId()
		}
	}
	require.NotZero(r.t, decided, "%s was never scheduled", activity)
	reset, err := r.temporal.ResetWorkflowExecution(r.t.Context(), &workflowservice.ResetWorkflowExecutionRequest{
		Namespace:                 "default",
		WorkflowExecution:         &commonpb.WorkflowExecution{WorkflowId: r.id, RunId: r.runID},
		Reason:                    "for the row's sake",
		WorkflowTaskFinishEventId: decided,
	})
	require.NoError(r.t, err)
	return run{r.account, r.id, reset.GetRunId()}
}

func TestF16RunTerminatedDuringTheCallLeavesThePairInTheVault(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: unforgiving})
	a := s.consent()
	s.work()
	run := a.refreshHeld()
	run.terminate()
	a.release()
	a.stored()

	a.refresh().refreshed()
	require.Equal(t, []grant.Outcome{grant.Rotated, grant.Rotated}, a.outcomes())
	a.nothingLost(2)
}

func TestF16NextRunWaitsForACallFromTheTerminatedRunsEnd(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: unforgiving})
	s.work()
	var a account
	var next run
	s.inTime(func() bool {
		a = s.consent()
		require.NoError(t, s.Provider.Inject(authserver.Fault{
			Endpoint: authserver.Token, User: a.user, Answer: authserver.Status, Status: http.StatusServiceUnavailable,
		}))
		// The second attempt, half a minute on, is the one whose answer is on its way:
		// as long after the run's beginning as a call may take.
		run := a.refresh()
		run.retries("CallFitbit", 2)
		require.NoError(t, s.Provider.Inject(authserver.Fault{Endpoint: authserver.Token, User: a.user, Hold: true}))
		a.held()
		run.terminate()
		next = a.refresh()
		next.completed("RecoverGrant") // and has found nothing
		return a.released()
	})

	next.ends(workflows.Recovered, grant.Rotated, grant.Rotated)
}

func TestF16PairOfATerminatedRunIsStoredByTheNext(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: unforgiving})
	a := s.consent()
	a.unstored().terminate()
	s.work()

	result := a.refresh().result()
	require.Equal(t, workflows.Recovered, result.Outcome)
	require.EqualValues(t, 1, result.Generation)
	require.Equal(t, 1, a.calls())
	a.nothingLost(1)
	a.refresh().refreshed()
	a.nothingLost(2)
}

func TestF16RunResetDuringTheCallDoesNotShowTheSpentTokenAgain(t *testing.T) {
	t.Parallel()
	for _, activity := range []string{"LoadSecrets", "CallFitbit"} {
		t.Run("to before "+activity, func(t *testing.T) {
			s := newSystem(t, testenv.Options{Provider: unforgiving})
			s.work()
			var a account
			var reset run
			s.inTime(func() bool {
				a = s.consent()
				reset = a.refreshHeld().resetTo(activity)
				reset.completed("RecoverGrant") // and has found nothing
				return a.released()
			})

			reset.ends(workflows.Recovered, grant.Rotated, grant.Rotated)
		})
	}
}

func TestF16PairOfARunThatWasResetIsStored(t *testing.T) {
	t.Parallel()
	for activity, outcome := range map[string]workflows.Outcome{
		"LoadSecrets":  workflows.Recovered,
		"CallFitbit":   workflows.Recovered,
		"StoreSecrets": workflows.Refreshed,
	} {
		t.Run("to before "+activity, func(t *testing.T) {
			s := newSystem(t, testenv.Options{Provider: unforgiving})
			a := s.consent()
			reset := a.unstored().resetTo(activity)
			s.work()

			result := reset.result()
			require.Equal(t, outcome, result.Outcome)
			require.EqualValues(t, 1, result.Generation)
			require.Equal(t, []grant.Outcome{grant.Rotated}, a.outcomes())
			a.nothingLost(1)
		})
	}
}
