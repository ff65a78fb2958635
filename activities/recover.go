package activities

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"tokenkeeper/internal/token"
)

// Where RecoverGrant found something better than a dead refresh token.
const (
	FoundInVault   = "vault"   // the vault has a newer one: load again
	FoundInHistory = "history" // an earlier run's history had one, and it is stored now
)

// RecoverInput asks for what is newer than a refresh token that is spent, or may be.
type RecoverInput struct {
	LoadResult
	// Dead: the token is known to be spent or dead. Without it the token may be alive, so
	// that only what is provably newer takes its place.
	Dead bool `json:"dead,omitempty"`
	// WorkflowIDs are those whose runs may have spent it; none means the ID of the
	// run that asks.
	WorkflowIDs []string `json:"workflowIds,omitempty"`
	// Rests is that of [RefreshResult].
	Rests bool `json:"rests,omitempty"`
}

// RecoverResult is what the recovery ladder led to.
type RecoverResult struct {
	Account token.Account `json:"account"`
	Found   string        `json:"found,omitempty"` // FoundInVault, FoundInHistory, or empty
	// Generation of what was found; zero where nothing was.
	Generation token.Generation `json:"generation,omitempty"`
	Searched   int              `json:"searched"` // the earlier runs that were read
	// Gone are the runs on the intent record that cannot be read: the namespace's
	// retention has deleted their histories, or no listing finds them.
	Gone []string `json:"gone,omitempty"`
	// MayEnd is until when a call of a closed run on the intent record may be in flight;
	// zero where none can be. One of a running run is, while its state is Calling.
	MayEnd time.Time `json:"mayEnd,omitzero"`
	// Callers are the runs on the intent record that could be read, the oldest first.
	Callers []Caller `json:"callers,omitempty"`
	// FoundIn is the run whose history held the pair. These are set for FoundInHistory.
	FoundIn string         `json:"foundIn,omitempty"`
	Called  *RefreshResult `json:"called,omitempty"`
	Stored  *StoreResult   `json:"stored,omitempty"`
}

// Caller is a run on the intent record, as its history shows it.
type Caller struct {
	RunID string      `json:"runId"`
	State CallerState `json:"state"`
	// Knows: the grant that it has loaded last names the run that asks among those that
	// may have spent it.
	Knows bool `json:"knows,omitempty"`
}

// CallerState says what a run on the intent record is at.
type CallerState string

const (
	Closed    CallerState = "closed"    // it presents nothing more
	Loading   CallerState = "loading"   // it runs, and loads the grant, for the first time or again
	Searching CallerState = "searching" // it runs, and has searched last, before or after a call
	Calling   CallerState = "calling"   // it runs, and its call is pending, for however long
	Called    CallerState = "called"    // it runs, and its call has ended
)

// RecoverGrant goes through the recovery ladder: first the vault's other versions,
// then the sealed pairs in the histories of the account's earlier runs. It never
// deletes or disables anything, and it never calls the provider.
func (a *Activities) RecoverGrant(ctx context.Context, lost RecoverInput) (RecoverResult, error) {
	info := activity.GetInfo(ctx)
	at, err := a.locate(info, lost.Account)
	if err != nil {
		return RecoverResult{}, err
	}
	ctx, stop := beat(ctx, nil)
	defer stop()
	run := runOf(info)
	promote := a.Vault.PromoteNewer
	if lost.Dead {
		promote = a.Vault.PromoteSuccessor
	}
	promoted, err := promote(ctx, at.Names, lost.Account, lost.Provenance, run)
	if err != nil {
		return RecoverResult{}, vaultFailure(err)
	}
	if promoted {
		held, _, err := a.Vault.Load(ctx, at.Names, 0)
		if err != nil {
			return RecoverResult{}, vaultFailure(err)
		}
		return RecoverResult{Account: lost.Account, Found: FoundInVault, Generation: held.Generation}, nil
	}
	search := search{histories: a.Temporal, self: run, lost: lost, query: a.queryFor(lost.Account, run.WorkflowID, lost.WorkflowIDs), read: map[string]bool{}}
	if err := search.run(ctx); err != nil {
		return RecoverResult{}, temporal.NewApplicationError(fmt.Sprintf("search the earlier runs of %s: %v", lost.Account, err), historyNotReady)
	}
	recovery := RecoverResult{Account: lost.Account, Searched: search.searched, Gone: search.gone, MayEnd: search.mayEnd, Callers: search.callers}
	newestFirst := func(a, b finding) int {
		return cmp.Compare(b.issued.Provenance.Generation, a.issued.Provenance.Generation)
	}
	for _, f := range slices.SortedStableFunc(slices.Values(search.found), newestFirst) {
		stored, err := a.store(ctx, f.issued, a.storeNow)
		if undecryptable(err) {
			a.Log.ErrorContext(ctx, "an earlier run holds a pair that no key opens", "account", lost.Account.String(), "generation", f.issued.Provenance.Generation, "error", err)
			continue
		}
		if err == nil {
			err = a.checkComplete(f.issued, stored)
		}
		if err != nil {
			return RecoverResult{}, err
		}
		a.Metrics.Stored(ctx, lost.Account, "recovered", toShow(f.issued.Issue, lost.Rests))
		recovery.Found, recovery.Generation, recovery.FoundIn, recovery.Called, recovery.Stored = FoundInHistory, f.issued.Provenance.Generation, f.runID, &f.issued, &stored
		return recovery, nil
	}
	return recovery, nil
}
