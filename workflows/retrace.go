package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"tokenkeeper/activities"
)

// retrace looks for what came of an earlier run's call. Where there is nothing
// yet it looks once more when the call can be in flight no longer: that run may
// have been terminated or reset a moment ago, or be another workflow's.
func (r *run) retrace(ctx workflow.Context, loaded activities.LoadResult) (activities.RecoverResult, error) {
	recovery, err := r.recover(ctx, loaded)
	if err != nil || recovery.Found != "" {
		return recovery, err
	}
	now := workflow.Now(ctx)
	wait := max(left(loaded.EarlierIntentAt.Add(activities.MaxInFlight), now), left(recovery.MayEnd, now))
	if wait == 0 {
		return recovery, nil
	}
	r.say(ctx, "Run %s is or was about to spend generation %d of %s. Waiting %s for what comes of it.",
		loaded.EarlierIntentRunID, loaded.Provenance.Generation, r.account, wait.Round(time.Second))
	return r.lookAgain(ctx, loaded, wait)
}

// lastLook looks for what came of a grant that the provider calls dead. Whoever
// spent it may have done so a moment ago, so where there is nothing yet it waits
// for as long as a pair can be on its way before a person is asked to consent.
func (r *run) lastLook(ctx workflow.Context, loaded activities.LoadResult) (activities.RecoverResult, error) {
	recovery, err := r.recover(ctx, loaded)
	if err != nil || recovery.Found != "" || ctx.Err() != nil {
		return recovery, err
	}
	r.say(ctx, "%s calls generation %d of %s dead. Waiting %s for whoever may have spent it just now.",
		loaded.ProviderTitle, loaded.Provenance.Generation, r.account, activities.MaxInFlight)
	return r.lookAgain(ctx, loaded, activities.MaxInFlight)
}

// lookAgain climbs the ladder once more after a while.
func (r *run) lookAgain(ctx workflow.Context, loaded activities.LoadResult, wait time.Duration) (activities.RecoverResult, error) {
	if err := workflow.NewTimer(ctx, wait).Get(ctx, nil); err != nil {
		return activities.RecoverResult{}, err
	}
	return r.recover(ctx, loaded)
}

// left is how much longer a call may be in flight that ends at a time; zero for
// one that has. The time is on another worker's clock, which must not make
// anyone wait for longer than a call can take.
func left(end, now time.Time) time.Duration {
	return min(max(0, end.Sub(now)), activities.MaxInFlight)
}
