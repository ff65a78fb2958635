package activities

import (
	"context"
	"fmt"

	"go.temporal.io/sdk/activity"

	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// StoreSecrets puts an issued pair into the vault, the refresh token first. It may
// run any number of times, on any worker, for the same pair. While the pair cannot
// be stored, even where an operator has to act first, it fails retryably: the pair
// waits sealed in the history.
func (a *Activities) StoreSecrets(ctx context.Context, issued RefreshResult) (StoreResult, error) {
	stored, err := a.store(ctx, issued)
	if err != nil {
		return StoreResult{}, storeError(err)
	}
	if err := a.checkComplete(issued, stored); err != nil {
		return StoreResult{}, err
	}
	outcome := "refreshed"
	if stored.Superseded {
		outcome = "superseded"
	}
	a.Metrics.Stored(ctx, issued.Account, outcome, issued.Expiry)
	return stored, nil
}

func (a *Activities) store(ctx context.Context, issued RefreshResult) (StoreResult, error) {
	at, err := a.locate(issued.Account)
	if err != nil {
		return StoreResult{}, err
	}
	pair, err := a.openPair(ctx, issued)
	if err != nil {
		return StoreResult{}, err
	}
	receipt, err := a.Vault.Store(ctx, at.Names, entryOf(issued, pair), runOf(activity.GetInfo(ctx)))
	if err != nil {
		return StoreResult{}, vaultFailure(err)
	}
	return StoreResult{
		Superseded:          receipt.Superseded,
		RefreshTokenVersion: receipt.RefreshTokenVersion,
		AccessTokenVersion:  receipt.AccessTokenVersion,
	}, nil
}

// checkComplete fails for good where an answer had a token that can be stored nowhere:
// the other one is stored, and nothing is left to retry.
func (a *Activities) checkComplete(issued RefreshResult, stored StoreResult) error {
	if issued.AccessProblem == "" && issued.RefreshProblem == "" || stored.Superseded {
		return nil
	}
	at, err := a.locate(issued.Account)
	if err != nil {
		return err
	}
	if issued.RefreshProblem != "" {
		return fail(MalformedSecret, fmt.Errorf("vault: set %s: the refresh token after generation %d %s, so the grant ends with it; ask %s for fewer scopes and have the account owner consent again",
			at.Names.RefreshToken, issued.Provenance.Generation, issued.RefreshProblem, at.Provider.Title))
	}
	return fail(MalformedSecret, fmt.Errorf("vault: set %s: the access token of generation %d %s; the refresh token is stored; if it goes on, ask %s for fewer scopes",
		at.Names.AccessToken, issued.Provenance.Generation, issued.AccessProblem, at.Provider.Title))
}

func entryOf(issued RefreshResult, pair token.Pair) vault.Entry {
	return vault.Entry{Account: issued.Account, Provenance: issued.Provenance, Pair: pair}
}
