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
// waits sealed in the history. It fails for good for what is no call's result.
func (a *Activities) StoreSecrets(ctx context.Context, issued RefreshResult) (StoreResult, error) {
	ctx, stop := beat(ctx, nil)
	defer stop()
	issued = issued.Shown()
	info := activity.GetInfo(ctx)
	stored, err := a.store(ctx, issued, a.storeInTurn)
	switch {
	case isHeldBack(err):
		return StoreResult{}, err
	case err != nil:
		return StoreResult{}, a.laterStore(info, issued, storeError(err))
	}
	if err := a.checkComplete(issued, stored); err != nil {
		return StoreResult{}, err
	}
	outcome := "refreshed"
	if stored.Superseded {
		outcome = "superseded"
	}
	a.Metrics.Stored(ctx, issued.Account, outcome, toShow(issued.Issue, issued.Rests))
	return stored, nil
}

// store opens and stores a pair. begin comes in between: what cannot be opened needs no turn at
// the vault.
func (a *Activities) store(ctx context.Context, issued RefreshResult, begin func(context.Context, RefreshResult) error) (StoreResult, error) {
	if err := checkIssued(issued); err != nil {
		return StoreResult{}, err
	}
	info := activity.GetInfo(ctx)
	at, err := a.locate(info, issued.Account)
	if err != nil {
		return StoreResult{}, err
	}
	receipt, err := a.putPair(ctx, at.Names, issued, runOf(info), begin)
	if err != nil {
		return StoreResult{}, err
	}
	stored := StoreResult{
		Superseded:          receipt.Superseded,
		RefreshTokenVersion: receipt.RefreshTokenVersion,
		AccessTokenVersion:  receipt.AccessTokenVersion,
	}
	if stored.AccessTokenNewer = receipt.AccessTokenNewer; stored.Superseded && !stored.AccessTokenNewer {
		stored.AccessTokenVersion = ""
	}
	return stored, nil
}

// checkIssued fails for good where a result cannot be a call's: an operator can complete
// an activity with anything. That it belongs to its tokens shows when the envelope opens;
// its words are none of what decides.
func checkIssued(issued RefreshResult) error {
	p := issued.Provenance
	problem := ""
	switch {
	case !isAccount(issued.Account):
		problem = "names no account"
	case len(issued.Pair) == 0:
		problem = "has no sealed pair"
	case CheckProvenance(p) != "":
		problem = CheckProvenance(p)
	case issued.Rotated && (p.Generation == 0 || p.Parent == ""):
		problem = fmt.Sprintf("names no token that generation %d was issued for", p.Generation)
	}
	if problem == "" {
		return nil
	}
	return fail(UnexpectedResult, fmt.Errorf("the result of the call %s, so that it was not the call that ended it; nothing is stored", problem))
}

// checkComplete fails for good where an answer had a token that can be stored nowhere:
// the other one is stored, and nothing is left to retry.
func (a *Activities) checkComplete(issued RefreshResult, stored StoreResult) error {
	if issued.AccessProblem == "" && issued.RefreshProblem == "" || stored.Superseded {
		return nil
	}
	at, err := vault.Locate(a.Providers, issued.Account)
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
