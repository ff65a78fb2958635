package workflows

import (
	"tokenkeeper/activities"
	"tokenkeeper/internal/incident"
	"tokenkeeper/internal/provider"
)

// AlertReasons are the reasons that a run's alert can have: the failures that end it, and
// what it waits for when it is overdue.
func AlertReasons() []string {
	return []string{
		ReauthorizationRequired, WrongUser, Unexplained, LoadStuck, CallStuck, StoreStuck,
		activities.InvalidInput, activities.MissingSecret, activities.MalformedSecret, activities.ForeignSecret,
		activities.VaultRefused, activities.KeysetUnusable, activities.InvalidClient, activities.ProviderRetired,
		activities.GenerationConflict, activities.GrantInDoubt, activities.GrantOutdated, activities.UnexpectedResult,
		provider.RequestRejected.FailureType(), incident.ConsentEnds,
	}
}

// Outcomes are those of a run that has refreshed an account.
func Outcomes() []string { return []string{string(Refreshed), string(Recovered), string(Superseded)} }
