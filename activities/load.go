package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
	"tokenkeeper/internal/window"
)

// LoadSecrets reads an account's refresh token and client credentials and returns
// them sealed. It proves that the steps after it can succeed: the keyset opens, and
// the vault takes the intent record, a write. It says which earlier runs may have spent
// the token, and whether Temporal knows a newer one. It fails for good where a secret is
// missing or malformed or Microsoft Entra refuses a credential, else retryably.
//
// On a paced queue it first waits for what the vault lets this worker write. A peek that
// finds nothing urgent returns before the intent and the grant; where there are more of
// them than a vault answers, it is retried in its turn.
func (a *Activities) LoadSecrets(ctx context.Context, in LoadInput) (LoadResult, error) {
	info := activity.GetInfo(ctx)
	at, err := a.locate(info, in.Account)
	if err != nil {
		return LoadResult{}, err
	}
	ctx, stop := beat(ctx, nil)
	defer stop()
	if err := a.peekInTurn(ctx, info, at, in); err != nil {
		return LoadResult{}, err
	}
	if err := a.waitForPace(ctx, info, at, in); err != nil {
		return LoadResult{}, err
	}
	loaded, err := a.load(ctx, info, at, in)
	if err != nil {
		return LoadResult{}, retryIn(err, loadPause(info, at.Provider.ReplayWindow, time.Now()))
	}
	loaded.Attributes = a.Attributes
	if in.Incidents {
		loaded.Incidents = a.openIncidents(ctx, in.Account.Provider)
	}
	return loaded, nil
}

// loadPause is the pause before another attempt of a load: twice as long each time, up to
// a minute, and within the window that may be open.
func loadPause(info activity.Info, replay time.Duration, now time.Time) time.Duration {
	return mayBeOpen(info, replay).Wait(window.Retry, min(time.Second<<min(info.Attempt-1, 6), time.Minute), now)
}

// mayBeOpen is the replay window that another run's call may have opened just before this
// run began, which only its load shows.
func mayBeOpen(info activity.Info, replay time.Duration) window.Window {
	return window.Window{Opened: info.ScheduledTime, Length: replay}
}

func (a *Activities) load(ctx context.Context, info activity.Info, at vault.Location, in LoadInput) (LoadResult, error) {
	if err := a.Keyring.Ready(ctx); err != nil {
		return LoadResult{}, keyringFailure(err)
	}
	spends := at.Provider.Rotation != provider.NoRotation
	held, access, known, err := a.Vault.LoadKnown(ctx, at.Names, vault.Last(in.Known), spends)
	if err != nil {
		return LoadResult{}, vaultFailure(err)
	}
	run := runOf(info)
	loaded := loadResult(at, held, access, run)
	if err := a.askTemporal(ctx, in, &loaded, held); err != nil {
		return LoadResult{}, err
	}
	if in.Peek && !isUrgent(loaded, time.Now()) {
		loaded.Waits = true
		return loaded, nil
	}
	client, err := a.clientFor(ctx, at.Names, known && info.Attempt == 1)
	if err != nil {
		return LoadResult{}, vaultFailure(err)
	}
	if loaded.Grant, err = a.sealGrant(ctx, at.Names, loaded, held.Value, client); err != nil {
		return LoadResult{}, keyringFailure(err)
	}
	if known && !spends {
		return loaded, nil // nothing is lost where the vault then takes no access token
	}
	if err := a.Vault.RecordIntent(ctx, at.Names, in.Account, held, run, firstOfEach(loaded.MayHaveSpent)); err != nil {
		return LoadResult{}, vaultFailure(err)
	}
	return loaded, nil
}

// clientFor reads the client's credentials, from this worker's memory where the run follows
// a good one: a consent for another app comes with another client.
func (a *Activities) clientFor(ctx context.Context, n vault.Names, recent bool) (token.Client, error) {
	if recent {
		return a.Vault.RecentCredentials(ctx, n)
	}
	return a.Vault.Credentials(ctx, n)
}

// isUrgent reports whether a loaded token may be spent, so that its run must not wait for
// the pace: a replay window is open, or its successor is searched for first.
func isUrgent(loaded LoadResult, now time.Time) bool {
	return loaded.Behind || newTiming(loaded, 1, now, progress{}, now).window(now).IsOpen(now)
}

// ReadGrant is LoadSecrets for a run that spends nothing: it returns no grant and
// records no intent, which would push out the record of the run that is searched
// for. It needs neither the keyset nor the client credentials.
func (a *Activities) ReadGrant(ctx context.Context, account token.Account) (LoadResult, error) {
	info := activity.GetInfo(ctx)
	at, err := a.locate(info, account)
	if err != nil {
		return LoadResult{}, err
	}
	ctx, stop := beat(ctx, nil)
	defer stop()
	held, access, err := a.Vault.Load(ctx, at.Names, 0)
	if err != nil {
		return LoadResult{}, vaultFailure(err)
	}
	loaded := loadResult(at, held, access, runOf(info))
	loaded.Attributes = a.Attributes
	return loaded, nil
}

// loadResult is what a history may show of a grant, with the other runs on its intent
// record.
func loadResult(at vault.Location, held vault.RefreshToken, access vault.AccessTokenInfo, run vault.Run) LoadResult {
	loaded := LoadResult{
		Account:             at.Account,
		RunID:               run.RunID,
		Provenance:          held.Provenance,
		UserID:              held.UserID,
		ObtainedAt:          held.ObtainedAt,
		GrantEnds:           held.GrantEnds,
		RefreshTokenVersion: held.Version,
		AccessTokenExpiry:   access.Expires,
		VersionsRead:        held.VersionsRead,
		CallActivity:        at.Provider.ActivityType(),
		ProviderTitle:       at.Provider.Title,
		ReplayWindow:        at.Provider.ReplayWindow,
		RepeatPause:         at.Provider.RepeatPause,
		Reuse:               at.Provider.Reuse,
		NonRotating:         at.Provider.Rotation == provider.NoRotation,
		AlivePeriod:         at.Provider.AlivePeriod(),
	}
	if loaded.NonRotating {
		return loaded // a refresh spends nothing
	}
	for _, intent := range held.Intents() {
		if intent.RunID != run.RunID {
			loaded.MayHaveSpent = append(loaded.MayHaveSpent, intent)
		}
	}
	return loaded
}
