package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// CallTimeout bounds one attempt of a Call activity; then Temporal starts the next.
// It is short, because only its end shows that a worker has died, and a provider's
// replay window is short too.
const CallTimeout = 20 * time.Second

// MaxInFlight is the longest that a pair may be on its way: from the start of an
// attempt until the pair is in the history or, in escrow, in a vault that answers.
const MaxInFlight = CallTimeout + escrowTimeout

// Reading, the request and one report fit into CallTimeout; an escrow may go on
// beyond it.
const (
	prepareTimeout  = 4 * time.Second  // all reading from the vault before the request
	requestTimeout  = 12 * time.Second // the provider's answer
	completeTimeout = 3 * time.Second  // one try to have Temporal take the pair
	escrowTimeout   = 10 * time.Second // one try to get the pair into the vault
)

// Call spends the refresh token at its provider and keeps the issued pair until
// Temporal's history or the vault holds it. It completes itself, because only
// then does it learn whether Temporal has the result: the SDK's own report of a
// returned result is dropped, silently, after ten seconds without the server.
func (a *Activities) Call(ctx context.Context, in LoadResult) (RefreshResult, error) {
	info := activity.GetInfo(ctx)
	at, err := a.locate(in.Account)
	if err != nil {
		return RefreshResult{}, err
	}
	if in.RunID != info.WorkflowExecution.RunID { // a reset run may have spent the grant before
		return RefreshResult{}, fail(GrantOutdated, fmt.Errorf("generation %d of %s was loaded by run %s, before a reset, and is loaded again", in.Provenance.Generation, in.Account, in.RunID))
	}
	refresh, client, err := a.prepare(ctx, info, at.Names, in)
	if err != nil {
		return RefreshResult{}, err
	}

	a.inFlight.Add(1)
	defer a.inFlight.Done()
	// A cancelled context does not take back a request that the provider may have
	// committed, so that from here on nothing abandons the attempt.
	ctx = context.WithoutCancel(ctx)
	// A worker that was frozen may be too late: the next attempt may have begun.
	timeout := min(requestTimeout, time.Until(info.Deadline)-completeTimeout)
	if timeout <= 0 {
		return RefreshResult{}, temporal.NewApplicationError(fmt.Sprintf("this attempt at the refresh of %s came too late to begin; nothing was sent", in.Account), tooLate)
	}
	requestCtx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	pair, err := a.Client.Refresh(requestCtx, at.Provider, client, refresh)
	if err != nil {
		return RefreshResult{}, a.callFailed(ctx, info, in, err)
	}
	a.Metrics.Answered(ctx, at.Provider.Name, "ok")
	return RefreshResult{}, a.deliver(ctx, info, at.Names, in, pair)
}

// prepare opens the grant, and checks for an escrowed pair before a further
// attempt or a first one that had to wait for a worker. It is short, so that the
// request is over before Temporal starts the next attempt.
func (a *Activities) prepare(ctx context.Context, info activity.Info, names vault.Names, in LoadResult) (token.Secret, token.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, prepareTimeout)
	defer cancel()
	refresh, client, err := a.openGrant(ctx, in)
	if err == nil && (info.Attempt > 1 || time.Since(info.ScheduledTime) > CallTimeout) {
		err = a.checkEscrow(ctx, info, names, in)
	}
	return refresh, client, err
}

// checkEscrow fails where an earlier attempt, cut off from Temporal, has put its
// pair into the vault: the refresh token is spent, and a provider that watches for
// reuse could revoke everything at its second sight.
func (a *Activities) checkEscrow(ctx context.Context, info activity.Info, names vault.Names, in LoadResult) error {
	held, _, err := a.Vault.Load(ctx, names, 0)
	if errors.Is(err, vault.ErrOtherProvider) {
		return vaultFailure(err) // the account has moved since it was loaded
	}
	const cannotLook = "cannot look for an escrowed pair before another attempt"
	if err != nil && !mayReplay(info, in) {
		return temporal.NewApplicationError(cannotLook+": "+err.Error(), vaultNotReady)
	}
	if err != nil {
		// The replay window does not wait for the vault.
		a.Log.WarnContext(ctx, cannotLook, "account", in.Account.String(), "error", err)
		return nil
	}
	if held.Fingerprint == in.Provenance.Fingerprint || held.Generation < in.Provenance.Generation {
		return nil
	}
	return fail(GrantAdvanced, fmt.Errorf("the vault already holds generation %d of %s, so generation %d is not presented again", held.Generation, in.Account, in.Provenance.Generation))
}

// mayReplay reports whether the provider may still repeat what it answered to an
// earlier attempt of this call.
func mayReplay(info activity.Info, in LoadResult) bool {
	return info.Attempt > 1 && time.Since(info.ScheduledTime) < in.ReplayWindow
}

// callFailed counts and logs a failed call and returns the activity's failure.
func (a *Activities) callFailed(ctx context.Context, info activity.Info, in LoadResult, err error) error {
	f, ok := errors.AsType[*provider.Failure](err)
	if !ok {
		return temporal.NewApplicationError(fmt.Sprintf("%s: the call did not go through", in.Account.Provider), providerNotReady)
	}
	a.Metrics.Answered(ctx, in.Account.Provider, string(f.Kind))
	a.Log.WarnContext(ctx, "provider refused", "account", in.Account.String(), "generation", in.Provenance.Generation, "kind", string(f.Kind), "error", f)
	return refreshError(f, mayReplay(info, in))
}
