package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tokenkeeper/activities"
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
		r.setDetails(ctx, "%s", inWords(result, workflow.Now(ctx)))
	case temporal.IsCanceledError(err):
		r.setDetails(ctx, "Cancelled before it was found out whether %s has lost a pair. Nothing was changed.", r.account)
	default:
		r.setDetails(ctx, "Failed: %s", message(err))
	}
	return result, err
}

// recover searches until there is nothing newer than what the vault shows.
func (r *run) recover(ctx workflow.Context) (Result, error) {
	for range maxReloads {
		held, err := r.readGrant(ctx)
		if err != nil {
			return Result{}, err
		}
		recovery, err := r.searchEarlierRuns(ctx, held)
		if err != nil {
			return Result{}, err
		}
		switch {
		case recovery.Found == activities.FoundInHistory:
			return recoveredFrom(recovery), nil
		case recovery.Found == activities.FoundInVault:
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
	ctx = forVault(ctx, vaultAttempt, forEver, "see which generation of %s the vault holds", r.account)
	err = workflow.ExecuteActivity(ctx, acts.ReadGrant, r.account).Get(ctx, &held)
	return held, err
}

// searchEarlierRuns searches for the pair that an earlier run's call was issued.
// Where there is none yet it searches once more when the call can be in flight no
// longer: that run may have been terminated or reset a moment ago, or be another
// workflow's.
func (r *run) searchEarlierRuns(ctx workflow.Context, loaded activities.LoadResult) (activities.RecoverResult, error) {
	recovery, err := r.recoverGrant(ctx, loaded)
	if err != nil || recovery.Found != "" {
		return recovery, err
	}
	now := workflow.Now(ctx)
	last := loaded.MayHaveSpent[max(0, len(loaded.MayHaveSpent)-1):]
	if len(last) == 0 {
		return recovery, nil
	}
	wait := max(remaining(last[0].At.Add(activities.MaxInFlight), now), remaining(recovery.MayEnd, now))
	if wait == 0 {
		return recovery, nil
	}
	r.setDetails(ctx, "Run %s is or was about to spend generation %d of %s. Waiting %s for its pair.",
		last[0].RunID, loaded.Provenance.Generation, r.account, wait.Round(time.Second))
	return r.recoverGrantAfter(ctx, wait, loaded)
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
	return r.recoverGrantAfter(ctx, activities.MaxInFlight, loaded)
}

func (r *run) recoverGrantAfter(ctx workflow.Context, wait time.Duration, loaded activities.LoadResult) (activities.RecoverResult, error) {
	if err := workflow.NewTimer(ctx, wait).Get(ctx, nil); err != nil {
		return activities.RecoverResult{}, err
	}
	return r.recoverGrant(ctx, loaded)
}

// recoverGrant goes through the recovery ladder once. It stores what it finds, so
// a cancellation does not abandon it either.
func (r *run) recoverGrant(ctx workflow.Context, loaded activities.LoadResult) (recovery activities.RecoverResult, err error) {
	generation := loaded.Provenance.Generation
	r.at = step{LoadStuck, fmt.Sprintf("What became of generation %d of %s cannot be found out.", generation, r.account)}
	r.setDetails(ctx, "Generation %d of %s may be spent. Searching for its successor in the vault and in earlier runs.", generation, r.account)
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	ctx = forVault(ctx, 5*time.Minute, 10, "look for what generation %d of %s was spent for", generation, r.account)
	in := activities.RecoverInput{LoadResult: loaded, Searchable: r.searchable, WorkflowIDs: r.sources}
	err = workflow.ExecuteActivity(ctx, acts.RecoverGrant, in).Get(ctx, &recovery)
	if recovery.Found != "" {
		r.recovered = true
	}
	return recovery, err
}

// afterRecovery ends the run with a fresh pair that was found, or with the error.
// With anything else that was found the run starts over and refreshes.
func afterRecovery(ctx workflow.Context, recovery activities.RecoverResult, err error) (done bool, _ Result, _ error) {
	if err != nil || isFresh(recovery, workflow.Now(ctx)) {
		return true, recoveredFrom(recovery), err
	}
	return false, Result{}, nil
}

// isFresh reports whether a pair was found that lasts until the next run: its
// access token has at least half of its life left, or no end.
func isFresh(r activities.RecoverResult, now time.Time) bool {
	if r.Found != activities.FoundInHistory {
		return false
	}
	life := r.Called.Expiry.Sub(r.Called.ObtainedAt)
	return r.Called.Expiry.IsZero() || r.Called.Expiry.Sub(now) >= life/2
}

// remaining is how much longer a call may be in flight. Its end is on another
// worker's clock, which must not make a run wait for longer than a call can take.
func remaining(end, now time.Time) time.Duration {
	return min(max(0, end.Sub(now)), activities.MaxInFlight)
}
