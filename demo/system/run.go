package system

import (
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	historypb "go.temporal.io/api/history/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/converter"

	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

// What Run.Outcome is beside the outcomes and failure types of package workflows.
const (
	Cancelled  = "cancelled"
	Terminated = "terminated"
)

// Run is one run of the workflow, as its history tells.
type Run struct {
	ID    string
	Due   time.Time // when the cron wants it to begin
	Began time.Time // zero while it waits for the cron
	Ended time.Time // zero until it has ended
	// Asked: by refresh-now, and not by the cron.
	Asked bool
	// Outcome of a run that has ended: one of workflows.Outcome, a failure type,
	// Cancelled or Terminated.
	Outcome    string
	Generation token.Generation // 0 where there is no result
	Expiry     time.Time
	Retries    int
	// BackingOff is the activity that waits for its next attempt; empty for none.
	BackingOff string
	// CancelRequested: somebody cancelled it, whether or not it has ended.
	CancelRequested bool
	// Troubles are what went wrong meanwhile, oldest first.
	Troubles []string
}

// Refreshed reports whether the run ended with a pair in the vault.
func (r Run) Refreshed() bool {
	return r.Outcome == string(workflows.Refreshed) || r.Outcome == string(workflows.Recovered)
}

// AtWork reports whether the run has begun and not ended.
func (r Run) AtWork() bool { return !r.Began.IsZero() && r.Ended.IsZero() }

// runFrom reads a history.
func runFrom(id string, history []*historypb.HistoryEvent) Run {
	r := Run{ID: id}
	activity := map[int64]string{} // by the id of the event that scheduled it
	for _, e := range history {
		at := e.GetEventTime().AsTime()
		switch e.GetEventType() {
		case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
			r.Due = at.Add(e.GetWorkflowExecutionStartedEventAttributes().GetFirstWorkflowTaskBackoff().AsDuration())
		case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
			r.Asked = r.Asked || r.Began.IsZero()
		case enumspb.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED:
			if r.Began.IsZero() {
				r.Began = at
			}
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
			activity[e.GetEventId()] = e.GetActivityTaskScheduledEventAttributes().GetActivityType().GetName()
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_STARTED:
			started := e.GetActivityTaskStartedEventAttributes()
			r.retried(activity[started.GetScheduledEventId()], started.GetAttempt(), started.GetLastFailure())
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_FAILED:
			failed := e.GetActivityTaskFailedEventAttributes()
			r.trouble(activity[failed.GetScheduledEventId()], failed.GetFailure())
		case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED:
			r.CancelRequested = true
			r.Troubles = append(r.Troubles, "cancelled meanwhile")
		default:
			r.end(e, at)
		}
	}
	return r
}

// end takes in an event that ends the run; others change nothing.
func (r *Run) end(e *historypb.HistoryEvent, at time.Time) {
	switch e.GetEventType() {
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
		var result workflows.Result
		_ = converter.GetDefaultDataConverter().FromPayloads(e.GetWorkflowExecutionCompletedEventAttributes().GetResult(), &result)
		r.Outcome, r.Generation, r.Expiry = string(result.Outcome), result.Generation, result.AccessTokenExpiry
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED:
		r.Outcome = typeOf(e.GetWorkflowExecutionFailedEventAttributes().GetFailure())
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED:
		r.Outcome = Cancelled
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED:
		r.Outcome = Terminated
	default:
		return
	}
	r.Ended = at
}

// typeOf finds the failure's type below the causes that Temporal wraps around it.
func typeOf(f *failurepb.Failure) string {
	for ; f != nil; f = f.GetCause() {
		if name := f.GetApplicationFailureInfo().GetType(); name != "" {
			return name
		}
	}
	return workflows.Unexplained
}

// pending adds what the history does not tell yet: attempts that are still made.
func (r *Run) pending(activities []*workflowpb.PendingActivityInfo) {
	for _, a := range activities {
		r.retried(a.GetActivityType().GetName(), a.GetAttempt(), a.GetLastFailure())
		if a.GetState() == enumspb.PENDING_ACTIVITY_STATE_SCHEDULED && a.GetAttempt() > 1 {
			r.BackingOff = a.GetActivityType().GetName()
		}
	}
}

// retried takes in that an activity is at its nth attempt.
func (r *Run) retried(activity string, attempt int32, last *failurepb.Failure) {
	if attempt < 2 {
		return
	}
	r.Retries += int(attempt - 1)
	r.trouble(activity, last)
}

func (r *Run) trouble(activity string, f *failurepb.Failure) {
	words := f.GetMessage()
	switch {
	case f.GetTimeoutFailureInfo() != nil:
		words = "no word from the worker in time"
	case words == "":
		words = "failed without a message"
	}
	r.Troubles = append(r.Troubles, fmt.Sprintf("%s: %s", activity, words))
}
