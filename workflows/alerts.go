package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tokenkeeper/activities"
)

// alert tells a person, and never fails the run. Incidents are told once: the
// caller knows from the run before whether this one goes on.
func (r *run) alert(ctx workflow.Context, n activities.AlertInput) {
	n.Account = r.account
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout:    10 * time.Second,
		ScheduleToCloseTimeout: time.Minute,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: time.Second, MaximumAttempts: 5},
		Summary:                "tell a person: " + n.Reason,
	})
	if err := workflow.ExecuteActivity(ctx, acts.Alert, n).Get(ctx, nil); err != nil {
		workflow.GetLogger(ctx).Error("cannot raise an alert", "reason", n.Reason, "error", err)
	}
}

// lastFailure is the type that the cron's run before this one failed with; empty
// where it did not fail.
func lastFailure(ctx workflow.Context) string { return failureType(workflow.GetLastError(ctx)) }

// message is a failure in its own words, without what the SDK puts around it.
func message(err error) string {
	var failure *temporal.ApplicationError
	if errors.As(err, &failure) {
		return failure.Message()
	}
	return err.Error()
}

// drain takes the refresh-now signals that came meanwhile: this run was the
// refresh that they asked for.
func drain(signals workflow.ReceiveChannel) {
	for signals.ReceiveAsync(nil) {
	}
}
