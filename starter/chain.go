package main

import (
	"context"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"

	"tokenkeeper/workflows"
)

// describe reads a run's first events. An empty run id means the present run.
func (o *temporalApp) describe(ctx context.Context, workflowID, runID string) (workflows.State, error) {
	history, err := o.temporal.WorkflowService().GetWorkflowExecutionHistory(ctx, &workflowservice.GetWorkflowExecutionHistoryRequest{
		Namespace:       o.namespace,
		Execution:       &commonpb.WorkflowExecution{WorkflowId: workflowID, RunId: runID},
		MaximumPageSize: workflows.FirstEvents,
	})
	if err != nil {
		return workflows.State{}, err
	}
	return workflows.StateFrom(workflowID, history.GetHistory().GetEvents()), nil
}

// runResult returns how one run ended, and not those that its cron starts after
// it. It waits for the end, or returns the zero result where there is none yet.
//
// The SDK's own way to a run's result does not do: to clients such as this one the
// server shows a cron's run as continued as new, and its result stands at the
// beginning of the next run.
func (o *temporalApp) runResult(ctx context.Context, workflowID, runID string, wait bool) (workflows.RunResult, error) {
	events := o.temporal.GetWorkflowHistory(ctx, workflowID, runID, wait, enumspb.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT)
	var last workflows.RunResult
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			return workflows.RunResult{}, err
		}
		if next := event.GetWorkflowExecutionContinuedAsNewEventAttributes().GetNewExecutionRunId(); next != "" {
			s, err := o.describe(ctx, workflowID, next)
			return s.Last, err
		}
		last = workflows.RunResultFrom(event)
	}
	return last, nil
}
