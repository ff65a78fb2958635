package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"
)

// ending says how a run's wait for an activity ended.
type ending int

const (
	pending   ending = iota
	answered         // with a result or a failure
	cancelled        // the run was cancelled
	gaveUp           // the run was cancelled, and the grace after that has passed
	cutShort         // a refresh-now signal wants the step to start over
)

// patience is how a run waits for an activity.
type patience struct {
	// onCancel is called when the run is cancelled, and returns how much longer the
	// activity goes on.
	onCancel func(workflow.Context) (grace time.Duration)
	// signalAfter is how long the activity goes on although a refresh-now signal asks for
	// another start; zero: no signal ends the wait.
	signalAfter time.Duration
	// atOnce: a signal ends the wait at once, and so does a cancellation.
	atOnce bool
}

// hold runs an activity that a cancelled run does not abandon at once: a refresh token
// may be spent already, and only the activity's result, or further attempts inside the
// provider's replay window, would tell. When the wait ends otherwise than by an answer,
// the activity is cancelled, and the error is its last.
func (p patience) hold(ctx workflow.Context, activity, in, result any) (ending, error) {
	held, cancelHeld := workflow.NewDisconnectedContext(ctx)
	defer cancelHeld()
	future := workflow.ExecuteActivity(held, activity, in)
	end := p.wait(ctx, held, future)
	switch {
	case end == cancelled && p.atOnce:
		end = gaveUp
	case end == cancelled:
		end = waitFor(held, future, p.onCancel(held))
	}
	if end != answered {
		cancelHeld()
	}
	return end, future.Get(held, result)
}

// wait waits until the activity has answered, the run is cancelled, or a signal cuts the
// wait short. Signals from before the wait asked for what begins now.
func (p patience) wait(ctx, held workflow.Context, future workflow.Future) (end ending) {
	timerCtx, stopTimer := workflow.WithCancel(held)
	defer stopTimer()
	signals, began := workflow.GetSignalChannel(ctx, RefreshNow), workflow.Now(ctx)
	selector := workflow.NewSelector(ctx).
		AddFuture(future, func(workflow.Future) { end = answered }).
		AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) { end = cancelled })
	if p.atOnce {
		selector.AddReceive(signals, func(c workflow.ReceiveChannel, _ bool) {
			c.Receive(ctx, nil)
			end = cutShort
		})
	}
	if p.signalAfter > 0 {
		discardSignals(ctx, RefreshNow)
		asked := false
		selector.AddReceive(signals, func(c workflow.ReceiveChannel, _ bool) {
			c.Receive(ctx, nil)
			if asked {
				return
			}
			asked = true
			selector.AddFuture(workflow.NewTimer(timerCtx, p.signalAfter-workflow.Now(ctx).Sub(began)), func(workflow.Future) { end = cutShort })
		})
	}
	for end == pending {
		selector.Select(ctx)
	}
	return end
}

// waitFor waits for an activity's answer, for a grace.
func waitFor(ctx workflow.Context, future workflow.Future, grace time.Duration) (end ending) {
	timerCtx, stopTimer := workflow.WithCancel(ctx)
	defer stopTimer()
	workflow.NewSelector(ctx).
		AddFuture(future, func(workflow.Future) { end = answered }).
		AddFuture(workflow.NewTimer(timerCtx, grace), func(workflow.Future) { end = gaveUp }).
		Select(ctx)
	return end
}

// discardSignals takes the signals that this run is the answer to. The SDK warns of one
// that is left in its channel.
func discardSignals(ctx workflow.Context, names ...string) {
	for _, name := range names {
		for workflow.GetSignalChannel(ctx, name).ReceiveAsync(nil) {
		}
	}
}
