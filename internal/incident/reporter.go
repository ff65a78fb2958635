package incident

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
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
		var none *serviceerror.NotFound
		if errors.As(err, &none) {
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

// scheduledBy is the search attribute that names the Schedule which has started a run.
const scheduledBy = "TemporalScheduledById"

// ScheduleOf is the id of the Schedule that has started a run; empty for none.
func ScheduleOf(run *workflowpb.WorkflowExecutionInfo) (id string) {
	if payload := run.GetSearchAttributes().GetIndexedFields()[scheduledBy]; payload != nil {
		_ = converter.GetDefaultDataConverter().FromPayload(payload, &id)
	}
	return id
}

// Alive reports whether an account is still refreshed by what has reported it: its workflow
// runs or waits for its cron, in the same chain of runs, or its Schedule exists.
func (r *Reporter) Alive(ctx context.Context, holder Holder) (bool, error) {
	var none *serviceerror.NotFound
	if holder.Schedule != "" {
		_, err := r.Temporal.ScheduleClient().GetHandle(ctx, holder.Schedule).Describe(ctx)
		if errors.As(err, &none) {
			return false, nil
		}
		return err == nil, err
	}
	described, err := r.Temporal.DescribeWorkflowExecution(ctx, holder.Workflow, "")
	if errors.As(err, &none) {
		return false, nil
	}
	run := described.GetWorkflowExecutionInfo()
	replaced := holder.Chain != "" && run.GetFirstRunId() != "" && run.GetFirstRunId() != holder.Chain
	return run.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING && !replaced, err
}
