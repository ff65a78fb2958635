package workflows

import (
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
)

// State is what the first events of a run show of its workflow, in one call to
// Temporal: a cron's run begins with how the run before it ended.
type State struct {
	WorkflowID string
	RunID      string
	FirstRunID string
	LastRunID  string // of the run before this one; empty for none
	Input      Input
	Cron       string    // empty for a single run
	Created    time.Time // when the run before this one ended, if there was one
	Due        time.Time // when the cron wants this run to begin
	Working    time.Time // when it did begin; zero while it waits for the cron
	Last       RunResult
}

// FirstEvents is more events than a run has before it begins to work.
const FirstEvents = 20

// StateFrom reads a run's first events, FirstEvents or fewer. What cannot be
// decoded counts as absent: Input.Check refuses an input of another kind.
func StateFrom(workflowID string, events []*historypb.HistoryEvent) State {
	s := State{WorkflowID: workflowID}
	for _, event := range events {
		at := event.GetEventTime().AsTime()
		if started := event.GetWorkflowExecutionStartedEventAttributes(); started != nil {
			s.RunID = started.GetOriginalExecutionRunId()
			s.FirstRunID = started.GetFirstExecutionRunId()
			s.Cron = started.GetCronSchedule()
			s.Created = at
			s.Due = at.Add(started.GetFirstWorkflowTaskBackoff().AsDuration())
			_ = converter.GetDefaultDataConverter().FromPayloads(started.GetInput(), &s.Input)
			s.Last.Result = resultFrom(started.GetLastCompletionResult())
			s.Last.Failure = failureFrom(started.GetContinuedFailure())
			if started.GetContinuedExecutionRunId() != "" {
				s.Last.At = at
				s.LastRunID = started.GetContinuedExecutionRunId()
			}
		}
		if event.GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED && s.Working.IsZero() {
			s.Working = at
		}
	}
	return s
}

// RunResult is how a run ended.
type RunResult struct {
	At      time.Time // zero where there was no run, or it has not ended
	Result  *Result   // of the last run that succeeded; nil for none
	Failure *Failure  // nil where the last run succeeded
}

// Failure is a run's failure as its history has it. It holds no secret.
type Failure struct {
	Type    string `json:"type"`
	Message string `json:"message"`
}

// The failure types of runs that did not end by themselves.
const (
	TimedOut   = "TimedOut"
	Cancelled  = "Cancelled"
	Terminated = "Terminated"
)

// RunResultFrom reads the event that closes the last run; any other gives zero.
func RunResultFrom(event *historypb.HistoryEvent) RunResult {
	r := RunResult{At: event.GetEventTime().AsTime()}
	switch event.GetEventType() {
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
		r.Result = resultFrom(event.GetWorkflowExecutionCompletedEventAttributes().GetResult())
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED:
		r.Failure = failureFrom(event.GetWorkflowExecutionFailedEventAttributes().GetFailure())
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT:
		r.Failure = &Failure{TimedOut, "the run went over a time limit; start it without any, for a run may hold a pair"}
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED:
		r.Failure = &Failure{Cancelled, "the run was cancelled, and no cron goes on after it"}
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED:
		r.Failure = &Failure{Terminated, "the run was terminated, and no cron goes on after it"}
	default:
		return RunResult{}
	}
	return r
}

func resultFrom(payloads *commonpb.Payloads) *Result {
	var result Result
	if payloads == nil || converter.GetDefaultDataConverter().FromPayloads(payloads, &result) != nil {
		return nil
	}
	return &result
}

// failureFrom finds the application failure inside the SDK's; nil for none.
func failureFrom(f *failurepb.Failure) *Failure {
	if f == nil {
		return nil
	}
	err := temporal.GetDefaultFailureConverter().FailureToError(f)
	return &Failure{Type: failureType(err), Message: message(err)}
}
