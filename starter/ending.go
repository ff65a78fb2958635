package main

import (
	"cmp"
	"context"
	"errors"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"tokenkeeper/workflows"
)

// ending is how a run ended.
type ending struct {
	At      time.Time         // zero where there was no run, or it is still at work
	Result  *workflows.Result // of the last run that succeeded; nil for none
	Failure *failure          // nil where the last run succeeded
}

// failure is a run's failure in the words that it has in the history. They hold
// no secret; see package activities.
type failure struct {
	Type    string `json:"type"`
	Message string `json:"message"`
}

// end tells how one run ended, and not those that its cron starts after it. It
// waits for the end, or gives the zero ending where there is none yet.
//
// The SDK's own way to a run's result does not do: to clients such as ours the
// server shows a cron's run as continued as new, and what came of it stands at
// the beginning of the next run.
func (o *operator) end(ctx context.Context, workflowID, runID string, wait bool) (ending, error) {
	events := o.temporal.GetWorkflowHistory(ctx, workflowID, runID, wait, enumspb.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT)
	var last ending
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			return ending{}, err
		}
		if next := event.GetWorkflowExecutionContinuedAsNewEventAttributes().GetNewExecutionRunId(); next != "" {
			c, err := o.inspect(ctx, workflowID, next)
			return c.Last, err
		}
		last = endingFrom(event)
	}
	return last, nil
}

// endingFrom reads the event that closes a run with none after it; zero for any
// other event.
func endingFrom(event *historypb.HistoryEvent) ending {
	e := ending{At: event.GetEventTime().AsTime()}
	switch event.GetEventType() {
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
		e.Result = resultFrom(event.GetWorkflowExecutionCompletedEventAttributes().GetResult())
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED:
		e.Failure = failureFrom(event.GetWorkflowExecutionFailedEventAttributes().GetFailure())
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT:
		e.Failure = &failure{Type: "TimedOut", Message: "the run went over a time limit; start it without any, for a run may hold a pair"}
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED:
		e.Failure = &failure{Type: "Cancelled", Message: "somebody cancelled the run, and no cron goes on after it"}
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED:
		e.Failure = &failure{Type: "Terminated", Message: "somebody terminated the run, and no cron goes on after it"}
	default:
		return ending{}
	}
	return e
}

func resultFrom(payloads *commonpb.Payloads) *workflows.Result {
	var result workflows.Result
	if payloads == nil || converter.GetDefaultDataConverter().FromPayloads(payloads, &result) != nil {
		return nil
	}
	return &result
}

// failureFrom finds the failure of ours within what the SDK puts around it; nil
// for none.
func failureFrom(f *failurepb.Failure) *failure {
	if f == nil {
		return nil
	}
	err := temporal.GetDefaultFailureConverter().FailureToError(f)
	var ours *temporal.ApplicationError
	if errors.As(err, &ours) {
		return &failure{Type: cmp.Or(ours.Type(), workflows.Unexplained), Message: ours.Message()}
	}
	return &failure{Type: workflows.Unexplained, Message: err.Error()}
}
