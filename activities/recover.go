package activities

import (
	"context"
	"fmt"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
)

// Where RecoverGrant found something better than a dead refresh token.
const (
	FoundInVault   = "vault"   // the vault has a newer one: load again
	FoundInHistory = "history" // an earlier run's history had one, and it is stored now
)

// Lost asks for whatever is newer than a refresh token that is spent.
type Lost struct {
	Loaded
	// Searchable: the namespace knows our search attributes, so that runs of this
	// account under other workflow IDs can be found too.
	Searchable bool `json:"searchable"`
}

// Recovery is what the ladder led to.
type Recovery struct {
	// Found is FoundInVault, FoundInHistory, or empty.
	Found string `json:"found,omitempty"`
	// Searched counts the earlier runs that were read.
	Searched int `json:"searched"`
	// Called and Stored are set for FoundInHistory.
	Called *Called `json:"called,omitempty"`
	Stored *Stored `json:"stored,omitempty"`
}

// RecoverGrant climbs the recovery ladder: first the vault's other versions, then
// the sealed pairs in the histories of the account's earlier runs. It never
// deletes or disables anything, and it never calls the provider.
func (a *Activities) RecoverGrant(ctx context.Context, lost Lost) (Recovery, error) {
	_, names, err := a.place(lost.Account)
	if err != nil {
		return Recovery{}, err
	}
	run := runOf(activity.GetInfo(ctx))
	advanced, err := a.Vault.Advance(ctx, names, lost.Account, lost.Provenance, run)
	if err != nil {
		return Recovery{}, vaultFailure(err)
	}
	if advanced {
		return Recovery{Found: FoundInVault}, nil
	}
	found, searched, err := search(ctx, a.Temporal, run, lost)
	if err != nil {
		return Recovery{}, temporal.NewApplicationError(fmt.Sprintf("search the earlier runs of %s: %v", lost.Account, err), historyNotReady)
	}
	for _, called := range found {
		stored, err := a.store(ctx, called)
		if err == nil {
			a.Metrics.Stored(ctx, called.Account, "recovered", called.AccessTokenExpiry)
			return Recovery{Found: FoundInHistory, Searched: searched, Called: &called, Stored: &stored}, nil
		}
		if !unopenable(err) {
			return Recovery{}, err
		}
		a.Log.ErrorContext(ctx, "an earlier run holds a pair that no key opens", "account", lost.Account.String(), "generation", called.Provenance.Generation, "error", err)
	}
	return Recovery{Searched: searched}, nil
}

// descends reports whether an issued pair continues the line of the lost token.
func descends(issued Called, lost Lost) bool {
	spent := lost.Provenance
	return issued.Account == lost.Account && issued.Rotated && !issued.ForOtherUser(lost.Loaded) &&
		(issued.Provenance.Parent == spent.Fingerprint ||
			issued.Provenance.Consent == spent.Consent && issued.Provenance.Generation > spent.Generation)
}
