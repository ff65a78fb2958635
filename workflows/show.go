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
	healthCancelled  = "cancelled"     // the last run was cancelled before it had refreshed
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
		if before != "" {
			r.alert(ctx, activities.Notice{Reason: before, Healed: true, Message: inWords(result, workflow.Now(ctx))})
		}
		return
	}
	if temporal.IsCanceledError(err) {
		r.setHealth(ctx, healthCancelled)
		r.say(ctx, "%s", r.cancelledInWords())
		return
	}
	reason := failureType(err)
	health := healthFailed
	if reason == ReauthorizationRequired {
		health = healthConsent
	}
	r.setHealth(ctx, health)
	r.say(ctx, "Failed: %s", message(err))
	if reason != before {
		// Every final failure waits for a person: what heals by itself is retried
		// and never gets here.
		r.alert(ctx, activities.Notice{Reason: reason, Message: message(err)})
	}
}

func (r *run) cancelledInWords() string {
	if r.unanswered {
		return fmt.Sprintf("Cancelled while the provider gave no answer. The refresh token of %s may be spent; the next run looks for what came of it.", r.account)
	}
	return fmt.Sprintf("Cancelled before %s was refreshed. Nothing was lost.", r.account)
}

// inWords tells a result to a person.
func inWords(r Result, now time.Time) string {
	if r.Outcome == Superseded {
		return fmt.Sprintf("The vault holds something newer than generation %d of %s/%s and was left as it is.", r.Generation, r.Provider, r.Account)
	}
	words := fmt.Sprintf("Generation %d of %s/%s is in the vault (%s).", r.Generation, r.Provider, r.Account, r.Outcome)
	if !r.AccessTokenExpiry.IsZero() {
		words += fmt.Sprintf(" The access token is good until %s, for %s.",
			r.AccessTokenExpiry.UTC().Format("2006-01-02 15:04:05 MST"), r.AccessTokenExpiry.Sub(now).Round(time.Second))
	}
	return words
}
