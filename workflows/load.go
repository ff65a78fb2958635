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
	r.openIncidents = loaded.Incidents
	r.attributes, r.nonRotating, r.alivePeriod = loaded.Attributes, loaded.NonRotating, loaded.AlivePeriod
	// The tag that it comes from has whole seconds.
	if !loaded.GrantEnds.IsZero() && loaded.GrantEnds.Sub(r.grantEnds).Abs() >= time.Second { // another consent's
		r.grantEnds, r.ends = loaded.GrantEnds, loaded.GrantEnds
	}
	return r.withOwn(ctx, loaded), nil
}

// loadInTurn loads over the paced queue. Only the run after a green one does so at once:
// any other may find a replay window open, which a peek on the main queue shows, so that
// nothing that is urgent waits for the pace of the loads. An operator's refresh-now signal
// does wait its turn: it may be one of thousands. A cancellation ends the wait, and the load
// goes on over the main queue for a moment.
//
// A run that was reset may have called since its first load, so that it takes no turn that an
// earlier peek has left to it. It replays what was done before the reset with what it would do
// now: both give the same commands, whatever happens between them.
func (r *run) loadInTurn(ctx workflow.Context) (activities.LoadResult, error) {
	info := workflow.GetInfo(ctx)
	mainQueue := info.TaskQueueName
	queue := mainQueue
	if r.follows {
		queue = activities.PacedQueue(mainQueue, r.nonRotating)
	}
	loaded, end, err := r.loadOver(ctx, queue, !r.follows)
	if end == answered && err == nil && loaded.Waits {
		if ctx.Err() != nil {
			return loaded, nil
		}
		if queue = activities.PacedQueue(mainQueue, loaded.NonRotating); loaded.RunID != info.WorkflowExecution.RunID {
			queue = mainQueue
		}
		loaded, end, err = r.loadOver(ctx, queue, false)
	}
	if end != answered && (err != nil || loaded.Waits) {
		return r.loadNow(ctx, true)
	}
	return loaded, err
}

// loadOver loads over a task queue. A cancellation ends it at once.
func (r *run) loadOver(ctx workflow.Context, queue string, peek bool) (loaded activities.LoadResult, end ending, err error) {
	options := workflow.GetActivityOptions(r.forLoad(ctx))
	options.TaskQueue = queue
	if peek {
		r.isAt(ctx, LoadStuck, fmt.Sprintf("The first look at the grant of %s waits for its turn or for the vault; nothing is spent. More accounts may be due than the vault answers.", r.account))
	} else {
		r.setDetails(ctx, "Loading the secrets of %s, in turn with other accounts, as fast as the vault takes what follows.", r.account)
		r.isAt(ctx, LoadStuck, fmt.Sprintf("The load of %s waits for its turn or for the vault; nothing is spent. More accounts may be due than the pace allows.", r.account))
	}
	end, err = patience{}.hold(workflow.WithActivityOptions(ctx, options), acts.LoadSecrets, r.loadInput(ctx, peek), &loaded)
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
	return activities.LoadInput{Account: r.account, Known: r.known, WorkflowIDs: r.searched(ctx), Peek: peek, Cancelled: ctx.Err() != nil, Incidents: !r.follows}
}
