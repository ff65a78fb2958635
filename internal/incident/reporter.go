package incident

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
)

// Reporter brings reports to the workflows that hold incidents.
type Reporter struct {
	Temporal  client.Client
	TaskQueue string
	Receivers []string // the names of those who get the events of incidents that begin

	listed openIncidents
}

// Report brings a report to its incident, and begins it where it is the first one. The
// end of what has not begun begins nothing. Reports may be repeated.
func (r *Reporter) Report(ctx context.Context, provider, reason string, report Report) error {
	id := ID(r.TaskQueue, provider, reason)
	if report.At.IsZero() {
		report.At = time.Now().UTC()
	}
	if report.Healed {
		err := r.Temporal.SignalWorkflow(ctx, id, "", Change, report)
		if isNotFound(err) {
			return nil
		}
		return reported(id, err)
	}
	_, err := r.Temporal.SignalWithStartWorkflow(ctx, id, Change, report, client.StartWorkflowOptions{
		ID: id, TaskQueue: r.TaskQueue,
		Memo:          map[string]any{Memo: State{Provider: provider, Reason: reason, Accounts: 1, Since: report.At, Message: report.Message}},
		StaticSummary: title(Raised, provider, reason, 1),
	}, Type, Input{Provider: provider, Reason: reason, Receivers: r.Receivers})
	return reported(id, err)
}

func reported(id string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("report to incident %s: %w; see that Temporal serves this namespace", id, err)
}

// ScheduledBy is the search attribute that names the Schedule which has started a run.
const ScheduledBy = "TemporalScheduledById"

// ScheduleOf is the id of the Schedule that has started a run; empty for none.
func ScheduleOf(run *workflowpb.WorkflowExecutionInfo) (id string) {
	if payload := run.GetSearchAttributes().GetIndexedFields()[ScheduledBy]; payload != nil {
		_ = converter.GetDefaultDataConverter().FromPayload(payload, &id)
	}
	return id
}

// Over reports whether an account has its incident no longer although no run has said so:
// nothing refreshes it over this task queue any more, or a run after the one that reported
// has gone well, as where that one was terminated, or a reset of it has ended well.
func (r *Reporter) Over(ctx context.Context, reason string, h Holder) (bool, error) {
	if h.Schedule != "" {
		// Where the Schedule is gone, a cron may have taken its place.
		if over, err := r.scheduleOver(ctx, reason, h); !isNotFound(err) {
			return over, err
		}
	}
	described, err := r.Temporal.DescribeWorkflowExecution(ctx, h.Workflow, "")
	info := described.GetWorkflowExecutionInfo()
	switch {
	case isNotFound(err):
		return true, nil
	case err != nil:
		return false, err
	case h.Schedule == "" && ScheduleOf(info) != "": // the report did not know
		h.Schedule = ScheduleOf(info)
		return r.Over(ctx, reason, h)
	case info.GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, info.GetTaskQueue() != r.TaskQueue:
		return true, nil
	case reason == ConsentEnds, info.GetExecution().GetRunId() == h.Run: // runs that go well report it; it is at work
		return false, nil
	}
	return r.followsGreen(ctx, h.Workflow, info.GetExecution().GetRunId(), h.Run)
}

// scheduleOver judges by the newest run of the Schedule. It fails as not found where there is
// none.
func (r *Reporter) scheduleOver(ctx context.Context, reason string, h Holder) (bool, error) {
	schedule, err := r.Temporal.ScheduleClient().GetHandle(ctx, h.Schedule).Describe(ctx)
	if err != nil {
		return false, err
	}
	if action, ok := schedule.Schedule.Action.(*client.ScheduleWorkflowAction); ok && action.TaskQueue != r.TaskQueue {
		return true, nil
	}
	recent := schedule.Info.RecentActions
	if reason == ConsentEnds || len(recent) == 0 || recent[len(recent)-1].StartWorkflowResult == nil {
		return false, nil
	}
	newest := recent[len(recent)-1].StartWorkflowResult
	described, err := r.Temporal.DescribeWorkflowExecution(ctx, newest.WorkflowID, "")
	if isNotFound(err) { // its history is gone, and says nothing
		return false, nil
	}
	info := described.GetWorkflowExecutionInfo()
	return info.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED && info.GetExecution().GetRunId() != h.Run, err
}

// followsGreen reports whether a cron's run was started by the end of one that went well,
// after the run that reported. A reset copies the start of a run, so that a reset of the run
// that reported follows what that one did.
func (r *Reporter) followsGreen(ctx context.Context, workflowID, runID, reported string) (bool, error) {
	started, err := r.startOf(ctx, workflowID, runID)
	if err != nil || started.GetInitiator() != enumspb.CONTINUE_AS_NEW_INITIATOR_CRON_SCHEDULE || started.GetContinuedFailure() != nil {
		return false, err
	}
	switch original := started.GetOriginalExecutionRunId(); original {
	case runID: // it is no reset
		return true, nil
	case reported:
		return false, nil
	default: // both may be resets of one run
		before, err := r.startOf(ctx, workflowID, reported)
		if isNotFound(err) { // its history is gone, and the run after this one will know
			return false, nil
		}
		return err == nil && before.GetOriginalExecutionRunId() != original, err
	}
}

// startOf is how a run was started.
func (r *Reporter) startOf(ctx context.Context, workflowID, runID string) (*historypb.WorkflowExecutionStartedEventAttributes, error) {
	history := r.Temporal.GetWorkflowHistory(ctx, workflowID, runID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	first, err := history.Next()
	return first.GetWorkflowExecutionStartedEventAttributes(), err
}

func isNotFound(err error) bool {
	var none *serviceerror.NotFound
	return errors.As(err, &none)
}
