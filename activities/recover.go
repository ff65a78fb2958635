package activities

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
)

// Where RecoverGrant found something better than a dead refresh token.
const (
	FoundInVault   = "vault"   // the vault has a newer one: load again
	FoundInHistory = "history" // an earlier run's history had one, and it is stored now
)

// RecoverInput asks for whatever is newer than a refresh token that is spent, or may be.
type RecoverInput struct {
	LoadResult
	// Searchable: the namespace knows our search attributes, so that runs of this
	// account under other workflow IDs can be found too.
	Searchable bool `json:"searchable"`
	// WorkflowIDs are those whose runs may have spent it; none means the ID of the
	// run that asks.
	WorkflowIDs []string `json:"workflowIds,omitempty"`
}

// suspects are the runs that the intent record names, but for the given one.
func (l RecoverInput) suspects(self string) []string {
	return slices.DeleteFunc([]string{l.EarlierIntentRunID, l.OldestIntentRunID}, func(runID string) bool { return runID == "" || runID == self })
}

// RecoverResult is what the ladder led to.
type RecoverResult struct {
	// Found is FoundInVault, FoundInHistory, or empty.
	Found string `json:"found,omitempty"`
	// Searched counts the earlier runs that were read.
	Searched int `json:"searched"`
	// Gone are the runs on the intent record that cannot be read: the namespace's
	// retention has deleted their histories, or no listing finds them.
	Gone []string `json:"gone,omitempty"`
	// MayEnd is until when a call of a run on the intent record may be in flight;
	// zero where none was found.
	MayEnd time.Time `json:"mayEnd,omitzero"`
	// FoundIn is the run whose history held the pair. It, Called and Stored are
	// set for FoundInHistory.
	FoundIn string         `json:"foundIn,omitempty"`
	Called  *RefreshResult `json:"called,omitempty"`
	Stored  *StoreResult   `json:"stored,omitempty"`
}

// RecoverGrant climbs the recovery ladder: first the vault's other versions, then
// the sealed pairs in the histories of the account's earlier runs. It never
// deletes or disables anything, and it never calls the provider.
func (a *Activities) RecoverGrant(ctx context.Context, lost RecoverInput) (RecoverResult, error) {
	at, err := a.locate(lost.Account)
	if err != nil {
		return RecoverResult{}, err
	}
	run := runOf(activity.GetInfo(ctx))
	advanced, err := a.Vault.PromoteSuccessor(ctx, at.Names, lost.Account, lost.Provenance, run)
	if err != nil {
		return RecoverResult{}, vaultFailure(err)
	}
	if advanced {
		return RecoverResult{Found: FoundInVault}, nil
	}
	search := search{histories: a.Temporal, self: run, lost: lost}
	if err := search.run(ctx); err != nil {
		return RecoverResult{}, temporal.NewApplicationError(fmt.Sprintf("search the earlier runs of %s: %v", lost.Account, err), historyNotReady)
	}
	recovery := RecoverResult{Searched: search.searched(), Gone: search.gone, MayEnd: search.mayEnd}
	for _, f := range newestFirst(search.found) {
		stored, err := a.store(ctx, f.called)
		if err == nil {
			a.Metrics.Stored(ctx, lost.Account, "recovered", f.called.Expiry)
			recovery.Found, recovery.FoundIn, recovery.Called, recovery.Stored = FoundInHistory, f.runID, &f.called, &stored
			return recovery, nil
		}
		if !unopenable(err) {
			return RecoverResult{}, err
		}
		a.Log.ErrorContext(ctx, "an earlier run holds a pair that no key opens", "account", lost.Account.String(), "generation", f.called.Provenance.Generation, "error", err)
	}
	return recovery, nil
}

// descends reports whether an issued pair continues the line of the lost token.
func descends(issued RefreshResult, lost RecoverInput) bool {
	spent := lost.Provenance
	return issued.Account == lost.Account && issued.Rotated && !issued.ForOtherUser(lost.LoadResult) &&
		(issued.Provenance.Parent == spent.Fingerprint ||
			issued.Provenance.Consent == spent.Consent && issued.Provenance.Generation > spent.Generation)
}
