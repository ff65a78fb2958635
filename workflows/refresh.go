// Package workflows holds RefreshTokens: the protocol that never loses a
// single-use refresh token, and nothing else.
//
// The workflow decides; package activities acts. A run loads the grant, has the
// provider called, and has the pair stored. Between the last two the pair exists
// in the run's history, sealed, so that it survives whatever happens to the
// worker, to the vault, or to the run itself.
package workflows

import (
	"errors"
	"fmt"
	"time"

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
	// ReauthorizationRequired: no refresh token that the provider takes is left,
	// and a person must consent again.
	ReauthorizationRequired = "ReauthorizationRequired"
	// WrongUser: the provider answered with another person's tokens.
	WrongUser = "WrongUser"
	// Unexplained is an alert's reason where the failure has no type of ours, such
	// as an activity that timed out too often.
	Unexplained = "Unexplained"
)

// maxReloads bounds how often one run starts over with a newer grant that it
// found in the vault. Each needs another writer at work on the same account.
const maxReloads = 5

// Workflows carries what the worker knows and the workflow code may not look up.
type Workflows struct {
	// Searchable: the namespace has TokenAccount, TokenProvider and TokenHealth.
	// Setting one that it does not have would block the run.
	Searchable bool
}

// acts is only ever used to name activities, so that the compiler checks them.
var acts *activities.Activities

// RefreshTokens refreshes one account's tokens once. It is meant to be started
// with a cron schedule or by a Schedule, and has no time limit of its own: a run
// that holds a pair keeps it until it is stored. Where the input asks for a
// recovery, it refreshes nothing and looks for what an earlier run has lost.
func (w *Workflows) RefreshTokens(ctx workflow.Context, in Input) (Result, error) {
	account, err := in.Check()
	if err != nil {
		return Result{}, temporal.NewNonRetryableApplicationError(err.Error(), activities.InvalidInput, nil)
	}
	r := &run{account: account, searchable: w.recordSearchable(ctx)}
	if in.Recover {
		return r.recoverLost(ctx, in.From)
	}
	r.label(ctx)

	end := r.watch(ctx)
	result, err := r.refresh(ctx)
	end()
	drain(workflow.GetSignalChannel(ctx, RefreshNow))
	r.conclude(ctx, result, err)
	if ctx.Err() != nil {
		// Cancelled meanwhile. A pair was stored all the same and a failure was
		// told; but only a run that ends as cancelled ends its cron.
		return result, ctx.Err()
	}
	return result, err
}

// run is one refresh of one account.
type run struct {
	account    token.Account
	searchable bool
	recovered  bool // a better grant than the first one was found on the way
	// sources are the workflow ids whose runs the ladder reads; none means the
	// run's own.
	sources    []string
	unanswered bool // a cancelled call was given up before the provider answered

	at      waiting  // what the run is at
	overdue []string // the reasons that a person was told of
}

// refresh goes from a grant to a stored pair, starting over where a newer grant
// turns up.
func (r *run) refresh(ctx workflow.Context) (Result, error) {
	for range maxReloads {
		loaded, err := r.load(ctx)
		if err != nil {
			return Result{}, err
		}
		if loaded.EarlierIntentRunID != "" {
			// An earlier run was about to spend this very token. Its history may
			// hold what came of it, and presenting the token again may cost it.
			recovery, err := r.retrace(ctx, loaded)
			if err != nil || enough(recovery, workflow.Now(ctx)) {
				return recoveredFrom(recovery), err
			}
			if recovery.Found != "" {
				continue
			}
		}
		called, err := r.call(ctx, loaded)
		if err == nil {
			return r.store(ctx, loaded, called)
		}
		switch failureType(err) {
		case activities.GrantAdvanced:
			r.recovered = true
		case activities.GrantOutdated:
			// Another load says what may have become of it.
		case activities.InvalidGrant:
			recovery, recoverErr := r.lastLook(ctx, loaded)
			if recoverErr != nil || enough(recovery, workflow.Now(ctx)) {
				return recoveredFrom(recovery), recoverErr
			}
			if recovery.Found == "" {
				return Result{}, reauthorize(loaded, recovery)
			}
		default:
			return Result{}, err
		}
	}
	return Result{}, r.unsettled()
}

// unsettled is the end of a run that has started over too often.
func (r *run) unsettled() error {
	return temporal.NewNonRetryableApplicationError(
		fmt.Sprintf("the refresh token of %s changed %d times during one run; see that only one workflow refreshes this account", r.account, maxReloads),
		activities.GenerationConflict, nil)
}

// enough reports whether a recovery ends the run: a pair was found that is still
// fresh. One whose access token has less than half of its life left would not
// last until the next run, so this run goes on and refreshes with it.
func enough(r activities.RecoverResult, now time.Time) bool {
	if r.Found != activities.FoundInHistory {
		return false
	}
	life := r.Called.Expiry.Sub(r.Called.ObtainedAt)
	return r.Called.Expiry.IsZero() || r.Called.Expiry.Sub(now) >= life/2
}

// reauthorize is the end of the ladder: a person must consent again.
func reauthorize(loaded activities.LoadResult, recovery activities.RecoverResult) error {
	why := "it was revoked, replaced by another consent, spent by somebody else, or spent by a call whose answer was lost"
	if loaded.NonRotating {
		why = "it was revoked, it has lapsed, or newer consents have pushed it out"
	}
	if loaded.EarlierIntentRunID != "" {
		why += fmt.Sprintf(" (run %s may have made one)", loaded.EarlierIntentRunID)
	}
	gone := ""
	if len(recovery.Gone) > 0 {
		gone = "; " + goneInWords(recovery.Gone)
	}
	return temporal.NewNonRetryableApplicationError(
		fmt.Sprintf("%s no longer takes generation %d of %s (fingerprint %s): %s; the vault and %d earlier runs hold nothing newer%s; have the person consent again and store the new refresh token",
			loaded.ProviderTitle, loaded.Provenance.Generation, loaded.Account, loaded.Provenance.Fingerprint, why, recovery.Searched, gone),
		ReauthorizationRequired, nil)
}

// failureType is the type of an activity's final failure, Unexplained for other
// errors, and empty for none.
func failureType(err error) string {
	var failure *temporal.ApplicationError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &failure):
		return failure.Type()
	default:
		return Unexplained
	}
}

// final reports whether an activity failed for a reason that another attempt
// would not have changed.
func final(err error) bool {
	var failure *temporal.ApplicationError
	return errors.As(err, &failure) && failure.NonRetryable()
}
