package activities

import (
	"context"

	"go.temporal.io/sdk/activity"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
)

// LoadSecrets reads an account's refresh token and client credentials and
// returns them sealed. Before it does, it makes sure that what comes after can
// succeed: the keyset opens, and the vault takes writes, which it proves by
// leaving the intent record on the refresh token.
//
// A secret that is missing or malformed and a credential that Microsoft Entra
// refuses end the activity for good; everything else is worth a retry.
func (a *Activities) LoadSecrets(ctx context.Context, account token.Account) (Loaded, error) {
	p, names, err := a.place(account)
	if err != nil {
		return Loaded{}, err
	}
	if err := a.Keyring.Ready(ctx); err != nil {
		return Loaded{}, keyringFailure(err)
	}
	client, err := a.Vault.Credentials(ctx, names)
	if err != nil {
		return Loaded{}, vaultFailure(err)
	}
	held, access, err := a.Vault.Load(ctx, names)
	if err != nil {
		return Loaded{}, vaultFailure(err)
	}
	grant, err := a.sealGrant(ctx, account, held.Generation, held.Value, client)
	if err != nil {
		return Loaded{}, keyringFailure(err)
	}
	run := runOf(activity.GetInfo(ctx))
	if err := a.Vault.Begin(ctx, names, account, held, run); err != nil {
		return Loaded{}, vaultFailure(err)
	}
	loaded := Loaded{
		Account:             account,
		RunID:               run.RunID,
		Provenance:          held.Provenance,
		UserID:              held.UserID,
		RefreshTokenVersion: held.Version,
		AccessTokenExpiry:   access.Expires,
		CallActivity:        p.ActivityType(),
		ProviderTitle:       p.Title,
		ReplayWindow:        p.ReplayWindow,
		Grant:               grant,
	}
	if p.Rotation != provider.NoRotation {
		loaded.SpentBefore, loaded.SpentSince = held.BegunBefore(run.RunID)
	}
	return loaded, nil
}
