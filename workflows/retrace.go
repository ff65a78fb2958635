package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"tokenkeeper/activities"
)

// inFlight is how long an attempt of a call lives at the most, until its pair is
// in the history or, in escrow, in a vault that answers.
const inFlight = activities.CallTimeout + 10*time.Second

// retrace looks for what came of an earlier run's call. Where there is nothing
// yet it looks once more when the call can be in flight no longer: that run may
// have been terminated or reset a moment ago, or be another workflow's.
func (r *run) retrace(ctx workflow.Context, loaded activities.Loaded) (activities.Recovery, error) {
	recovery, err := r.recover(ctx, loaded)
	wait := stillInFlight(loaded.SpentSince, workflow.Now(ctx))
	if err != nil || recovery.Found != "" || wait == 0 {
		return recovery, err
	}
	r.say(ctx, "Run %s is or was about to spend generation %d of %s. Waiting %s for what comes of it.",
		loaded.SpentBefore, loaded.Provenance.Generation, r.account, wait.Round(time.Second))
	if err := workflow.NewTimer(ctx, wait).Get(ctx, nil); err != nil {
		return activities.Recovery{}, err
	}
	return r.recover(ctx, loaded)
}

// stillInFlight is how much longer a call may be in flight that was about to
// begin at a time; zero for one long ago. The time is on another worker's clock,
// which must not make anyone wait for longer than a call can take.
func stillInFlight(began, now time.Time) time.Duration {
	return min(max(0, began.Add(inFlight).Sub(now)), inFlight)
}
