package system

import (
	"context"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	historypb "go.temporal.io/api/history/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"

	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

const (
	// answerWithin bounds one question to Temporal, which may be down.
	answerWithin = 30 * time.Second
	// patience bounds what takes half a minute on an idle machine.
	patience = 5 * time.Minute
)

// Run is one run of the workflow, as its history has it.
type Run struct {
	ID    string
	Due   time.Time // when the cron wants it to begin
	Began time.Time // zero while it waits for the cron
	Ended time.Time // zero until it has ended
	// Asked: by refresh-now, and not by the cron.
	Asked bool
	// Outcome of a run that has ended: one of workflows.Outcome, or a failure type.
	Outcome    string
	Generation token.Generation // 0 where there is no result
	Expiry     time.Time
	Retries    int
	// BackingOff is the activity that waits for its next attempt; empty for none.
	BackingOff string
	// CancelRequested, whether or not it has ended.
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

// Run reads one run of the workflow; an empty id means the latest.
func (s *System) Run(ctx context.Context, id string) (Run, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	described, err := s.temporal.DescribeWorkflowExecution(ctx, workflows.ID(Account), id)
	if err != nil {
		return Run{}, err
	}
	id = described.GetWorkflowExecutionInfo().GetExecution().GetRunId()
	var events []*historypb.HistoryEvent
	history := s.temporal.GetWorkflowHistory(ctx, workflows.ID(Account), id, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for history.HasNext() {
		e, err := history.Next()
		if err != nil {
			return Run{}, err
		}
		events = append(events, e)
	}
	r := runFrom(id, events)
	r.addPending(described.GetPendingActivities())
	return r, nil
}

// latest lists the ids of the latest runs, newest first.
func (s *System) latest(ctx context.Context, count int32) ([]string, error) {
	listed, err := s.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		PageSize: count,
		Query:    fmt.Sprintf("WorkflowId = '%s'", workflows.ID(Account)),
	})
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, info := range listed.GetExecutions() {
		ids = append(ids, info.GetExecution().GetRunId())
	}
	return ids, nil
}

// Await waits until the run has ended. While Temporal is away it goes on waiting.
func (s *System) Await(ctx context.Context, id string) (Run, error) {
	return s.until(ctx, id, "to its end", func(r Run) bool { return !r.Ended.IsZero() })
}

// AwaitRefresh waits until the run has ended, which it must with a pair in the vault.
func (s *System) AwaitRefresh(ctx context.Context, id string) (Run, error) {
	r, err := s.Await(ctx, id)
	if err == nil && !r.Refreshed() {
		err = fmt.Errorf("the run ended as %s, not refreshed", r.Outcome)
	}
	return r, err
}

// AwaitCancellation waits until a run's cancellation has been requested.
func (s *System) AwaitCancellation(ctx context.Context, id string) error {
	_, err := s.until(ctx, id, "to its cancellation", func(r Run) bool { return r.CancelRequested })
	return err
}

// AwaitBackoff waits until an activity of a run has failed and waits for its
// next attempt, so that no attempt is being made.
func (s *System) AwaitBackoff(ctx context.Context, id, activity string) error {
	_, err := s.until(ctx, id, "to a pause between attempts of "+activity, func(r Run) bool { return r.BackingOff == activity })
	return err
}

// AwaitQuiet waits until no run is at work and none is about to begin.
func (s *System) AwaitQuiet(ctx context.Context) error {
	_, err := s.until(ctx, "", "to rest", func(r Run) bool {
		return !r.AtWork() && (!r.Ended.IsZero() || time.Until(r.Due) > 2*time.Second)
	})
	return err
}

// until waits for something to hold of a run; goal ends the sentence "the run
// did not come …".
func (s *System) until(ctx context.Context, id, goal string, holds func(Run) bool) (r Run, err error) {
	if waitErr := Wait(ctx, func() bool {
		r, err = s.Run(ctx, id)
		return err == nil && holds(r)
	}); waitErr != nil {
		if err == nil {
			err = waitErr
		}
		return r, fmt.Errorf("the run did not come %s: %w; what went wrong so far: %q", goal, err, r.Troubles)
	}
	return r, nil
}

// Wait polls until something holds, for five minutes at most.
func Wait(ctx context.Context, holds func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for !holds() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}

// runFrom reads a history.
func runFrom(id string, history []*historypb.HistoryEvent) Run {
	state := workflows.StateFrom(workflows.ID(Account), history)
	r := Run{ID: id, Due: state.Due, Began: state.Working}
	activity := map[int64]string{} // by the id of the event that scheduled it
	began := false
	for _, e := range history {
		switch e.GetEventType() {
		case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
			r.Asked = r.Asked || !began
		case enumspb.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED:
			began = true
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
			activity[e.GetEventId()] = e.GetActivityTaskScheduledEventAttributes().GetActivityType().GetName()
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_STARTED:
			started := e.GetActivityTaskStartedEventAttributes()
			r.addRetries(activity[started.GetScheduledEventId()], started.GetAttempt(), started.GetLastFailure())
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_FAILED:
			failed := e.GetActivityTaskFailedEventAttributes()
			r.addTrouble(activity[failed.GetScheduledEventId()], failed.GetFailure())
		case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED:
			r.CancelRequested = true
			r.Troubles = append(r.Troubles, "cancelled meanwhile")
		default:
			r.addEnd(workflows.RunResultFrom(e))
		}
	}
	return r
}

// addEnd takes in how the run ended; the zero result changes nothing.
func (r *Run) addEnd(end workflows.RunResult) {
	if end.At.IsZero() {
		return
	}
	r.Ended = end.At
	if end.Failure != nil {
		r.Outcome = end.Failure.Type
	}
	if end.Result != nil {
		r.Outcome, r.Generation, r.Expiry = string(end.Result.Outcome), end.Result.Generation, end.Result.AccessTokenExpiry
	}
}

// addPending takes in the attempts that are still made, which no history has.
func (r *Run) addPending(activities []*workflowpb.PendingActivityInfo) {
	for _, a := range activities {
		r.addRetries(a.GetActivityType().GetName(), a.GetAttempt(), a.GetLastFailure())
		if a.GetState() == enumspb.PENDING_ACTIVITY_STATE_SCHEDULED && a.GetAttempt() > 1 {
			r.BackingOff = a.GetActivityType().GetName()
		}
	}
}

// addRetries takes in that an activity is at its nth attempt.
func (r *Run) addRetries(activity string, attempt int32, last *failurepb.Failure) {
	if attempt < 2 {
		return
	}
	r.Retries += int(attempt - 1)
	r.addTrouble(activity, last)
}

func (r *Run) addTrouble(activity string, f *failurepb.Failure) {
	words := f.GetMessage()
	switch {
	case f.GetTimeoutFailureInfo() != nil:
		words = "no answer from the worker in time"
	case words == "":
		words = "failed without a message"
	}
	r.Troubles = append(r.Troubles, fmt.Sprintf("%s: %s", activity, words))
}
