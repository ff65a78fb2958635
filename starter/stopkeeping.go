package main

import (
	"context"
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"
)

// stopKeeping ends whatever keeps an account alive, its Schedule and its workflow,
// and returns when neither is at work any more: a run that holds a pair stores it
// before it ends. stopped says what there was, in words; nothing is no error.
func (o *temporalApp) stopKeeping(ctx context.Context, t target) (stopped []string, err error) {
	described, err := o.temporal.ScheduleClient().GetHandle(ctx, t.scheduleID()).Describe(ctx)
	if err != nil && !gone(err) {
		return nil, err
	}
	if err == nil {
		if err := o.temporal.ScheduleClient().GetHandle(ctx, t.scheduleID()).Delete(ctx); err != nil && !gone(err) {
			return nil, err
		}
		stopped = append(stopped, "Schedule "+t.scheduleID())
		for _, run := range described.Info.RunningWorkflows {
			if _, err := o.cancel(ctx, run.WorkflowID); err != nil {
				return stopped, err
			}
		}
	}
	was, err := o.cancel(ctx, t.id)
	if was {
		stopped = append(stopped, "workflow "+t.id)
	}
	return stopped, err
}

// cancel ends a workflow with all that follows it, and waits. was says whether it
// ran at all.
func (o *temporalApp) cancel(ctx context.Context, workflowID string) (was bool, err error) {
	described, err := o.temporal.DescribeWorkflowExecution(ctx, workflowID, "")
	if gone(err) {
		return false, nil
	}
	if err != nil || described.GetWorkflowExecutionInfo().GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return false, err
	}
	runID := described.GetWorkflowExecutionInfo().GetExecution().GetRunId()
	if err := o.temporal.CancelWorkflow(ctx, workflowID, ""); err != nil && !gone(err) {
		return true, err
	}
	o.say("Ending workflow %s. A run at work stores what it holds first.", workflowID)
	o.warnOfIdleQueue(ctx)
	if _, err := o.await(ctx, workflowID, runID); err != nil {
		return true, err
	}
	// The run may have ended before the cancellation came, and its cron gone on.
	running, err := o.temporal.DescribeWorkflowExecution(ctx, workflowID, "")
	switch {
	case gone(err):
		return true, nil
	case err != nil:
		return true, err
	case running.GetWorkflowExecutionInfo().GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING:
		return true, nil
	case running.GetWorkflowExecutionInfo().GetExecution().GetRunId() == runID:
		return true, fmt.Errorf("workflow %s still runs; end it with: %s", workflowID, shell("temporal", "workflow", "terminate", "--workflow-id", workflowID))
	}
	return o.cancel(ctx, workflowID)
}
