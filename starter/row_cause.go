package main

import (
	"context"
	"fmt"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/types/known/timestamppb"

	"tokenkeeper/workflows"
)

// runFailure is a failure as status shows it.
type runFailure struct {
	workflows.Failure
	// Activity and Attempts are set where a run at work tries on.
	Activity string    `json:"activity,omitempty"`
	Attempts int32     `json:"attempts,omitempty"`
	At       time.Time `json:"at,omitzero"`
}

// explain completes a row of a run that is stuck with what keeps it so: the failure of the
// activity that is tried again, or else the newest failure in its history, or that no worker
// carries its tasks out.
func (app *temporalApp) explain(ctx context.Context, r *row) error {
	if r.Health != stuck {
		return nil
	}
	described, err := app.temporal.DescribeWorkflowExecution(ctx, r.WorkflowID, r.RunID)
	if gone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, pending := range described.GetPendingActivities() {
		if f := pending.GetLastFailure(); f != nil {
			r.LastFailure = &runFailure{failureOf(f), pending.GetActivityType().GetName(), pending.GetAttempt() - 1, timeOf(pending.GetLastAttemptCompleteTime())}
			return nil
		}
	}
	if task := described.GetPendingWorkflowTask(); task != nil {
		r.LastFailure = &runFailure{Failure: waitingTask(task.GetAttempt()), Attempts: task.GetAttempt() - 1, At: timeOf(task.GetOriginalScheduledTime())}
		return nil
	}
	for _, pending := range described.GetPendingActivities() {
		if pending.GetState() == enumspb.PENDING_ACTIVITY_STATE_SCHEDULED {
			r.LastFailure = &runFailure{waitingActivity(), pending.GetActivityType().GetName(), 0, timeOf(pending.GetScheduledTime())}
			return nil
		}
	}
	return app.explainByHistory(ctx, r)
}

func waitingTask(attempt int32) workflows.Failure {
	if attempt > 1 {
		return workflows.Failure{Type: "WorkflowTaskFailed", Message: "the worker fails to carry the workflow out; see the run's newest events and the worker's log for the error"}
	}
	return workflows.Failure{Type: "NoWorker", Message: "no worker takes its workflow task; see that a worker of the run's version listens, with: " + command("doctor", "--only", "temporal")}
}

func waitingActivity() workflows.Failure {
	return workflows.Failure{Type: "NoWorker", Message: "no worker has taken its activity yet; see that workers listen on every queue, with: " + command("doctor", "--only", "temporal")}
}

// explainByHistory takes the newest failure of an activity from the run's newest events. A
// run that waits before it presents a token again has no activity that is pending.
func (app *temporalApp) explainByHistory(ctx context.Context, r *row) error {
	newest, err := app.temporal.WorkflowService().GetWorkflowExecutionHistoryReverse(ctx, &workflowservice.GetWorkflowExecutionHistoryReverseRequest{
		Namespace: app.namespace, Execution: &commonpb.WorkflowExecution{WorkflowId: r.WorkflowID, RunId: r.RunID}, MaximumPageSize: 100,
	})
	if gone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, event := range newest.GetHistory().GetEvents() {
		if f := event.GetActivityTaskFailedEventAttributes().GetFailure(); f != nil {
			r.LastFailure = &runFailure{Failure: failureOf(f), At: event.GetEventTime().AsTime()}
			return nil
		}
		if f := event.GetActivityTaskTimedOutEventAttributes().GetFailure(); f != nil {
			r.LastFailure = &runFailure{Failure: failureOf(f), At: event.GetEventTime().AsTime()}
			return nil
		}
	}
	return nil
}

// failureOf finds the application's failure inside Temporal's; without one it is the
// outermost.
func failureOf(f *failurepb.Failure) workflows.Failure {
	for inner := f; inner != nil; inner = inner.GetCause() {
		if application := inner.GetApplicationFailureInfo(); application != nil {
			return workflows.Failure{Type: application.GetType(), Message: asCalled(inner.GetMessage())}
		}
	}
	return workflows.Failure{Type: "Failed", Message: f.GetMessage()}
}

// cause says why the account needs attention. A run's own message comes whole: it ends with
// the fix.
func (app *temporalApp) cause(r row, now time.Time) string {
	where := "look at the run with: " + shell("temporal", "workflow", "show", "--workflow-id", r.WorkflowID, "--run-id", r.RunID)
	if r.WebUI != "" {
		where = "look at the run: " + r.WebUI
	}
	f := r.LastFailure
	switch {
	case f == nil:
		return where
	case r.Health != stuck:
		return f.Message
	case f.Activity != "":
		return fmt.Sprintf("at work for %s; %s, tried %d times, last %s: %s", span(now.Sub(r.Working)), f.Activity, f.Attempts, when(f.At, now), f.Message)
	}
	return fmt.Sprintf("at work for %s: %s", span(now.Sub(r.Working)), f.Message)
}

// timeOf is zero where Temporal tells no time.
func timeOf(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}
