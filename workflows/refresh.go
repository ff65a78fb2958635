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
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tokenkeeper/activities"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
)

const (
	// Type is the workflow's registered name.
	Type = "RefreshTokens"
	// RefreshNow is the signal that asks for a refresh without waiting for the
	// cron. Send it with signal-with-start: a plain signal waits for the cron.
	RefreshNow = "refresh-now"
	// Overdue is the signal with which a worker says that the run is at work for longer
	// than OverdueAfter.
	Overdue = "overdue"
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
	Attributes Attributes
}

// acts is only ever used to name activities, so that the compiler checks them.
var acts *activities.Activities

// RefreshTokens refreshes one account's tokens once. Start it with a cron schedule
// or by a Schedule, and without a time limit: a run that holds a pair keeps it until
// it is stored. Where the input asks for a recovery, it refreshes nothing and
// searches for what an earlier run has lost.
func (w *Workflows) RefreshTokens(ctx workflow.Context, in Input) (Result, error) {
	account, err := in.Check()
	r := &run{account: account, rests: in.Keep == KeepAlive}
	if err != nil {
		r.attributes = w.recordAttributes(ctx)
		return Result{}, r.refuse(ctx, in, err)
	}
	if in.Recover {
		r.attributes = w.recordAttributes(ctx)
		return r.runRecovery(ctx, in.From)
	}
	last := r.takeOver(ctx, w)
	r.showAccount(ctx)
	if r.rests && r.follows && restsAt(last, workflow.Now(ctx)) {
		return r.rest(ctx, last), nil
	}
	stop := r.alertWhenOverdue(ctx)
	result, err := r.refresh(ctx)
	stop()
	if err == nil {
		result.ConsentTold = r.alertConsentEnds(ctx, last, result)
		result = r.complete(ctx, result)
	}
	r.finish(ctx, result, err)
	discardSignals(ctx, RefreshNow, Overdue) // this run was the refresh that they asked for
	if ctx.Err() != nil {
		// Cancelled meanwhile. The pair is stored and a failure is alerted all the
		// same; but only a run that ends as cancelled ends its cron.
		return result, ctx.Err()
	}
	return result, err
}

// run is one refresh of one account.
type run struct {
	account     token.Account
	attributes  Attributes       // what the namespace has, as the history has it
	shown       shown            // the search attributes that the run has set
	rests       bool             // nothing needs the access token to be good until the next refresh
	follows     bool             // it continues a cron whose last run was green, and nothing is urgent
	loaded      bool             // it has begun to load the grant
	nonRotating bool             // a refresh spends nothing
	alivePeriod time.Duration    // how often a grant is refreshed that is only kept alive
	known       activities.Known // the newest refresh token that Temporal knows of
	called      time.Time        // when the last call began
	unsettled   presentation     // the refresh token that this run has presented without an answer
	recovered   bool             // a better grant than the first one was found on the way
	sources     []string         // the workflow ids whose runs a recovery reads; none means the run's own
	grantEnds   time.Time        // the hard end of the grant, as far as it is known
	ends        time.Time        // when a new consent is needed, as far as that is known
	user        string           // the mark of the account's user; empty while unknown
	doubts      doubts           // the calls after which a refresh token is probably dead
	unanswered  bool             // a call has ended before the provider answered
	refusal     string           // the failure type of a call after which the token is dead, while its successor is not found
	reloadedFor string           // the failure type of the call that had it start over; empty where the token changed
	restarts    int              // how often an operator's signal had it start over

	at      step              // what the run is at
	overdue []string          // the reasons of the alerts of this run, which are over when it is green
	aside   []workflow.Future // alerts that it goes on beside
	// openIncidents are the reasons of the provider's open incidents, one of which may hold
	// the account since an earlier run; nil where the run follows a green one.
	openIncidents []string
}

// next says what follows an attempt.
type next int

const (
	finished next = iota // the run ends
	reload               // another refresh token has turned up
	restart              // an operator asks for another start
)

// refresh starts over for as long as newer grants turn up.
func (r *run) refresh(ctx workflow.Context) (Result, error) {
	for reloads := 0; reloads < maxReloads; {
		switch next, result, err := r.attempt(ctx); next {
		case finished:
			return result, err
		case reload:
			reloads++
		case restart:
			r.restarts++
		}
	}
	return Result{}, r.errTooManyReloads()
}

// attempt goes from a grant to a stored pair. A cancelled run presents a token only
// where the answer to an earlier call of it may still be had.
func (r *run) attempt(ctx workflow.Context) (next, Result, error) {
	r.reloadedFor = ""
	loaded, err := r.load(ctx)
	if err != nil {
		return finished, Result{}, err
	}
	now := workflow.Now(ctx)
	w := windowOf(loaded, now)
	if ctx.Err() != nil && !w.IsOpen(now) {
		return finished, Result{}, ctx.Err()
	}
	var recovery activities.RecoverResult
	switch planCall(loaded, w, now) {
	case searchQuickly:
		recovery = r.searchOnce(ctx, loaded)
	case search:
		recovery, err = r.searchEarlierRuns(ctx, loaded, looksBefore(loaded))
	}
	switch {
	case err != nil || recovery.Found != "":
		return afterRecovery(ctx, recovery, err)
	case loaded.Behind && loaded.Reuse == provider.RevokesGrant:
		// Its successor is known to exist, so that presenting it would end the grant.
		return finished, Result{}, r.reauthorizeBehind(loaded, recovery)
	}
	if now := workflow.Now(ctx); ctx.Err() != nil && !windowOf(loaded, now).IsOpen(now) {
		return finished, Result{}, ctx.Err()
	}
	return r.present(ctx, loaded)
}

