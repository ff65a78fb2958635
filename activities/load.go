package activities

import (
	"context"

	"go.temporal.io/sdk/activity"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// LoadSecrets reads an account's refresh token and client credentials and
// returns them sealed. Before it does, it makes sure that what comes after can
// succeed: the keyset opens, and the vault takes writes, which it proves by
// leaving the intent record on the refresh token.
//
// A secret that is missing or malformed and a credential that Microsoft Entra
// refuses end the activity for good; everything else is worth a retry.
func (a *Activities) LoadSecrets(ctx context.Context, account token.Account) (LoadResult, error) {
	at, err := a.locate(account)
	if err != nil {
		return LoadResult{}, err
	}
	p, names := at.Provider, at.Names
	if err := a.Keyring.Ready(ctx); err != nil {
		return LoadResult{}, keyringFailure(err)
	}
	client, err := a.Vault.Credentials(ctx, names)
	if err != nil {
		return LoadResult{}, vaultFailure(err)
	}
	held, access, err := a.Vault.Load(ctx, names)
	if err != nil {
		return LoadResult{}, vaultFailure(err)
	}
	grant, err := a.sealGrant(ctx, account, held.Generation, held.Value, client)
	if err != nil {
		return LoadResult{}, keyringFailure(err)
	}
	info := activity.GetInfo(ctx)
	run := runOf(info)
	if err := a.Vault.RecordIntent(ctx, names, account, held, run); err != nil {
		return LoadResult{}, vaultFailure(err)
	}
	self := run.RunID
	if info.Attempt > 1 {
		self = "" // an earlier attempt's record may lie on another run's
	}
	loaded := loadedFrom(p, account, held, access, run, held.IntentsExcept(self))
	loaded.Grant = grant
	return loaded, nil
}

// ReadGrant is LoadSecrets for a run that spends nothing: it returns no grant and
// leaves no intent record, which would push out that of the run that is looked
// for. Neither the keyset nor the client credentials need be there.
func (a *Activities) ReadGrant(ctx context.Context, account token.Account) (LoadResult, error) {
	at, err := a.locate(account)
	if err != nil {
		return LoadResult{}, err
	}
	p, names := at.Provider, at.Names
	held, access, err := a.Vault.Load(ctx, names)
	if err != nil {
		return LoadResult{}, vaultFailure(err)
	}
	run := runOf(activity.GetInfo(ctx))
	return loadedFrom(p, account, held, access, run, held.IntentsExcept(run.RunID)), nil
}

// loadedFrom says of a grant what may be read in a history; begun are the runs
// that may have spent it.
func loadedFrom(p provider.Provider, account token.Account, held vault.RefreshToken, access vault.AccessTokenInfo, run vault.Run, begun []vault.Intent) LoadResult {
	loaded := LoadResult{
		Account:             account,
		RunID:               run.RunID,
		Provenance:          held.Provenance,
		UserID:              held.UserID,
		RefreshTokenVersion: held.Version,
		AccessTokenExpiry:   access.Expires,
		CallActivity:        p.ActivityType(),
		ProviderTitle:       p.Title,
		ReplayWindow:        p.ReplayWindow,
		NonRotating:         p.Rotation == provider.NoRotation,
	}
	if loaded.NonRotating {
		return loaded
	}
	if len(begun) > 0 {
		loaded.EarlierIntentRunID, loaded.EarlierIntentAt = begun[0].RunID, begun[0].At
	}
	if len(begun) > 1 {
		loaded.OldestIntentRunID = begun[1].RunID
	}
	return loaded
}
