package activities

import (
	"context"

	"go.temporal.io/sdk/activity"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// LoadSecrets reads an account's refresh token and client credentials and returns
// them sealed. It proves that the steps after it can succeed: the keyset opens, and
// the vault takes the intent record, a write. It fails for good where a secret is
// missing or malformed or Microsoft Entra refuses a credential, else retryably.
func (a *Activities) LoadSecrets(ctx context.Context, in LoadInput) (LoadResult, error) {
	at, err := a.locate(in.Account)
	if err != nil {
		return LoadResult{}, err
	}
	if err := a.Keyring.Ready(ctx); err != nil {
		return LoadResult{}, keyringFailure(err)
	}
	client, err := a.Vault.Credentials(ctx, at.Names)
	if err != nil {
		return LoadResult{}, vaultFailure(err)
	}
	held, access, err := a.Vault.Load(ctx, at.Names, in.Known.Generation)
	if err != nil {
		return LoadResult{}, vaultFailure(err)
	}
	info := activity.GetInfo(ctx)
	run := runOf(info)
	// The attempt before a further one may have put its intent over another run's.
	exceptOwn := info.Attempt == 1
	loaded := loadResult(at, held, access, run, exceptOwn)
	if loaded.Grant, err = a.sealGrant(ctx, loaded, held.Value, client); err != nil {
		return LoadResult{}, keyringFailure(err)
	}
	if err := a.Vault.RecordIntent(ctx, at.Names, in.Account, held, run, loaded.MayHaveSpent); err != nil {
		return LoadResult{}, vaultFailure(err)
	}
	return loaded, nil
}

// ReadGrant is LoadSecrets for a run that spends nothing: it returns no grant and
// records no intent, which would push out the record of the run that is searched
// for. It needs neither the keyset nor the client credentials.
func (a *Activities) ReadGrant(ctx context.Context, account token.Account) (LoadResult, error) {
	at, err := a.locate(account)
	if err != nil {
		return LoadResult{}, err
	}
	held, access, err := a.Vault.Load(ctx, at.Names, 0)
	if err != nil {
		return LoadResult{}, vaultFailure(err)
	}
	return loadResult(at, held, access, runOf(activity.GetInfo(ctx)), true), nil
}

// loadResult is what a history may show of a grant, with the runs on its intent
// record; exceptOwn leaves out the given run.
func loadResult(at vault.Location, held vault.RefreshToken, access vault.AccessTokenInfo, run vault.Run, exceptOwn bool) LoadResult {
	loaded := LoadResult{
		Account:             at.Account,
		RunID:               run.RunID,
		Provenance:          held.Provenance,
		UserID:              held.UserID,
		ObtainedAt:          held.ObtainedAt,
		RefreshTokenVersion: held.Version,
		AccessTokenExpiry:   access.Expires,
		VersionsRead:        held.VersionsRead,
		CallActivity:        at.Provider.ActivityType(),
		ProviderTitle:       at.Provider.Title,
		ReplayWindow:        at.Provider.ReplayWindow,
		RepeatPause:         at.Provider.RepeatPause,
		Reuse:               at.Provider.Reuse,
		NonRotating:         at.Provider.Rotation == provider.NoRotation,
	}
	if loaded.NonRotating {
		return loaded // a refresh spends nothing
	}
	for _, intent := range held.Intents() {
		if !exceptOwn || intent.RunID != run.RunID {
			loaded.MayHaveSpent = append(loaded.MayHaveSpent, intent)
		}
	}
	return loaded
}