// present spends the refresh token and stores what is issued for it.
func (r *run) present(ctx workflow.Context, loaded activities.LoadResult) (next, Result, error) {
	issued, again, err := r.call(ctx, loaded)
	switch {
	case again:
		r.setDetails(ctx, "A refresh of %s was asked for. Starting over.", r.account)
		return restart, Result{}, nil
	case err != nil:
		return r.afterRefusal(ctx, loaded, err)
	}
	done, result, err := r.store(ctx, loaded, issued)
	if done {
		return finished, result, err
	}
	r.learn(activities.Known{Generation: issued.Provenance.Generation, Fingerprint: issued.Provenance.Fingerprint})
	return reload, Result{}, nil
}

// afterRefusal decides whether a failed call ends the run.
func (r *run) afterRefusal(ctx workflow.Context, loaded activities.LoadResult, refusal error) (next, Result, error) {
	switch failureType(refusal) {
	case activities.GrantAdvanced:
		r.recovered = true
		r.learn(activities.Known{Generation: loaded.Provenance.Generation})
		if ctx.Err() != nil {
			return finished, Result{}, ctx.Err() // the vault has the pair
		}
		return reload, Result{}, nil
	case activities.GrantOutdated:
		r.reloadedFor = activities.GrantOutdated
		return reload, Result{}, nil // the run was reset since it loaded the grant
	case activities.GrantInDoubt:
		// The token may still be good, and asking is the only way to find out. The next
		// load names who may have spent it, so that it is presented once more, after a
		// search, when no call of theirs or of this run can be in flight. The doubt opens no
		// window: the token would be presented beside the other run's call.
		r.reloadedFor = activities.GrantInDoubt
		r.noteUnsettled(ctx, loaded, r.called)
		return reload, Result{}, nil
	case activities.ProbablyDead:
		if r.doubts.add(loaded.Provenance.Fingerprint) < maxDoubts {
			if err := r.pauseInDoubt(ctx, loaded, refusal); err != nil {
				return finished, Result{}, err
			}
			return reload, Result{}, nil
		}
		fallthrough
	case activities.InvalidGrant, activities.AnswerLost:
		r.refusal = failureType(refusal)
		recovery, err := r.recheck(ctx, loaded)
		if recovery.Found != "" {
			r.refusal = ""
		}
		if err != nil || recovery.Found != "" {
			return afterRecovery(ctx, recovery, err)
		}
		if r.refusal == activities.ProbablyDead {
			return finished, Result{}, reauthorizeInDoubt(loaded, recovery, refusal)
		}
		return finished, Result{}, reauthorize(loaded, recovery, refusal)
	}
	return finished, Result{}, refusal
}

// errTooManyReloads ends a run that has started over too often, as what it started over
// for the last time.
func (r *run) errTooManyReloads() error {
	failureType, words := activities.GenerationConflict, "the refresh token of %[2]s changed %[1]d times during one run; see that only one workflow refreshes this account"
	switch r.reloadedFor {
	case activities.GrantInDoubt:
		failureType, words = r.reloadedFor, "%d times during one run another run may have spent the refresh token of %s; see that only one workflow refreshes this account"
	case activities.GrantOutdated:
		failureType, words = r.reloadedFor, "%d times during one run the grant of %s was another run's when it was used; see that LoadSecrets is not completed by hand"
	}
	return temporal.NewNonRetryableApplicationError(fmt.Sprintf(words, maxReloads, r.account), failureType, nil)
}

// reauthorize is the end of the recovery ladder. Its message is what the search
// found, and the provider's fix as the refusal carries it.
func reauthorize(loaded activities.LoadResult, recovery activities.RecoverResult, refusal error) error {
	why := "it was revoked, replaced by another consent, spent by another client, or spent by a call whose answer was lost"
	if failureType(refusal) == activities.AnswerLost {
		why = "it was spent, and the answer with its successor was lost"
	} else if loaded.NonRotating {
		why = "it was revoked, it has lapsed, or newer consents have pushed it out"
	}
	if n := len(loaded.MayHaveSpent); n > 0 {
		why += fmt.Sprintf(" (run %s may have made one)", loaded.MayHaveSpent[n-1].RunID)
	}
	fix := cmp.Or(activities.Fix(refusal), "have the account owner consent again")
	return temporal.NewNonRetryableApplicationError(
		fmt.Sprintf("%s no longer takes generation %d of %s (fingerprint %s): %s; %s; %s",
			loaded.ProviderTitle, loaded.Provenance.Generation, loaded.Account, loaded.Provenance.Fingerprint, why, nothingFound(recovery), fix),
		ReauthorizationRequired, nil)
}

// reauthorizeBehind is the end of the recovery ladder where Temporal knows of a later
// generation. The token is not presented: the provider would end the grant for it, and
// the vault may yet get the successor back.
func (r *run) reauthorizeBehind(loaded activities.LoadResult, recovery activities.RecoverResult) error {
	newest := max(r.known.Generation, loaded.Provenance.Generation+1)
	return temporal.NewNonRetryableApplicationError(
		fmt.Sprintf("generation %d of %s (fingerprint %s) is not presented: Temporal knows generation %d, and %s; restore the newer version in the vault, or have the account owner consent again",
			loaded.Provenance.Generation, loaded.Account, loaded.Provenance.Fingerprint, newest, nothingFound(recovery)),
		ReauthorizationRequired, nil)
}

func nothingFound(recovery activities.RecoverResult) string {
	runs := "earlier runs hold"
	if recovery.Searched == 1 {
		runs = "earlier run hold"
	}
	found := fmt.Sprintf("the vault and %d %s nothing newer", recovery.Searched, runs)
	if len(recovery.Gone) > 0 {
		found += "; " + goneInWords(recovery.Gone)
	}
	return found
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
