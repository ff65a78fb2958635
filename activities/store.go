package activities

import (
	"context"
	"fmt"

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
	if called.Oversize > 0 && !receipt.Superseded {
		return StoreResult{}, fail(MalformedSecret, fmt.Errorf("vault: set %s: the access token of generation %d has %d bytes and Key Vault takes %d; the refresh token is stored; ask %s for fewer scopes",
			at.Names.AccessToken, called.Provenance.Generation, called.Oversize, token.MaxLength, at.Provider.Title))
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
