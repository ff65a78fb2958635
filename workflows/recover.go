package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tokenkeeper/activities"
)

// recoverLost is the run of an operator who asks whether an earlier run was
// issued a pair that it has not stored. It spends nothing, so it leaves no intent
// record either. It may run beside a refresh: what it finds goes behind the same
// fence, and a call that may be in flight is waited for.
//
// Nobody is alerted and the account's health stays as it is, because the operator
// waits for the answer; the next refresh tells both.
func (r *run) recoverLost(ctx workflow.Context, from []string) (Result, error) {
	r.upsert(ctx, TokenAccount.ValueSet(r.account.Name), TokenProvider.ValueSet(r.account.Provider))
	r.sources = append([]string{ID(r.account)}, from...)
	result, err := r.climb(ctx)
	switch {
	case err == nil:
		r.say(ctx, "%s", inWords(result, workflow.Now(ctx)))
	case temporal.IsCanceledError(err):
		r.say(ctx, "Cancelled before it was found out whether %s has lost a pair. Nothing was changed.", r.account)
	default:
		r.say(ctx, "Failed: %s", message(err))
	}
	return result, err
}

// climb looks for something newer than what the vault shows, until there is
// nothing newer any more.
func (r *run) climb(ctx workflow.Context) (Result, error) {
	for range maxReloads {
		held, err := r.read(ctx)
		if err != nil {
			return Result{}, err
		}
		recovery, err := r.retrace(ctx, held)
		if err != nil {
			return Result{}, err
		}
		switch {
		case recovery.Found == activities.FoundInHistory:
			return recoveredFrom(recovery), nil
		case recovery.Found == activities.FoundInVault:
			// It is on top now. What came of it may be elsewhere.
		case r.recovered:
			return leftAs(held, recovery, Recovered), nil
		case held.EarlierIntentRunID == "":
			return leftAs(held, recovery, Untouched), nil
		default:
			return leftAs(held, recovery, Unchanged), nil
		}
	}
	return Result{}, r.unsettled()
}

// read looks at the grant and leaves it as it is.
func (r *run) read(ctx workflow.Context) (held activities.LoadResult, err error) {
	r.say(ctx, "Looking at what the vault holds of %s.", r.account)
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: vaultAttempt,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: slowest},
		Summary:             fmt.Sprintf("see which generation of %s the vault holds", r.account),
	})
	err = workflow.ExecuteActivity(ctx, acts.ReadGrant, r.account).Get(ctx, &held)
	return held, err
}
