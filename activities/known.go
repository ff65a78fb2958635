package activities

import (
	"context"
	"fmt"
	"slices"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

const (
	// maxClosedRuns bounds the closed runs that a load looks at.
	maxClosedRuns = 5
	// How long a load asks Temporal about other runs. Inside a replay window the token is
	// to be presented at once.
	historyTimeout       = 10 * time.Second
	historyTimeoutWindow = 2 * time.Second
	// historyPatience is how long a load waits for Temporal to say what other runs did,
	// where presenting a spent token ends the grant.
	historyPatience = 10 * time.Minute
)

// isOlder reports whether Temporal knows a later generation than a token of the vault.
// One of the same generation is another consent's, or a superseded pair's, and the
// vault is right about it.
func isOlder(held token.Generation, known Known) bool {
	return known != Known{} && held < known.Generation
}

// needsClosedRuns reports whether a load looks at the account's newest closed runs: where the
// workflow has no last result to say what Temporal knows, or the provider ends a grant
// whose spent token it sees again and the vault does not show what the last run stored.
// A cron's run after a good one never does.
func needsClosedRuns(loaded LoadResult, tagged bool, known Known) bool {
	switch {
	case !tagged || loaded.NonRotating || loaded.Behind:
		return false
	case known == Known{}:
		return true
	default:
		return loaded.Reuse == provider.RevokesGrant && loaded.Provenance.Fingerprint != known.Fingerprint
	}
}

// askTemporal has Temporal's knowledge correct what the vault says: which runs may have
// spent the token, and whether it is behind. Where Temporal does not answer soon, all
// runs stay suspects, and only a token that must not be presented twice has to wait.
func (a *Activities) askTemporal(ctx context.Context, in LoadInput, loaded *LoadResult, held vault.RefreshToken) error {
	info := activity.GetInfo(ctx)
	loaded.Behind = held.Tagged() && !loaded.NonRotating && isOlder(loaded.Provenance.Generation, in.Known)
	closedRuns := needsClosedRuns(*loaded, held.Tagged(), in.Known)
	if len(loaded.MayHaveSpent) == 0 && !closedRuns {
		return nil
	}
	now := time.Now()
	open := newTiming(*loaded, 1, now, progress{}, now).window(now).IsOpen(now)
	timeout := historyTimeout
	if open {
		timeout = historyTimeoutWindow
	}
	ask, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := a.dropInnocent(ask, loaded)
	if err == nil && closedRuns {
		loaded.Behind, err = a.issuedLater(ask, info, in, *loaded, held.Since())
	}
	switch {
	case err == nil:
		return nil
	case loaded.Reuse == provider.RevokesGrant && !open && time.Since(info.ScheduledTime) < historyPatience:
		return temporal.NewApplicationError(fmt.Sprintf("ask Temporal what earlier runs of %s did, before a token is presented that may be spent: %v", loaded.Account, err), historyNotReady)
	}
	a.Log.WarnContext(ctx, "Temporal does not say what earlier runs did", "account", loaded.Account.String(), "error", err)
	return nil
}

// dropInnocent removes the runs on the intent record that provably have not spent the
// token, so that they neither cost a search nor push out the one that has. Beside each of
// the others it puts the last time that it may have presented the token.
func (a *Activities) dropInnocent(ctx context.Context, loaded *LoadResult) error {
	var suspects []vault.Intent
	for i, intent := range loaded.MayHaveSpent {
		run, err := a.maySpend(ctx, intent.RunID, *loaded)
		if err != nil {
			loaded.MayHaveSpent = append(suspects, loaded.MayHaveSpent[i:]...)
			return err
		}
		switch {
		case run.over:
			// On the record, which has no word for it, the time is unknown.
			intent.At, intent.Over = time.Time{}, true
		case !run.first.IsZero() && run.first.Before(intent.At):
			intent.At = run.first // it has loaded the grant again since
		}
		if run.suspect {
			suspects = append(suspects, intent)
		}
		if run.suspect && !run.over && run.last.After(intent.At) {
			suspects = append(suspects, vault.Intent{RunID: intent.RunID, At: run.last})
		}
	}
	loaded.MayHaveSpent = suspects
	return nil
}

// firstOfEach leaves the first entry of each run, which is all that fits on the record.
// The others can be had from the histories again.
func firstOfEach(intents []vault.Intent) []vault.Intent {
	return slices.CompactFunc(slices.Clone(intents), func(a, b vault.Intent) bool { return a.RunID == b.RunID })
}

// spending is what a run may have done with a token.
type spending struct {
	suspect     bool      // it may have spent the token, or may yet
	first, last time.Time // when it may have presented it; zero where it is not known to have
	over        bool      // no answer to it can be had any more
}

// maySpend reads what a run may have done with the token. One that Temporal no longer has
// may have spent it.
func (a *Activities) maySpend(ctx context.Context, runID string, loaded LoadResult) (spending, error) {
	listed, _, err := listRuns(ctx, a.Temporal, "RunId = "+quote(runID), nil)
	if err != nil || len(listed) == 0 {
		return spending{suspect: true}, err
	}
	h, exists, err := readHistory(ctx, a.Temporal, listed[0].GetExecution(), wholeHistory, loaded.CallActivity)
	if err != nil || !exists {
		return spending{suspect: true}, err
	}
	if h.closed.IsZero() && !isRunning(listed[0]) {
		h.closed = listed[0].GetCloseTime().AsTime() // closed since its history was read
	}
	f := loaded.Provenance.Fingerprint
	run := spending{suspect: h.maySpend(f, h.closed.IsZero()), over: h.windowOver(f)}
	run.first, run.last = h.requests(f, time.Now())
	return run, nil
}

// issuedLater looks at the account's newest closed runs for a later token than the
// vault's: one that a completed run names, or one that another run was issued.
func (a *Activities) issuedLater(ctx context.Context, info activity.Info, in LoadInput, loaded LoadResult, since time.Time) (bool, error) {
	query := a.queryFor(loaded.Account, info.WorkflowExecution.ID, in.WorkflowIDs)
	listed, _, err := listRuns(ctx, a.Temporal, "("+query+") AND ExecutionStatus != 'Running'", nil)
	if err != nil {
		return false, err
	}
	for _, run := range listed[:min(len(listed), maxClosedRuns)] {
		h, _, err := a.readClosed(ctx, run.GetExecution(), run.GetStatus(), loaded.CallActivity)
		if err != nil {
			return false, err
		}
		if namesLater(h, loaded, since) {
			return true, nil
		}
	}
	return false, nil
}

// readClosed reads of a completed run its last event only, because its pair was stored then.
func (a *Activities) readClosed(ctx context.Context, run *commonpb.WorkflowExecution, status enumspb.WorkflowExecutionStatus, callActivity string) (history, bool, error) {
	filter := wholeHistory
	if status == enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED {
		filter = enumspb.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT
	}
	return readHistory(ctx, a.Temporal, run, filter, callActivity)
}

// namesLater reports whether a run's history names a later token than the loaded one,
// which there has been since the given time. A result that is older is another vault's,
// whose generations say nothing of this one's.
func namesLater(h history, loaded LoadResult, since time.Time) bool {
	return h.result.of(loaded.Account) && h.result.Generation > loaded.Provenance.Generation && (since.IsZero() || h.closed.After(since)) ||
		slices.ContainsFunc(h.issued, func(r RefreshResult) bool { return Descends(r, loaded) })
}
