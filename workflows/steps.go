package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tokenkeeper/activities"
)

const (
	vaultAttempt = time.Minute // the longest that one attempt at the vault may take
	slowest      = time.Minute // the longest pause between attempts at the vault
)

// load reads the grant. It is retried for ever: nothing is spent yet.
func (r *run) load(ctx workflow.Context) (loaded activities.LoadResult, err error) {
	r.say(ctx, "Loading the secrets of %s from the vault.", r.account)
	r.at = waiting{LoadStuck, fmt.Sprintf("The vault does not give the secrets of %s, or takes no writes; nothing is spent.", r.account)}
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: vaultAttempt,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: slowest},
		Summary:             fmt.Sprintf("read the grant of %s, see that the vault takes writes", r.account),
	})
	err = workflow.ExecuteActivity(ctx, acts.LoadSecrets, r.account).Get(ctx, &loaded)
	return loaded, err
}

// call has the refresh token spent. A cancelled run does not abandon it: the
// token may be spent already, and only the next attempts, inside the provider's
// replay window, would tell. After a while the cancellation goes through all the same.
func (r *run) call(ctx workflow.Context, loaded activities.LoadResult) (called activities.RefreshResult, err error) {
	if ctx.Err() != nil {
		return activities.RefreshResult{}, ctx.Err()
	}
	next := loaded.Provenance.Generation + 1
	r.say(ctx, "Asking %s for generation %d of %s.", loaded.ProviderTitle, next, r.account)
	r.at = waiting{CallStuck, fmt.Sprintf("%s gives no usable answer to the refresh of %s.", loaded.ProviderTitle, r.account)}
	callCtx, giveUp := workflow.NewDisconnectedContext(ctx)
	defer giveUp()
	callCtx = workflow.WithActivityOptions(callCtx, workflow.ActivityOptions{
		StartToCloseTimeout: activities.CallTimeout,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: firstPause(loaded), BackoffCoefficient: 1.5, MaximumInterval: 5 * time.Minute},
		WaitForCancellation: true,
		Summary:             fmt.Sprintf("spend generation %d (%s) of %s", loaded.Provenance.Generation, loaded.Provenance.Fingerprint, r.account),
	})
	future := workflow.ExecuteActivity(callCtx, loaded.CallActivity, loaded)

	cancelled, gaveUp := false, false
	workflow.NewSelector(ctx).
		AddFuture(future, func(workflow.Future) {}).
		AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) { cancelled = true }).
		Select(ctx)
	if cancelled {
		grace := graceOf(loaded)
		r.say(ctx, "Cancelled. Bringing the call to %s to its end first, for up to %s.", loaded.ProviderTitle, grace)
		timerCtx, stopTimer := workflow.WithCancel(callCtx)
		workflow.NewSelector(callCtx).
			AddFuture(future, func(workflow.Future) { stopTimer() }).
			AddFuture(workflow.NewTimer(timerCtx, grace), func(workflow.Future) { gaveUp = true }).
			Select(callCtx)
	}
	if gaveUp {
		giveUp()
	}
	err = future.Get(callCtx, &called)
	if gaveUp && err != nil && !final(err) {
		// A server does not retry a cancelled activity: the error may as well be
		// what the last attempt happened to fail with.
		r.unanswered = !loaded.NonRotating
		return activities.RefreshResult{}, ctx.Err()
	}
	return called, err
}

// longestGrace bounds how long a person waits for a run to be cancelled. Windows
// can be hours long, and the next run asks within them as well.
const longestGrace = 5 * time.Minute

// graceOf is how long a call goes on once its run is cancelled.
func graceOf(loaded activities.LoadResult) time.Duration {
	if loaded.NonRotating {
		return activities.MaxInFlight
	}
	return min(max(loaded.ReplayWindow, activities.MaxInFlight), longestGrace)
}

// firstPause is what a failed call waits before the second attempt. Where the
// provider repeats a lost answer, haste saves it; where it never does, a second
// attempt must not meet the first one's pair on its way.
func firstPause(loaded activities.LoadResult) time.Duration {
	if loaded.ReplayWindow == 0 && !loaded.NonRotating {
		return activities.MaxInFlight
	}
	return time.Second
}

// store has the pair written. From here on nothing stops the run: not a
// cancellation, not an hour without the vault.
func (r *run) store(ctx workflow.Context, loaded activities.LoadResult, called activities.RefreshResult) (Result, error) {
	if called.ForOtherUser(loaded) {
		return Result{}, temporal.NewNonRetryableApplicationError(
			fmt.Sprintf("%s answered the refresh of %s with the tokens of user %s instead of %s; nothing was stored, the pair is sealed in this run's history; find out whose consent this account's refresh token comes from",
				loaded.ProviderTitle, r.account, called.UserID, loaded.UserID),
			WrongUser, nil)
	}
	r.say(ctx, "Generation %d of %s is issued and sealed in this run's history. Storing it.", called.Provenance.Generation, r.account)
	r.at = waiting{StoreStuck, fmt.Sprintf("Generation %d of %s is issued and sealed in the run's history, and the vault does not take it.", called.Provenance.Generation, r.account)}
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	storeCtx := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: vaultAttempt,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: slowest},
		Summary:             fmt.Sprintf("write generation %d of %s, the refresh token first", called.Provenance.Generation, r.account),
	})
	var stored activities.StoreResult
	if err := workflow.ExecuteActivity(storeCtx, acts.StoreSecrets, called).Get(ctx, &stored); err != nil {
		return Result{}, err
	}
	outcome := Refreshed
	if r.recovered {
		outcome = Recovered
	}
	return resultOf(called, stored, outcome), nil
}

// recover climbs the ladder. What it finds is stored by the same activity, so it
// is not abandoned by a cancellation either.
func (r *run) recover(ctx workflow.Context, loaded activities.LoadResult) (recovery activities.RecoverResult, err error) {
	r.at = waiting{LoadStuck, fmt.Sprintf("What became of generation %d of %s cannot be found out.", loaded.Provenance.Generation, r.account)}
	r.say(ctx, "Generation %d of %s may be spent. Looking for what came of it in the vault and in earlier runs.", loaded.Provenance.Generation, r.account)
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 5 * time.Minute,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: slowest, MaximumAttempts: 10},
		Summary:             fmt.Sprintf("look for what generation %d of %s was spent for", loaded.Provenance.Generation, r.account),
	})
	err = workflow.ExecuteActivity(ctx, acts.RecoverGrant, activities.RecoverInput{LoadResult: loaded, Searchable: r.searchable, WorkflowIDs: r.sources}).Get(ctx, &recovery)
	if recovery.Found != "" {
		r.recovered = true
	}
	return recovery, err
}
