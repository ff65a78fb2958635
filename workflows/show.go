package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tokenkeeper/activities"
)

// The search attributes that runs carry where the namespace has them.
var (
	TokenAccount  = temporal.NewSearchAttributeKeyKeyword("TokenAccount")
	TokenProvider = temporal.NewSearchAttributeKeyKeyword("TokenProvider")
	TokenHealth   = temporal.NewSearchAttributeKeyKeyword("TokenHealth")
)

// The values of TokenHealth.
const (
	healthRefreshing = "refreshing"    // a run is at work
	healthGood       = "healthy"       // the vault holds a fresh pair
	healthStuck      = "store-stuck"   // a pair waits for the vault
	healthConsent    = "needs-consent" // a person must consent again
	healthFailed     = "failed"        // the last run failed for another reason
)

// recordSearchable puts what this worker knows of the namespace into the
// history, so that every worker that replays the run decides alike.
func (w *Workflows) recordSearchable(ctx workflow.Context) (searchable bool) {
	recorded := workflow.SideEffect(ctx, func(workflow.Context) any { return w.Searchable })
	if err := recorded.Get(&searchable); err != nil {
		return false
	}
	return searchable
}

func (r *run) label(ctx workflow.Context) {
	r.upsert(ctx,
		TokenAccount.ValueSet(r.account.Name),
		TokenProvider.ValueSet(r.account.Provider),
		TokenHealth.ValueSet(healthRefreshing))
}

func (r *run) setHealth(ctx workflow.Context, health string) {
	r.upsert(ctx, TokenHealth.ValueSet(health))
}

func (r *run) upsert(ctx workflow.Context, updates ...temporal.SearchAttributeUpdate) {
	if !r.searchable {
		return
	}
	if err := workflow.UpsertTypedSearchAttributes(ctx, updates...); err != nil {
		workflow.GetLogger(ctx).Warn("cannot set search attributes", "error", err)
	}
}

// say puts into words, for the Web UI, what the run is doing.
func (r *run) say(ctx workflow.Context, format string, args ...any) {
	workflow.SetCurrentDetails(ctx, fmt.Sprintf(format, args...))
}

// conclude says how the run ended, and tells a person where it needs one.
func (r *run) conclude(ctx workflow.Context, result Result, err error) {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	before := lastFailure(ctx)
	if err == nil {
		r.setHealth(ctx, healthGood)
		r.say(ctx, "%s", inWords(result, workflow.Now(ctx)))
		if alarming(before) {
			r.alert(ctx, activities.Notice{Reason: before, Healed: true, Message: inWords(result, workflow.Now(ctx))})
		}
		return
	}
	if temporal.IsCanceledError(err) {
		r.say(ctx, "Cancelled before %s was refreshed. Nothing was lost.", r.account)
		return
	}
	reason := failureType(err)
	health := healthFailed
	if reason == ReauthorizationRequired {
		health = healthConsent
	}
	r.setHealth(ctx, health)
	r.say(ctx, "Failed: %s", message(err))
	if alarming(reason) && reason != before {
		r.alert(ctx, activities.Notice{Reason: reason, Message: message(err)})
	}
}

// inWords tells a result to a person.
func inWords(r Result, now time.Time) string {
	words := fmt.Sprintf("Generation %d of %s/%s is in the vault (%s).", r.Generation, r.Provider, r.Account, r.Outcome)
	if !r.AccessTokenExpiry.IsZero() {
		words += fmt.Sprintf(" The access token is good until %s, for %s.",
			r.AccessTokenExpiry.UTC().Format("2006-01-02 15:04:05 MST"), r.AccessTokenExpiry.Sub(now).Round(time.Second))
	}
	return words
}
