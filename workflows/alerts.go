package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tokenkeeper/activities"
)

// OverdueAfter is how long a run waits before it alerts. It goes on trying then.
const OverdueAfter = 10 * time.Minute

// The reasons of the alert that a run is overdue: what it waits for.
const (
	LoadStuck  = "LoadStuck"  // the vault, and nothing is spent
	CallStuck  = "CallStuck"  // the provider
	StoreStuck = "StoreStuck" // the vault, with a pair sealed in the history
)

// step is what a run is at, as the alert says that it is overdue.
type step struct{ reason, words string }

// alertWhenOverdue alerts that the run is overdue, once for each reason, until the
// returned function stops it. That waits for an alert that has begun, so that r.overdue
// is complete afterwards. The next step is waited for without a timer: a run that is
// stuck for weeks adds no events.
func (r *run) alertWhenOverdue(ctx workflow.Context) (stop func()) {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	timerCtx, stopTimer := workflow.WithCancel(ctx)
	over, settle := workflow.NewFuture(ctx)
	alerted := func() bool { return slices.Contains(r.overdue, r.at.reason) }
	workflow.Go(timerCtx, func(ctx workflow.Context) {
		defer settle.SetValue(nil)
		// The store is the last step, so its alert is the last one.
		for !slices.Contains(r.overdue, StoreStuck) {
			if workflow.NewTimer(ctx, OverdueAfter).Get(ctx, nil) != nil {
				return // stopped
			}
			if !alerted() {
				r.alertOverdue(ctx)
			}
			if workflow.Await(ctx, func() bool { return !alerted() }) != nil {
				return // stopped
			}
		}
	})
	return func() {
		stopTimer()
		_ = over.Get(ctx, nil)
	}
}

// alertOverdue alerts what the run waits for. The alert's answer has the cause, which is
// then shown where people look first, unless the run has gone on meanwhile.
func (r *run) alertOverdue(ctx workflow.Context) {
	at := r.at
	r.overdue = append(r.overdue, at.reason)
	r.setHealth(ctx, HealthStuck)
	r.setDetails(ctx, "%s For some %s now. Still trying.", at.words, OverdueAfter)
	said := fmt.Sprintf("%s Run %s goes on trying.", at.words, workflow.GetInfo(ctx).WorkflowExecution.RunID)
	cause := r.alert(ctx, activities.AlertInput{Reason: at.reason, Message: said})
	if cause != "" && cause != said && r.at == at {
		r.setDetails(ctx, "%s", printable(cause, longestText))
	}
}

// alertAside raises an alert that is over when the run is green, and waits for nothing.
func (r *run) alertAside(ctx workflow.Context, in activities.AlertInput) {
	if slices.Contains(r.overdue, in.Reason) {
		return
	}
	r.overdue = append(r.overdue, in.Reason)
	done, settle := workflow.NewFuture(ctx)
	r.aside = append(r.aside, done)
	workflow.Go(ctx, func(ctx workflow.Context) {
		defer settle.SetValue(nil)
		r.alert(ctx, in)
	})
}

// settleAlerts waits for the alerts that were raised aside, so that none of them comes
// after the one that says that it is over.
func (r *run) settleAlerts(ctx workflow.Context) {
	for _, done := range r.aside {
		_ = done.Get(ctx, nil)
	}
}

// alertFor bounds how long a run waits for an alert to be reported: without the report the
// incident would stay open, or not begin.
const alertFor = 3 * time.Minute

// alert raises an alert, and never fails the run. It returns what was alerted, with the
// cause; empty where that is not known.
func (r *run) alert(ctx workflow.Context, in activities.AlertInput) string {
	in.Account = r.account
	ctx, _ = workflow.NewDisconnectedContext(ctx) // of a cancelled run as well
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 10 * time.Second,
		// It needs Temporal alone, which has just given it to a worker.
		ScheduleToCloseTimeout: alertFor,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 15 * time.Second},
		Summary:                "alert: " + in.Reason,
	})
	var alerted activities.AlertResult
	if err := workflow.ExecuteActivity(ctx, acts.Alert, in).Get(ctx, &alerted); err != nil {
		workflow.GetLogger(ctx).Error("cannot raise an alert", "reason", in.Reason, "error", err)
		return ""
	}
	return alerted.Message
}
