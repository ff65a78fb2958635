package main

import (
	"context"
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"
)

// refuseWhileRunning ends with an error where a run of the account is at work. The
// vault's fence would keep a recovery beside it harmless, but not its answer true.
func (o *temporalApp) refuseWhileRunning(ctx context.Context, t target, from []string) error {
	atWork := func(workflowID, runID string) error {
		return fmt.Errorf("run %s of workflow %s is at work, and may hold what is missed; nothing was looked for; wait for its end and try again if it fails", runID, workflowID)
	}
	for _, id := range append([]string{t.id}, from...) {
		described, err := o.temporal.DescribeWorkflowExecution(ctx, id, "")
		if gone(err) {
			continue
		}
		if err != nil {
			return err
		}
		if described.GetWorkflowExecutionInfo().GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
			continue
		}
		running, err := o.describe(ctx, id, "")
		if err != nil {
			return err
		}
		if !running.Working.IsZero() {
			return atWork(id, running.RunID)
		}
	}
	schedule, err := o.temporal.ScheduleClient().GetHandle(ctx, t.scheduleID()).Describe(ctx)
	if gone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if at := schedule.Info.RunningWorkflows; len(at) > 0 {
		return atWork(at[0].WorkflowID, at[0].FirstExecutionRunID)
	}
	return nil
}

// isKept reports whether a workflow or a Schedule keeps the account alive.
func (o *temporalApp) isKept(ctx context.Context, t target) (bool, error) {
	described, err := o.temporal.DescribeWorkflowExecution(ctx, t.id, "")
	if err == nil && described.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return true, nil
	}
	if err != nil && !gone(err) {
		return false, err
	}
	return o.hasSchedule(ctx, t)
}
