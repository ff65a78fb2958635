// Package workflows holds RefreshTokens: the protocol that never loses a
// single-use refresh token, and nothing else.
//
// The workflow decides; package activities acts. A run loads the grant, has the
// provider called, and has the pair stored. Between the last two the pair exists
// in the run's history, sealed, so that it survives whatever happens to the
// worker, to the vault, or to the run itself.
package workflows

import (
	"cmp"
	"errors"
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tokenkeeper/activities"
	"tokenkeeper/internal/token"
)

const (
	// Type is the workflow's registered name.
	Type = "RefreshTokens"
	// RefreshNow is the signal that asks for a refresh without waiting for the
	// cron. Send it with signal-with-start: a plain signal waits for the cron.
	RefreshNow = "refresh-now"
)

// The failure types that a run ends with beside those of package activities.
const (
	ReauthorizationRequired = "ReauthorizationRequired" // the provider takes no refresh token that is left
	WrongUser               = "WrongUser"               // the provider answered with another user's tokens
	Unexplained             = "Unexplained"             // the failure has no type: Temporal gave an activity up
)

// maxReloads bounds how often a run starts over; each needs another writer at work.
const maxReloads = 5

// Workflows carries what the worker knows and the workflow code may not look up.
type Workflows struct {
	// Searchable: the namespace has TokenAccount, TokenProvider and TokenHealth.
	// Setting one that it does not have would block the run.
	Searchable bool
}

// acts is only ever used to name activities, so that the compiler checks them.
var acts *activities.Activities

// RefreshTokens refreshes one account's tokens once. Start it with a cron schedule
// or by a Schedule, and without a time limit: a run that holds a pair keeps it until
// it is stored. Where the input asks for a recovery, it refreshes nothing and
// searches for what an earlier run has lost.
func (w *Workflows) RefreshTokens(ctx workflow.Context, in Input) (Result, error) {
	account, err := in.Check()
	if err != nil {
		return Result{}, temporal.NewNonRetryableApplicationError(err.Error(), activities.InvalidInput, nil)
	}
	r := &run{account: account, searchable: w.recordSearchable(ctx)}
	if in.Recover {
		return r.runRecovery(ctx, in.From)
	}
	r.setSearchAttributes(ctx, TokenAccount.ValueSet(account.Name), TokenProvider.ValueSet(account.Provider), TokenHealth.ValueSet(string(HealthRefreshing)))

	stop := r.alertWhenOverdue(ctx)
	result, err := r.refresh(ctx)
	stop()
	for workflow.GetSignalChannel(ctx, RefreshNow).ReceiveAsync(nil) {
		// This run was the refresh that the signals asked for.
	}
	r.finish(ctx, result, err)
	if ctx.Err() != nil {
		// Cancelled meanwhile. The pair is stored and a failure is alerted all the
		// same; but only a run that ends as cancelled ends its cron.
		return result, ctx.Err()
	}
	return result, err
}

// run is one refresh of one account.
type run struct {
	account    token.Account
	searchable bool
	recovered  bool     // a better grant than the first one was found on the way
	sources    []string // the workflow ids whose runs a recovery reads; none means the run's own
	unanswered bool     // a cancelled call was given up before the provider answered

	at      step     // what the run is at
	overdue []string // the reasons of the alerts that the run is overdue
}

// refresh starts over for as long as newer grants turn up.
func (r *run) refresh(ctx workflow.Context) (Result, error) {
	for range maxReloads {
		if done, result, err := r.attempt(ctx); done {
			return result, err
		}
	}
	return Result{}, r.errTooManyReloads()
}

// attempt goes from a grant to a stored pair. It is not done where a newer grant
// has turned up, which the next attempt loads.
func (r *run) attempt(ctx workflow.Context) (done bool, _ Result, _ error) {
	loaded, err := r.load(ctx)
	if err != nil {
		return true, Result{}, err
	}
	if len(loaded.MayHaveSpent) > 0 {
		// Presenting a token that an earlier run has spent may cost its pair.
		recovery, err := r.searchEarlierRuns(ctx, loaded)
		if err != nil || recovery.Found != "" {
			return afterRecovery(ctx, recovery, err)
		}
	}
	issued, err := r.call(ctx, loaded)
	if err != nil {
		return r.afterRefusal(ctx, loaded, err)
	}
	result, err := r.store(ctx, loaded, issued)
	return true, result, err
}

// afterRefusal decides whether a failed call ends the run.
func (r *run) afterRefusal(ctx workflow.Context, loaded activities.LoadResult, refusal error) (done bool, _ Result, _ error) {
	switch failureType(refusal) {
	case activities.GrantAdvanced:
		r.recovered = true
		return false, Result{}, nil
	case activities.GrantOutdated:
		return false, Result{}, nil // the run was reset since it loaded the grant
	case activities.InvalidGrant:
		recovery, err := r.recheck(ctx, loaded)
		if err != nil || recovery.Found != "" {
			return afterRecovery(ctx, recovery, err)
		}
		return true, Result{}, reauthorize(loaded, recovery, refusal)
	}
	return true, Result{}, refusal
}

// errTooManyReloads ends a run that has started over too often.
func (r *run) errTooManyReloads() error {
	return temporal.NewNonRetryableApplicationError(
		fmt.Sprintf("the refresh token of %s changed %d times during one run; see that only one workflow refreshes this account", r.account, maxReloads),
		activities.GenerationConflict, nil)
}

// reauthorize is the end of the recovery ladder. Its message is what the search
// found, and the provider's fix as the refusal carries it.
func reauthorize(loaded activities.LoadResult, recovery activities.RecoverResult, refusal error) error {
	why := "it was revoked, replaced by another consent, spent by another client, or spent by a call whose answer was lost"
	if loaded.NonRotating {
		why = "it was revoked, it has lapsed, or newer consents have pushed it out"
	}
	if n := len(loaded.MayHaveSpent); n > 0 {
		why += fmt.Sprintf(" (run %s may have made one)", loaded.MayHaveSpent[n-1].RunID)
	}
	found := fmt.Sprintf("the vault and %d earlier runs hold nothing newer", recovery.Searched)
	if len(recovery.Gone) > 0 {
		found += "; " + goneInWords(recovery.Gone)
	}
	fix := cmp.Or(activities.Fix(refusal), "have the account owner consent again")
	return temporal.NewNonRetryableApplicationError(
		fmt.Sprintf("%s no longer takes generation %d of %s (fingerprint %s): %s; %s; %s",
			loaded.ProviderTitle, loaded.Provenance.Generation, loaded.Account, loaded.Provenance.Fingerprint, why, found, fix),
		ReauthorizationRequired, nil)
}

// failureType is a failure's type, Unexplained where it has none, and empty for nil.
func failureType(err error) string {
	if err == nil {
		return ""
	}
	if failure, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return cmp.Or(failure.Type(), Unexplained)
	}
	return Unexplained
}

// message is a failure's own message, without what the SDK puts around it.
func message(err error) string {
	if failure, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return failure.Message()
	}
	return err.Error()
}

// nonRetryable reports whether another attempt would not have changed the failure.
func nonRetryable(err error) bool {
	failure, ok := errors.AsType[*temporal.ApplicationError](err)
	return ok && failure.NonRetryable()
}
