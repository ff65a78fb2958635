package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tokenkeeper/activities"
	"tokenkeeper/internal/incident"
)

// OverdueAfter is how long a run is at work before it alerts. It goes on trying then.
const OverdueAfter = 10 * time.Minute

// The reasons of the alert that a run is overdue: what it waits for.
const (
	LoadStuck  = "LoadStuck"  // the vault, and nothing is spent
	CallStuck  = "CallStuck"  // the provider
	StoreStuck = "StoreStuck" // the vault, with a pair sealed in the history
)

// settled is how long a run is at a step before a worker's signal makes it alert: where a
// run was reset, the server repeats the signal to a run that has only just begun.
const settled = 10 * time.Second

// step is what a run is at, as the alert says that it is overdue.
type step struct {
	reason, words string
	since         time.Time // when the run came to wait for this
}

// isAt notes what the run waits for from now on.
func (r *run) isAt(ctx workflow.Context, reason, words string) {
	since := workflow.Now(ctx)
	if r.at.reason == reason {
		since = r.at.since
	}
	r.at = step{reason, words, since}
}

// alertWhenOverdue alerts that the run is overdue, once for each reason, until the
// returned function stops it. That waits for an alert that has begun, so that r.overdue
// is complete afterwards. A worker's signal says so at first, because a timer beside each
// run would cost as much as an activity; for the steps after an alert the run keeps the time
// itself. The next step is waited for without a timer: a run that is stuck for weeks adds
// no events.
func (r *run) alertWhenOverdue(ctx workflow.Context) (stop func()) {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	waitCtx, stopWaiting := workflow.WithCancel(ctx)
	over, settle := workflow.NewFuture(ctx)
	alerted := func() bool { return slices.Contains(r.overdue, r.at.reason) }
	workflow.Go(waitCtx, func(ctx workflow.Context) {
		defer settle.SetValue(nil)
		if !r.awaitOverdue(ctx) {
			return // stopped
		}
		// The store is the last step, so its alert is the last one.
		for !slices.Contains(r.overdue, StoreStuck) {
			if !alerted() {
				r.alertOverdue(ctx)
			}
			if workflow.Await(ctx, func() bool { return !alerted() }) != nil {
				return // stopped
			}
			if workflow.NewTimer(ctx, OverdueAfter).Get(ctx, nil) != nil {
				return // stopped
			}
		}
	})
	return func() {
		stopWaiting()
		_ = over.Get(ctx, nil)
	}
}

// awaitOverdue waits for a worker's signal, and then until the run is at its step for a
// while. It is false where the wait was stopped.
func (r *run) awaitOverdue(ctx workflow.Context) bool {
	workflow.NewSelector(ctx).
		AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) {}).
		AddReceive(workflow.GetSignalChannel(ctx, Overdue), func(c workflow.ReceiveChannel, _ bool) { c.Receive(ctx, nil) }).
		Select(ctx)
	for ctx.Err() == nil {
		left := settled - workflow.Now(ctx).Sub(r.at.since)
		if left <= 0 {
			return true
		}
		_ = workflow.NewTimer(ctx, left).Get(ctx, nil)
	}
	return false
}

// alertOverdue alerts what the run waits for. The alert's answer has the cause, which is
// then shown where people look first, unless the run has gone on meanwhile.
func (r *run) alertOverdue(ctx workflow.Context) {
	at := r.at
	r.overdue = append(r.overdue, at.reason)
	r.show(ctx, HealthStuck)
	r.setDetails(ctx, "%s For some %s now. Still trying.", at.words, workflow.Now(ctx).Sub(at.since).Truncate(time.Second))
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

// alertAttempts bounds how often a run tries to have an alert reported, some three minutes:
// it needs Temporal alone, which has just given it to a worker. It is no time, because a
// machine that is off for the night reports the alert in the morning.
const alertAttempts = 14

var scheduledBy = temporal.NewSearchAttributeKeyKeyword(incident.ScheduledBy)

// alert raises an alert, and never fails the run. It returns what was alerted, with the
// cause; empty where that is not known.
func (r *run) alert(ctx workflow.Context, in activities.AlertInput) string {
	in.Account = r.account
	// The run knows it from its start: Temporal may not say in time when it is asked.
	in.Schedule, _ = workflow.GetTypedSearchAttributes(ctx).GetKeyword(scheduledBy)
	ctx, _ = workflow.NewDisconnectedContext(ctx) // of a cancelled run as well
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 10 * time.Second,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 15 * time.Second, MaximumAttempts: alertAttempts},
		Summary:             "alert: " + in.Reason,
	})
	var alerted activities.AlertResult
	if err := workflow.ExecuteActivity(ctx, acts.Alert, in).Get(ctx, &alerted); err != nil {
		workflow.GetLogger(ctx).Error("cannot raise an alert", "reason", in.Reason, "error", err)
		return ""
	}
	return alerted.Message
}
