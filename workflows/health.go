package workflows

import (
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// The search attributes that runs carry where the namespace has them.
var (
	TokenAccount  = temporal.NewSearchAttributeKeyKeyword("TokenAccount")
	TokenProvider = temporal.NewSearchAttributeKeyKeyword("TokenProvider")
	TokenHealth   = temporal.NewSearchAttributeKeyKeyword("TokenHealth")
)

// Health is a value of TokenHealth.
type Health string

const (
	HealthRefreshing   Health = "refreshing"    // a run is at work
	HealthGood         Health = "healthy"       // the vault holds a fresh pair
	HealthStuck        Health = "stuck"         // a run is overdue, and tries on
	HealthNeedsConsent Health = "needs-consent" // a person must consent again
	HealthFailed       Health = "failed"        // the last run failed for another reason
	HealthCancelled    Health = "cancelled"     // the last run was cancelled before it had refreshed
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
		TokenHealth.ValueSet(string(HealthRefreshing)))
}

func (r *run) setHealth(ctx workflow.Context, health Health) {
	r.upsert(ctx, TokenHealth.ValueSet(string(health)))
}

func (r *run) upsert(ctx workflow.Context, updates ...temporal.SearchAttributeUpdate) {
	if !r.searchable {
		return
	}
	if err := workflow.UpsertTypedSearchAttributes(ctx, updates...); err != nil {
		workflow.GetLogger(ctx).Warn("cannot set search attributes", "error", err)
	}
}
