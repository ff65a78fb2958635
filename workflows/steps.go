package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tokenkeeper/activities"
	"tokenkeeper/internal/window"
)

const (
	// vaultAttempt is the longest that one attempt at the vault may take. Heartbeats
	// show sooner that its worker has died, and a listing of thousands of versions ends.
	vaultAttempt = 30 * time.Minute
	forEver      = 0 // attempts
)

// forVault sets the options of an activity that works on the vault.
func forVault(ctx workflow.Context, attempts int32, summary string, args ...any) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: vaultAttempt,
		HeartbeatTimeout:    silence,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute, MaximumAttempts: attempts},
		Summary:             fmt.Sprintf(summary, args...),
	})
}

// call asks the provider for a new pair, which spends the refresh token. again: a signal
// has cut the call short, and the run starts over.
func (r *run) call(ctx workflow.Context, loaded activities.LoadResult) (issued activities.RefreshResult, again bool, err error) {
	p, began := loaded.Provenance, workflow.Now(ctx)
	w := openedBy(windowOf(loaded, began), began)
	r.called = began
	r.setDetails(ctx, "Asking %s for generation %d of %s.", loaded.ProviderTitle, p.Generation+1, r.account)
	r.isAt(ctx, CallStuck, fmt.Sprintf("%s gives no usable answer to the refresh of %s, or its call waits for its turn.", loaded.ProviderTitle, r.account))
	end, err := r.patienceFor(loaded, w).hold(workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: activities.CallTimeout,
		HeartbeatTimeout:    heartbeat(loaded, w, began),
		RetryPolicy:         callRetries(loaded, w, began),
		WaitForCancellation: true,
		Summary:             fmt.Sprintf("spend generation %d (%s) of %s", p.Generation, p.Fingerprint, r.account),
	}), loaded.CallActivity, loaded, &issued)
	if end != answered && err != nil && !nonRetryable(err) && !unreadable(err) {
		// A server does not retry a cancelled activity, so that this is the failure
		// of its last attempt, and the provider may have answered an earlier one.
		r.noteUnsettled(ctx, loaded, workflow.Now(ctx))
		return activities.RefreshResult{}, end == cutShort, ctx.Err()
	}
	return issued, false, checked(loaded.CallActivity, r.account, err, func() string { return checkIssued(issued, loaded) })
}

// patienceFor is how a run waits for a call: once cancelled, for as long as the provider
// may repeat a lost answer, and only until an operator asks for a refresh, from when an
// attempt must have ended; later where that was asked for often. Any attempt until the
// cancellation may be the one that was answered, so that the window counts from then.
func (r *run) patienceFor(loaded activities.LoadResult, w window.Window) patience {
	return patience{signalAfter: backOff(r.restarts+1, longestStart), onCancel: func(held workflow.Context) time.Duration {
		now := workflow.Now(held)
		w := openedBy(w, now)
		w.Last = now
		grace := cancelGrace(loaded, w, now)
		r.setDetails(held, "Cancelled. Bringing the call to %s to its end first, for up to %s.", loaded.ProviderTitle, grace.Round(time.Second))
		return grace
	}}
}

// store writes the pair to the vault. Neither a cancellation nor an hour without the vault
// stops it. The run is not done where the vault holds a newer refresh token and no access
// token that came with it: then nothing fresh has come into force.
func (r *run) store(ctx workflow.Context, loaded activities.LoadResult, issued activities.RefreshResult) (done bool, _ Result, _ error) {
	if issued.ForOtherUser(loaded) {
		return true, Result{}, wrongUser(loaded, issued)
	}
	issued.Rests = r.rests
	issued = issued.Shown() // an older worker's words may be too long, and its pair is genuine
	next := issued.Provenance.Generation
	r.setDetails(ctx, "Generation %d of %s is issued and sealed in this run's history. Storing it.", next, r.account)
	r.isAt(ctx, StoreStuck, fmt.Sprintf("Generation %d of %s is issued and sealed in the run's history, and waits for the vault, or for its turn there.", next, r.account))
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	ctx = forVault(ctx, forEver, "write generation %d of %s, the refresh token first", next, r.account)
	var stored activities.StoreResult
	err := workflow.ExecuteActivity(ctx, acts.StoreSecrets, issued).Get(ctx, &stored)
	if err = checked("StoreSecrets", r.account, err, func() string { return checkStored(stored) }); err != nil {
		return true, Result{}, err
	}
	if stored.Superseded && !stored.AccessTokenNewer {
		return false, Result{}, nil
	}
	outcome := Refreshed
	if r.recovered {
		outcome = Recovered
	}
	return true, resultOf(issued, stored, outcome), nil
}

// wrongUser ends a run whose pair is another user's.
func wrongUser(loaded activities.LoadResult, issued activities.RefreshResult) error {
	return temporal.NewNonRetryableApplicationError(
		fmt.Sprintf("%s answered the refresh of %s with the tokens of user %s instead of %s; nothing was stored, the pair is sealed in this run's history; find out whose consent this account's refresh token comes from",
			loaded.ProviderTitle, loaded.Account, printable(issued.UserID, longestText), loaded.UserID),
		WrongUser, nil)
}
