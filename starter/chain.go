package main

import (
	"context"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"

	"tokenkeeper/workflows"
)

// chain is a RefreshTokens workflow that goes on from run to run, as the first
// events of its present run tell it. One call to Temporal is enough for all of
// it: a cron's run begins with how the run before it ended.
type chain struct {
	WorkflowID string
	RunID      string
	FirstRunID string
	Input      workflows.Input
	Cron       string    // empty for a single run
	Created    time.Time // when the run before this one ended, if there was one
	Due        time.Time // when the cron wants this run to begin
	Working    time.Time // when it did begin; zero while it waits for the cron
	Last       ending
}

// firstEvents is more than a run has before it begins to work.
const firstEvents = 20

// inspect reads a run's first events. An empty run id means the present run.
func (o *operator) inspect(ctx context.Context, workflowID, runID string) (chain, error) {
	history, err := o.temporal.WorkflowService().GetWorkflowExecutionHistory(ctx, &workflowservice.GetWorkflowExecutionHistoryRequest{
		Namespace:       o.namespace,
		Execution:       &commonpb.WorkflowExecution{WorkflowId: workflowID, RunId: runID},
		MaximumPageSize: firstEvents,
	})
	if err != nil {
		return chain{}, err
	}
	return chainFrom(workflowID, history.GetHistory().GetEvents()), nil
}

// chainFrom reads a run's first events. What cannot be decoded counts as absent:
// a workflow that somebody started with other input shows it in Input's Check.
func chainFrom(workflowID string, events []*historypb.HistoryEvent) chain {
	c := chain{WorkflowID: workflowID}
	for _, event := range events {
		at := event.GetEventTime().AsTime()
		if started := event.GetWorkflowExecutionStartedEventAttributes(); started != nil {
			c.RunID = started.GetOriginalExecutionRunId()
			c.FirstRunID = started.GetFirstExecutionRunId()
			c.Cron = started.GetCronSchedule()
			c.Created = at
			c.Due = at.Add(started.GetFirstWorkflowTaskBackoff().AsDuration())
			_ = converter.GetDefaultDataConverter().FromPayloads(started.GetInput(), &c.Input)
			c.Last.Result = resultFrom(started.GetLastCompletionResult())
			c.Last.Failure = failureFrom(started.GetContinuedFailure())
			if started.GetContinuedExecutionRunId() != "" {
				c.Last.At = at
			}
		}
		if event.GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED && c.Working.IsZero() {
			c.Working = at
		}
	}
	return c
}
