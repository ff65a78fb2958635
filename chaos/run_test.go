package main_test

import (
	"context"
	"errors"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tokenkeeper/workflows"
)

// run is one workflow run of an account.
type run struct {
	account
	id, runID string
}

// wait waits for this very run, not for those that follow it in a cron.
func (r run) wait() (result workflows.Result, err error) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	err = r.temporal.GetWorkflow(ctx, r.id, r.runID).
		GetWithOptions(ctx, &result, client.WorkflowRunGetOptions{DisableFollowingRuns: true})
	require.NoError(r.t, ctx.Err(), "the run does not end")
	var cron *workflow.ContinueAsNewError
	if !errors.As(err, &cron) {
		return result, err
	}
	// So the SDK reports a cron's run, whatever became of it.
	if failed := r.end().GetWorkflowExecutionFailedEventAttributes(); failed != nil {
		return workflows.Result{}, temporal.GetDefaultFailureConverter().FailureToError(failed.GetFailure())
	}
	completed := r.end().GetWorkflowExecutionCompletedEventAttributes()
	return result, converter.GetDefaultDataConverter().FromPayloads(completed.GetResult(), &result)
}

// result waits for the run's success.
func (r run) result() workflows.Result {
	r.t.Helper()
	result, err := r.wait()
	require.NoError(r.t, err)
	return result
}

// failure waits for the run's failure, and for it to be of ours.
func (r run) failure() *temporal.ApplicationError {
	r.t.Helper()
	_, err := r.wait()
	var failure *temporal.ApplicationError
	require.True(r.t, errors.As(err, &failure), "the run ended with %v", err)
	return failure
}

// next waits until this run has ended and returns the cron's next one.
func (r run) next() run {
	r.t.Helper()
	_, _ = r.wait()
	end := r.end()
	id := end.GetWorkflowExecutionFailedEventAttributes().GetNewExecutionRunId() +
		end.GetWorkflowExecutionCompletedEventAttributes().GetNewExecutionRunId()
	require.NotEmpty(r.t, id, "the cron has ended")
	return run{r.account, r.id, id}
}

// end is the last event so far.
func (r run) end() *historypb.HistoryEvent {
	r.t.Helper()
	events := r.history()
	return events[len(events)-1]
}

// history is what the run has recorded so far. Attempts of an activity that is
// not done are not in it; see pending.
func (r run) history() []*historypb.HistoryEvent {
	r.t.Helper()
	var events []*historypb.HistoryEvent
	iterator := r.temporal.GetWorkflowHistory(r.t.Context(), r.id, r.runID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for iterator.HasNext() {
		e, err := iterator.Next()
		require.NoError(r.t, err)
		events = append(events, e)
	}
	return events
}

// attempts gives for each completion of an activity, in order, how many attempts
// it took, and is empty while there is none.
func (r run) attempts(activity string) []int {
	r.t.Helper()
	scheduled := map[int64]bool{}
	started := map[int64]int{}
	var all []int
	for _, e := range r.history() {
		if e.GetActivityTaskScheduledEventAttributes().GetActivityType().GetName() == activity {
			scheduled[e.GetEventId()] = true
		}
		if a := e.GetActivityTaskStartedEventAttributes(); a != nil {
			started[a.GetScheduledEventId()] = int(a.GetAttempt())
		}
		if id := e.GetActivityTaskCompletedEventAttributes().GetScheduledEventId(); scheduled[id] {
			all = append(all, started[id])
		}
	}
	return all
}

// completed waits until the result of an activity is in the history.
func (r run) completed(activity string) {
	r.t.Helper()
	r.eventually(activity+" is recorded as completed", func() bool { return len(r.attempts(activity)) > 0 })
}

// scheduled is when the first activity of a type was scheduled.
func (r run) scheduled(activity string) time.Time {
	r.t.Helper()
	for _, e := range r.history() {
		if e.GetActivityTaskScheduledEventAttributes().GetActivityType().GetName() == activity {
			return e.GetEventTime().AsTime()
		}
	}
	r.t.Fatalf("%s was not scheduled", activity)
	return time.Time{}
}

// pending is what the server says of an activity that is not done; nil where
// there is none such.
func (r run) pending(activity string) *workflowpb.PendingActivityInfo {
	r.t.Helper()
	described, err := r.temporal.DescribeWorkflowExecution(r.t.Context(), r.id, r.runID)
	require.NoError(r.t, err)
	for _, p := range described.GetPendingActivities() {
		if p.GetActivityType().GetName() == activity {
			return p
		}
	}
	return nil
}

// health is the run's TokenHealth search attribute.
func (r run) health() (health string) {
	r.t.Helper()
	described, err := r.temporal.DescribeWorkflowExecution(r.t.Context(), r.id, r.runID)
	require.NoError(r.t, err)
	value := described.GetWorkflowExecutionInfo().GetSearchAttributes().GetIndexedFields()[workflows.TokenHealth.GetName()]
	require.NoError(r.t, converter.GetDefaultDataConverter().FromPayload(value, &health))
	return health
}
