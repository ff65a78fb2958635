package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"tokenkeeper/activities"
)

// OverdueAfter is how long a run may take before a person is told. Nothing ends
// then: the run goes on trying for as long as it takes.
const OverdueAfter = 10 * time.Minute

// The reasons of the alert that a run is overdue: what it waits for.
const (
	LoadStuck  = "LoadStuck"  // the vault, and nothing is spent
	CallStuck  = "CallStuck"  // the provider
	StoreStuck = "StoreStuck" // the vault, with a pair sealed in the history
)

// waiting is what a run is at.
type waiting struct {
	reason string
	words  string
}

// watch tells a person that the run is overdue, once for each thing that it waits
// for. The function that it returns ends the watch; afterwards r.overdue says
// what was told.
func (r *run) watch(ctx workflow.Context) (end func()) {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	timerCtx, stopTimer := workflow.WithCancel(ctx)
	over, settle := workflow.NewFuture(ctx)
	workflow.Go(ctx, func(ctx workflow.Context) {
		defer settle.SetValue(nil)
		// Nothing comes after the store, so what it waits for is told last.
		for !slices.Contains(r.overdue, StoreStuck) {
			if workflow.NewTimer(timerCtx, OverdueAfter).Get(ctx, nil) != nil {
				return // the run is done
			}
			if !slices.Contains(r.overdue, r.at.reason) {
				r.tellOverdue(ctx)
			}
		}
	})
	return func() {
		stopTimer()
		_ = over.Get(ctx, nil) // an alert that has begun is said to its end
	}
}

func (r *run) tellOverdue(ctx workflow.Context) {
	r.overdue = append(r.overdue, r.at.reason)
	r.setHealth(ctx, HealthStuck)
	r.say(ctx, "%s For some %s now. Still trying.", r.at.words, OverdueAfter)
	r.alert(ctx, activities.AlertInput{Reason: r.at.reason, Message: fmt.Sprintf("%s Run %s goes on trying.",
		r.at.words, workflow.GetInfo(ctx).WorkflowExecution.RunID)})
}
