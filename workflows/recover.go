package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tokenkeeper/activities"
	"tokenkeeper/internal/window"
)

// runRecovery is the run of an operator who asks whether an earlier run was issued
// a pair that it has not stored. It spends nothing, so it records no intent. It
// may run beside a refresh: what it finds goes behind the same fence, and it waits
// for a call that may be in flight. It leaves alerts and health to the next refresh,
// because the operator waits for the answer.
func (r *run) runRecovery(ctx workflow.Context, from []string) (Result, error) {
	r.setSearchAttributes(ctx, TokenAccount.ValueSet(r.account.Name), TokenProvider.ValueSet(r.account.Provider))
	r.sources = append([]string{ID(r.account)}, from...)
	result, err := r.recover(ctx)
	switch {
	case err == nil:
		result.Summary = inWords(result, workflow.Now(ctx))
		r.setDetails(ctx, "%s", result.Summary)
	case temporal.IsCanceledError(err):
		r.setDetails(ctx, "Cancelled before it was found out whether %s has lost a pair. Nothing was changed.", r.account)
	default:
		r.setDetails(ctx, "Failed: %s", message(err))
	}
	discardSignals(ctx, RefreshNow, Overdue) // it leaves alerts to the next refresh
	return result, err
}

// recover searches until there is nothing newer than what the vault shows.
func (r *run) recover(ctx workflow.Context) (Result, error) {
	for range maxReloads {
		held, err := r.readGrant(ctx)
		if err != nil {
			return Result{}, err
		}
		recovery, err := r.searchEarlierRuns(ctx, held, 2)
		if err != nil {
			return Result{}, err
		}
		switch {
		case cameIntoForce(recovery):
			return recoveredFrom(recovery), nil
		case recovery.Found != "":
			// It is on top now, and may itself have been spent for a newer one.
		case r.recovered:
			return leftAs(held, recovery, Recovered), nil
		case len(held.MayHaveSpent) == 0:
			return leftAs(held, recovery, Untouched), nil
		default:
			return leftAs(held, recovery, Unchanged), nil
		}
	}
	return Result{}, r.errTooManyReloads()
}

// readGrant reads the grant without an intent.
func (r *run) readGrant(ctx workflow.Context) (held activities.LoadResult, err error) {
	r.setDetails(ctx, "Reading what the vault holds of %s.", r.account)
	ctx = forVault(ctx, forEver, "see which generation of %s the vault holds", r.account)
	err = workflow.ExecuteActivity(ctx, acts.ReadGrant, r.account).Get(ctx, &held)
	return held, checked("ReadGrant", r.account, err, func() string { return checkGrant(held, r.account) })
}

// searchEarlierRuns searches for the pair that an earlier run's call was issued.
// Where there is none yet it searches again when the calls that it knows of can be in
// flight no longer, and at most maxLooks times: such a run may have been terminated or
// reset a moment ago, or be another workflow's.
func (r *run) searchEarlierRuns(ctx workflow.Context, loaded activities.LoadResult, maxLooks int) (activities.RecoverResult, error) {
	for look := 1; ; look++ {
		recovery, err := r.recoverGrant(ctx, loaded)
		if err != nil || recovery.Found != "" || look == maxLooks {
			return recovery, err
		}
		now, self := workflow.Now(ctx), workflow.GetInfo(ctx).WorkflowExecution.RunID
		next := nextLook(look, recovery, loaded, self, now)
		if r.unsettled.fingerprint == loaded.Provenance.Fingerprint {
			next = next.atLeast(remaining(r.unsettled.inFlight, now), self)
		}
		if next.wait == 0 {
			return recovery, nil
		}
		words := fmt.Sprintf("Run %s is or was about to spend generation %d of %s.", next.runID, loaded.Provenance.Generation, r.account)
		r.isAt(ctx, LoadStuck, words+" This run waits for that.")
		r.setDetails(ctx, "%s Waiting %s for its pair.", words, next.wait.Round(time.Second))
		if err := workflow.NewTimer(ctx, next.wait).Get(ctx, nil); err != nil {
			return activities.RecoverResult{}, err
		}
	}
}

// searchOnce searches inside the replay window, where the token is presented next
// whatever comes of it. So it has half of what is left, and its failure ends nothing.
func (r *run) searchOnce(ctx workflow.Context, loaded activities.LoadResult) activities.RecoverResult {
	now := workflow.Now(ctx)
	w := windowOf(loaded, now)
	recovery, err := r.recoverGrantWithin(ctx, loaded, workflow.ActivityOptions{
		ScheduleToCloseTimeout: w.Wait(window.Retry, activities.MaxInFlight, now),
		HeartbeatTimeout:       w.Wait(window.Silence, silence, now),
	})
	if err == nil {
		return recovery
	}
	workflow.GetLogger(ctx).Warn("cannot search before the call", "account", r.account.String(), "error", err)
	if reason := failureType(err); reason == activities.UnexpectedResult {
		r.alertAside(ctx, activities.AlertInput{Reason: reason, Message: message(err)})
	}
	return activities.RecoverResult{}
}

