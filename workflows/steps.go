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
	forEver      = 0           // attempts
)

// forVault sets the options of an activity that works on the vault.
func forVault(ctx workflow.Context, attempt time.Duration, attempts int32, summary string, args ...any) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: attempt,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute, MaximumAttempts: attempts},
		Summary:             fmt.Sprintf(summary, args...),
	})
}

// load reads the grant. It is retried for ever: nothing is spent yet.
func (r *run) load(ctx workflow.Context) (loaded activities.LoadResult, err error) {
	r.setDetails(ctx, "Loading the secrets of %s from the vault.", r.account)
	r.at = step{LoadStuck, fmt.Sprintf("The vault does not give the secrets of %s, or takes no writes; nothing is spent.", r.account)}
	ctx = forVault(ctx, vaultAttempt, forEver, "read the grant of %s, see that the vault takes writes", r.account)
	err = workflow.ExecuteActivity(ctx, acts.LoadSecrets, activities.LoadInput{Account: r.account}).Get(ctx, &loaded)
	return loaded, err
}

// call asks the provider for a new pair, which spends the refresh token.
func (r *run) call(ctx workflow.Context, loaded activities.LoadResult) (issued activities.RefreshResult, err error) {
	if ctx.Err() != nil {
		return activities.RefreshResult{}, ctx.Err()
	}
	p := loaded.Provenance
	r.setDetails(ctx, "Asking %s for generation %d of %s.", loaded.ProviderTitle, p.Generation+1, r.account)
	r.at = step{CallStuck, fmt.Sprintf("%s gives no usable answer to the refresh of %s.", loaded.ProviderTitle, r.account)}
	options := workflow.ActivityOptions{
		StartToCloseTimeout: activities.CallTimeout,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: firstPause(loaded), BackoffCoefficient: 1.5, MaximumInterval: 5 * time.Minute},
		WaitForCancellation: true,
		Summary:             fmt.Sprintf("spend generation %d (%s) of %s", p.Generation, p.Fingerprint, r.account),
	}
	grace := cancelGrace(loaded)
	gaveUp, err := callWithGrace(workflow.WithActivityOptions(ctx, options), grace, func() {
		r.setDetails(ctx, "Cancelled. Bringing the call to %s to its end first, for up to %s.", loaded.ProviderTitle, grace)
	}, loaded.CallActivity, loaded, &issued)
	if gaveUp && err != nil && !nonRetryable(err) {
		// A server does not retry a cancelled activity, so that this is the failure
		// of its last attempt, and the provider may have answered an earlier one.
		r.unanswered = !loaded.NonRotating
		return activities.RefreshResult{}, ctx.Err()
	}
	return issued, err
}

// callWithGrace runs an activity that a cancelled run does not abandon at once:
// the refresh token may be spent already, and only further attempts, inside the
// provider's replay window, would tell. A cancellation calls onCancel; when the
// grace has passed since, the activity is cancelled too.
func callWithGrace(ctx workflow.Context, grace time.Duration, onCancel func(), activity string, in, result any) (gaveUp bool, err error) {
	callCtx, cancelCall := workflow.NewDisconnectedContext(ctx)
	defer cancelCall()
	future := workflow.ExecuteActivity(callCtx, activity, in)

	cancelled := false
	workflow.NewSelector(ctx).
		AddFuture(future, func(workflow.Future) {}).
		AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) { cancelled = true }).
		Select(ctx)
	if cancelled {
		onCancel()
		timerCtx, stopTimer := workflow.WithCancel(callCtx)
		workflow.NewSelector(callCtx).
			AddFuture(future, func(workflow.Future) { stopTimer() }).
			AddFuture(workflow.NewTimer(timerCtx, grace), func(workflow.Future) { gaveUp = true }).
			Select(callCtx)
	}
	if gaveUp {
		cancelCall()
	}
	return gaveUp, future.Get(callCtx, result)
}

// longestGrace bounds how long a cancellation takes. Replay windows can be hours
// long, and the next run asks within them as well.
const longestGrace = 5 * time.Minute

// cancelGrace is how long a call goes on once its run is cancelled.
func cancelGrace(loaded activities.LoadResult) time.Duration {
	if loaded.NonRotating {
		return activities.MaxInFlight
	}
	return min(max(loaded.ReplayWindow, activities.MaxInFlight), longestGrace)
}

// firstPause is what a failed call waits before the second attempt. Where the
// provider repeats a lost answer, an early attempt gets it; where it never does, the
// second attempt waits until the first one's pair is in the history or the vault.
func firstPause(loaded activities.LoadResult) time.Duration {
	if loaded.ReplayWindow == 0 && !loaded.NonRotating {
		return activities.MaxInFlight
	}
	return time.Second
}

// store writes the pair to the vault. Neither a cancellation nor an hour without the vault
// stops it.
func (r *run) store(ctx workflow.Context, loaded activities.LoadResult, issued activities.RefreshResult) (Result, error) {
	if issued.ForOtherUser(loaded) {
		return Result{}, temporal.NewNonRetryableApplicationError(
			fmt.Sprintf("%s answered the refresh of %s with the tokens of user %s instead of %s; nothing was stored, the pair is sealed in this run's history; find out whose consent this account's refresh token comes from",
				loaded.ProviderTitle, r.account, issued.UserID, loaded.UserID),
			WrongUser, nil)
	}
	next := issued.Provenance.Generation
	r.setDetails(ctx, "Generation %d of %s is issued and sealed in this run's history. Storing it.", next, r.account)
	r.at = step{StoreStuck, fmt.Sprintf("Generation %d of %s is issued and sealed in the run's history, and the vault does not take it.", next, r.account)}
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	ctx = forVault(ctx, vaultAttempt, forEver, "write generation %d of %s, the refresh token first", next, r.account)
	var stored activities.StoreResult
	if err := workflow.ExecuteActivity(ctx, acts.StoreSecrets, issued).Get(ctx, &stored); err != nil {
		return Result{}, err
	}
	outcome := Refreshed
	if r.recovered {
		outcome = Recovered
	}
	return resultOf(issued, stored, outcome), nil
}
