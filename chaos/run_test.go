package main_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"

	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/workflows"
)

// run is one workflow run of an account.
type run struct {
	account
	id, runID string
}

// wait waits for this very run, not for those that follow it in a cron.
func (r run) wait() workflows.RunResult {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	var result workflows.RunResult
	r.eventually("the run ends", func() bool {
		// How it ended is in the history; and a busy server may have answered something else.
		_ = r.temporal.GetWorkflow(ctx, r.id, r.runID).GetWithOptions(ctx, nil, client.WorkflowRunGetOptions{DisableFollowingRuns: true})
		result = workflows.RunResultFrom(r.end())
		return !result.At.IsZero()
	})
	return result
}

// result waits for the run's success.
func (r run) result() workflows.Result {
	r.t.Helper()
	ended := r.wait()
	require.Nil(r.t, ended.Failure)
	require.NotNil(r.t, ended.Result)
	return *ended.Result
}

// refreshed asserts that the run ends with the new pair in the vault. The outcome is recovered
// where Temporal was without CPU for so long that the pair went into escrow.
func (r run) refreshed(of ...any) workflows.Result {
	r.t.Helper()
	result := r.result()
	require.Contains(r.t, []workflows.Outcome{workflows.Refreshed, workflows.Recovered}, result.Outcome, of...)
	return result
}

// ends asserts that the run ends with an outcome, see refreshed, that the provider answered the
// tokens that the account presented like this, see providerSaw, and that nothing is lost.
func (r run) ends(outcome workflows.Outcome, presented ...grant.Outcome) {
	r.t.Helper()
	result := r.result()
	if outcome != workflows.Refreshed || result.Outcome != workflows.Recovered {
		require.Equal(r.t, outcome, result.Outcome)
	}
	r.providerSaw(presented...)
	r.lostNothing()
}

// failure waits for the run's failure.
func (r run) failure() workflows.Failure {
	r.t.Helper()
	ended := r.wait()
	require.NotNil(r.t, ended.Failure, "the run ended with %+v", ended.Result)
	return *ended.Failure
}

// cancelled waits until the run has ended as cancelled.
func (r run) cancelled() {
	r.t.Helper()
	require.Equal(r.t, workflows.Cancelled, r.failure().Type)
}

// next waits until this run has ended and returns the cron's next one.
func (r run) next() run {
	r.t.Helper()
	r.wait()
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
	r.answered("the history", func() error {
		events = nil
		iterator := r.temporal.GetWorkflowHistory(r.t.Context(), r.id, r.runID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for iterator.HasNext() {
			e, err := iterator.Next()
			if err != nil {
				return err
			}
			events = append(events, e)
		}
		return nil
	})
	return events
}

// answered asks the server until it is not too busy to answer: the development server does not
// find its namespace then.
func (r run) answered(what string, ask func() error) {
	r.t.Helper()
	r.eventually("the server gives "+what, func() bool {
		err := ask()
		_, lost := errors.AsType[*serviceerror.NamespaceNotFound](err)
		_, away := errors.AsType[*serviceerror.Unavailable](err)
		_, late := errors.AsType[*serviceerror.DeadlineExceeded](err)
		if lost || away || late {
			r.t.Log(err)
			return false
		}
		require.NoError(r.t, err)
		return true
	})
}

// described is what the server says of the run.
func (r run) described() (d *workflowservice.DescribeWorkflowExecutionResponse) {
	r.t.Helper()
	r.answered("the run's state", func() (err error) {
		d, err = r.temporal.DescribeWorkflowExecution(r.t.Context(), r.id, r.runID)
		return err
	})
	return d
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
	for _, p := range r.described().GetPendingActivities() {
		if p.GetActivityType().GetName() == activity {
			return p
		}
	}
	return nil
}

// health is the run's TokenHealth search attribute.
func (r run) health() (health string) {
	r.t.Helper()
	value := r.described().GetWorkflowExecutionInfo().GetSearchAttributes().GetIndexedFields()[workflows.TokenHealth.GetName()]
	require.NoError(r.t, converter.GetDefaultDataConverter().FromPayload(value, &health))
	return health
}

// retries waits until an activity of the run has failed often enough to be in
// the given attempt.
func (r run) retries(activity string, attempt int32) {
	r.t.Helper()
	r.eventually(fmt.Sprintf("%s is in attempt %d", activity, attempt), func() bool { return r.pending(activity).GetAttempt() >= attempt })
}

// cancel asks the run to end and waits until that is in its history.
func (r run) cancel() {
	r.t.Helper()
	require.NoError(r.t, r.temporal.CancelWorkflow(r.t.Context(), r.id, r.runID))
	r.eventually("the cancellation is recorded", func() bool {
		return slices.ContainsFunc(r.history(), func(e *historypb.HistoryEvent) bool {
			return e.GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED
		})
	})
}

// hurry waits until the account's n-th request is over and cuts the pause short that follows
// it. A signal before that would be one for the run's start, or for the call itself.
func (r run) hurry(n int) {
	r.t.Helper()
	r.eventually("the provider is asked", func() bool { return r.calls() >= n })
	r.eventually("the call has ended", r.callsNothing)
	err := r.temporal.SignalWorkflow(r.t.Context(), r.id, r.runID, workflows.RefreshNow, nil)
	_, ended := errors.AsType[*serviceerror.NotFound](err)
	require.True(r.t, err == nil || ended, err)
}

// callsNothing reports whether the run has called its provider and does not do so now.
func (r run) callsNothing() bool {
	called, open := false, map[int64]bool{}
	for _, e := range r.history() {
		if a := e.GetActivityTaskScheduledEventAttributes(); strings.HasPrefix(a.GetActivityType().GetName(), "Call") {
			called, open[e.GetEventId()] = true, true
		}
		delete(open, e.GetActivityTaskCompletedEventAttributes().GetScheduledEventId())
		delete(open, e.GetActivityTaskFailedEventAttributes().GetScheduledEventId())
		delete(open, e.GetActivityTaskTimedOutEventAttributes().GetScheduledEventId())
		delete(open, e.GetActivityTaskCanceledEventAttributes().GetScheduledEventId())
	}
	return called && len(open) == 0
}

func (r run) terminate() {
	r.t.Helper()
	require.NoError(r.t, r.temporal.TerminateWorkflow(r.t.Context(), r.id, r.runID, "for the row's sake"))
}

// drop terminates a cron that the row does not need any more.
func (r run) drop() {
	r.t.Helper()
	require.NoError(r.t, r.temporal.TerminateWorkflow(r.t.Context(), r.id, "", "the row has seen enough"))
}

// holdsNoSecret asserts that the history holds all secrets sealed.
func (r run) holdsNoSecret() {
	r.t.Helper()
	for _, e := range r.history() {
		raw, err := proto.Marshal(e)
		require.NoError(r.t, err)
		if r.secretIn(string(raw)) {
			r.t.Fatalf("event %d (%s) holds a secret in the clear", e.GetEventId(), e.GetEventType())
		}
	}
}
