package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"tokenkeeper/activities"
)

// load reads the grant. It is retried for ever: nothing is spent yet. The first load of a
// run may have to wait for its turn at the vault, and further ones never do.
func (r *run) load(ctx workflow.Context) (activities.LoadResult, error) {
	var loaded activities.LoadResult
	var err error
	if r.loaded {
		loaded, err = r.loadNow(ctx, false)
	} else {
		r.loaded = true
		loaded, err = r.loadInTurn(ctx)
	}
	if err != nil {
		return activities.LoadResult{}, err
	}
	if loaded.Waits { // a cancelled run's, which may spend nothing
		return activities.LoadResult{}, ctx.Err()
	}
	r.attributes, r.nonRotating, r.alivePeriod = loaded.Attributes, loaded.NonRotating, loaded.AlivePeriod
	// The tag that it comes from has whole seconds.
	if !loaded.GrantEnds.IsZero() && loaded.GrantEnds.Sub(r.grantEnds).Abs() >= time.Second { // another consent's
		r.grantEnds, r.ends = loaded.GrantEnds, loaded.GrantEnds
	}
	return r.withOwn(ctx, loaded), nil
}

// loadInTurn loads over the paced queue. Only the run after a green one does so at once:
// any other may find a replay window open, which a peek on the main queue shows. Nothing
// that is urgent waits for the pace: a refresh-now signal and a cancellation end the wait,
// and the load goes on over the main queue.
//
// A run that was reset replays what it did as it follows a green one with what it would do
// now. Both give the same commands, whatever happens between them.
func (r *run) loadInTurn(ctx workflow.Context) (activities.LoadResult, error) {
	loaded, end, err := r.loadOnce(ctx, !r.follows, r.nonRotating)
	if end == answered && err == nil && loaded.Waits {
		switch {
		case ctx.Err() != nil:
			return loaded, nil
		case workflow.GetSignalChannel(ctx, RefreshNow).Len() > 0:
			return r.loadNow(ctx, false)
		}
		loaded, end, err = r.loadOnce(ctx, false, loaded.NonRotating)
	}
	if end != answered && (err != nil || loaded.Waits) {
		return r.loadNow(ctx, ctx.Err() != nil)
	}
	return loaded, err
}

// loadOnce peeks on the main queue, or loads over the paced one.
func (r *run) loadOnce(ctx workflow.Context, peek, nonRotating bool) (loaded activities.LoadResult, end ending, err error) {
	options := workflow.GetActivityOptions(r.forLoad(ctx))
	if !peek {
		r.setDetails(ctx, "Waiting for a turn at the vault to load the secrets of %s.", r.account)
		r.isAt(ctx, LoadStuck, fmt.Sprintf("The load of %s waits for its turn or for the vault; nothing is spent. More accounts may be due than the pace allows.", r.account))
		options.TaskQueue = activities.PacedQueue(workflow.GetInfo(ctx).TaskQueueName, nonRotating)
	}
	end, err = patience{atOnce: true}.hold(workflow.WithActivityOptions(ctx, options), acts.LoadSecrets, r.loadInput(ctx, peek), &loaded)
	return loaded, end, checked("LoadSecrets", r.account, err, func() string { return checkLoaded(loaded, r.account, peek) })
}

// loadNow loads over the main queue. A cancelled run goes on with it for a moment, because
// only the grant shows whether an earlier call's answer can still be had.
func (r *run) loadNow(ctx workflow.Context, peek bool) (loaded activities.LoadResult, err error) {
	p := patience{onCancel: func(held workflow.Context) time.Duration {
		r.setDetails(held, "Cancelled. Finding out first, for up to %s, whether a call may just have spent the token of %s.", activities.MaxInFlight, r.account)
		return activities.MaxInFlight
	}}
	end, err := p.hold(r.forLoad(ctx), acts.LoadSecrets, r.loadInput(ctx, peek), &loaded)
	if end == gaveUp && err != nil {
		return activities.LoadResult{}, ctx.Err()
	}
	return loaded, checked("LoadSecrets", r.account, err, func() string { return checkLoaded(loaded, r.account, peek) })
}

// forLoad says what the run is at, and sets the options of its activity.
func (r *run) forLoad(ctx workflow.Context) workflow.Context {
	r.setDetails(ctx, "Loading the secrets of %s from the vault.", r.account)
	r.isAt(ctx, LoadStuck, fmt.Sprintf("The vault does not give the secrets of %s, or takes no writes; nothing is spent.", r.account))
	return forVault(ctx, forEver, "read the grant of %s, see that the vault takes writes", r.account)
}

func (r *run) loadInput(ctx workflow.Context, peek bool) activities.LoadInput {
	return activities.LoadInput{Account: r.account, Known: r.known, WorkflowIDs: r.searched(ctx), Peek: peek}
}