// recheck searches for the successor of a grant that the provider calls dead. The
// call that spent it may be a moment old, so where there is nothing yet it searches
// again when that call can be in flight no longer.
func (r *run) recheck(ctx workflow.Context, loaded activities.LoadResult) (activities.RecoverResult, error) {
	recovery, err := r.recoverGrant(ctx, loaded)
	if err != nil || recovery.Found != "" || ctx.Err() != nil {
		return recovery, err
	}
	r.setDetails(ctx, "%s calls generation %d of %s dead. Waiting %s for the pair of a call that may have spent it just now.",
		loaded.ProviderTitle, loaded.Provenance.Generation, r.account, activities.MaxInFlight)
	if err := workflow.NewTimer(ctx, activities.MaxInFlight).Get(ctx, nil); err != nil {
		return activities.RecoverResult{}, err
	}
	return r.recoverGrant(ctx, loaded)
}

// recoverGrant goes through the recovery ladder once.
func (r *run) recoverGrant(ctx workflow.Context, loaded activities.LoadResult) (activities.RecoverResult, error) {
	return r.recoverGrantWithin(ctx, loaded, workflow.ActivityOptions{HeartbeatTimeout: silence})
}

// recoverGrantWithin goes through the recovery ladder once, within the limits' times. A
// search is retried for ever, because a run that ends without it leaves the token as it
// is; but an operator who asks for a recovery waits for the answer. The search stores what
// it finds, so that a cancelled run goes on with it for a moment.
func (r *run) recoverGrantWithin(ctx workflow.Context, loaded activities.LoadResult, limits workflow.ActivityOptions) (recovery activities.RecoverResult, err error) {
	generation, attempts := loaded.Provenance.Generation, int32(forEver)
	if len(r.sources) > 0 {
		attempts = 10
	}
	r.isAt(ctx, LoadStuck, fmt.Sprintf("What became of generation %d of %s cannot be found out.", generation, r.account))
	r.setDetails(ctx, "Generation %d of %s may be spent. Searching for its successor in the vault and in earlier runs.", generation, r.account)
	p := patience{onCancel: func(held workflow.Context) time.Duration {
		r.setDetails(held, "Cancelled. Bringing the search for what was issued for generation %d of %s to its end first, for up to %s.", generation, r.account, activities.MaxInFlight)
		return activities.MaxInFlight
	}}
	options := forVault(ctx, attempts, "look for what generation %d of %s was spent for", generation, r.account)
	options = workflow.WithScheduleToCloseTimeout(workflow.WithHeartbeatTimeout(options, limits.HeartbeatTimeout), limits.ScheduleToCloseTimeout)
	in := activities.RecoverInput{LoadResult: loaded, Dead: r.isDead(loaded), WorkflowIDs: r.searched(ctx), Rests: r.rests}
	end, err := p.hold(options, acts.RecoverGrant, in, &recovery)
	if end == gaveUp && err != nil {
		return activities.RecoverResult{}, ctx.Err()
	}
	self := workflow.GetInfo(ctx).WorkflowExecution.RunID
	err = checked("RecoverGrant", r.account, err, func() string { return checkRecovery(recovery, loaded, self) })
	if err != nil {
		return activities.RecoverResult{}, err
	}
	if recovery.Called != nil {
		called := recovery.Called.Shown()
		recovery.Called = &called
	}
	r.recovered = r.recovered || recovery.Found != ""
	r.learnFrom(recovery)
	return recovery, nil
}

// searched are the workflows whose runs a search reads: where an operator names none, this
// one and the one that refreshes the account by its usual id. None means this one.
func (r *run) searched(ctx workflow.Context) []string {
	own, usual := workflow.GetInfo(ctx).WorkflowExecution.ID, ID(r.account)
	switch {
	case len(r.sources) > 0:
		return r.sources
	case own == usual:
		return nil
	}
	return []string{own, usual}
}

// isDead reports whether the loaded token is known to be spent or dead: the provider has
// said so of it in this run, or its successor is known. A refusal that may be a gateway's
// says neither.
func (r *run) isDead(loaded activities.LoadResult) bool {
	return r.refusal == activities.InvalidGrant || r.refusal == activities.AnswerLost || r.refusal == "" && loaded.Behind
}

// afterRecovery ends the run with a fresh pair that was found, or with the error.
// With anything else that was found the run starts over and refreshes.
func afterRecovery(ctx workflow.Context, recovery activities.RecoverResult, err error) (next, Result, error) {
	switch {
	case err != nil:
		return finished, Result{}, err
	case isFresh(recovery, workflow.Now(ctx)):
		return finished, recoveredFrom(recovery), nil
	case ctx.Err() != nil:
		return finished, Result{}, ctx.Err() // the vault has what was found
	}
	return reload, Result{}, nil
}
