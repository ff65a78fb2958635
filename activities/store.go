package activities

import (
	"context"

	"go.temporal.io/sdk/activity"

	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// StoreSecrets puts an issued pair into the vault, the refresh token first. It
// may run any number of times, on any worker, for the same pair.
//
// While the pair cannot be stored it fails retryably, also where a person has to
// act first; the pair waits sealed in the history.
func (a *Activities) StoreSecrets(ctx context.Context, called RefreshResult) (StoreResult, error) {
	stored, err := a.store(ctx, called)
	if err != nil {
		return StoreResult{}, storing(err)
	}
	outcome := "refreshed"
	if stored.Superseded {
		outcome = "superseded"
	}
	a.Metrics.Stored(ctx, called.Account, outcome, called.Expiry)
	return stored, nil
}

func (a *Activities) store(ctx context.Context, called RefreshResult) (StoreResult, error) {
	at, err := a.locate(called.Account)
	if err != nil {
		return StoreResult{}, err
	}
	access, refresh, err := a.openPair(ctx, called.Account, called.Provenance.Generation, called.Pair)
	if err != nil {
		return StoreResult{}, err
	}
	receipt, err := a.Vault.Store(ctx, at.Names, entryOf(called, access, refresh), runOf(activity.GetInfo(ctx)))
	if err != nil {
		return StoreResult{}, vaultFailure(err)
	}
	return StoreResult{
		Superseded:          receipt.Superseded,
		RefreshTokenVersion: receipt.RefreshTokenVersion,
		AccessTokenVersion:  receipt.AccessTokenVersion,
	}, nil
}

// entryOf puts the tokens back beside what was said of them.
func entryOf(c RefreshResult, access, refresh token.Secret) vault.Entry {
	return vault.Entry{
		Account:    c.Account,
		Provenance: c.Provenance,
		Pair: token.Pair{
			AccessToken:  access,
			RefreshToken: refresh,
			Issue:        c.Issue,
		},
	}
}
