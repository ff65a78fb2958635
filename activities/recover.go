package activities

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"tokenkeeper/internal/vault"
)

// Where RecoverGrant found something better than a dead refresh token.
const (
	FoundInVault   = "vault"   // the vault has a newer one: load again
	FoundInHistory = "history" // an earlier run's history had one, and it is stored now
)

// maxSearched bounds the histories that one recovery reads: about a month of four
// runs a day. A pair that was issued but not stored is in the last one or two.
const maxSearched = 120

// RecoverInput asks for what is newer than a refresh token that is spent, or may be.
type RecoverInput struct {
	LoadResult
	// Searchable: the namespace has the search attributes, so that runs of this account
	// under other workflow IDs are found too.
	Searchable bool `json:"searchable"`
	// WorkflowIDs are those whose runs may have spent it; none means the ID of the
	// run that asks.
	WorkflowIDs []string `json:"workflowIds,omitempty"`
}

// RecoverResult is what the recovery ladder led to.
type RecoverResult struct {
	Found    string `json:"found,omitempty"` // FoundInVault, FoundInHistory, or empty
	Searched int    `json:"searched"`        // the earlier runs that were read
	// Gone are the runs on the intent record that cannot be read: the namespace's
	// retention has deleted their histories, or no listing finds them.
	Gone []string `json:"gone,omitempty"`
	// MayEnd is until when a call of a run on the intent record may be in flight;
	// zero where none was found.
	MayEnd time.Time `json:"mayEnd,omitzero"`
	// FoundIn is the run whose history held the pair. These are set for FoundInHistory.
	FoundIn string         `json:"foundIn,omitempty"`
	Called  *RefreshResult `json:"called,omitempty"`
	Stored  *StoreResult   `json:"stored,omitempty"`
}

// RecoverGrant goes through the recovery ladder: first the vault's other versions,
// then the sealed pairs in the histories of the account's earlier runs. It never
// deletes or disables anything, and it never calls the provider.
func (a *Activities) RecoverGrant(ctx context.Context, lost RecoverInput) (RecoverResult, error) {
	at, err := a.locate(lost.Account)
	if err != nil {
		return RecoverResult{}, err
	}
	run := runOf(activity.GetInfo(ctx))
	promoted, err := a.Vault.PromoteSuccessor(ctx, at.Names, lost.Account, lost.Provenance, run)
	if err != nil {
		return RecoverResult{}, vaultFailure(err)
	}
	if promoted {
		return RecoverResult{Found: FoundInVault}, nil
	}
	search := search{histories: a.Temporal, self: run, lost: lost, read: map[string]bool{}}
	if err := search.run(ctx); err != nil {
		return RecoverResult{}, temporal.NewApplicationError(fmt.Sprintf("search the earlier runs of %s: %v", lost.Account, err), historyNotReady)
	}
	recovery := RecoverResult{Searched: search.searched, Gone: search.gone, MayEnd: search.mayEnd}
	newestFirst := func(a, b finding) int {
		return cmp.Compare(b.issued.Provenance.Generation, a.issued.Provenance.Generation)
	}
	for _, f := range slices.SortedStableFunc(slices.Values(search.found), newestFirst) {
		stored, err := a.store(ctx, f.issued)
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
		a.Metrics.Stored(ctx, lost.Account, "recovered", f.issued.Expiry)
		recovery.Found, recovery.FoundIn, recovery.Called, recovery.Stored = FoundInHistory, f.runID, &f.issued, &stored
		return recovery, nil
	}
	return recovery, nil
}

// Histories is where earlier runs can be read; client.Client implements it.
type Histories interface {
	ListWorkflow(ctx context.Context, request *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error)
	GetWorkflowHistory(ctx context.Context, workflowID, runID string, isLongPoll bool, filter enumspb.HistoryEventFilterType) client.HistoryEventIterator
}

// search reads the account's earlier runs for descendants of the spent refresh
// token: first the runs on the intent record, of any workflow, then all others, the
// latest first.
type search struct {
	histories Histories
	self      vault.Run
	lost      RecoverInput

	read     map[string]bool // by run id: whether its history exists
	searched int             // the histories that exist
	found    []finding
	gone     []string  // runs on the intent record that cannot be read
	mayEnd   time.Time // until when a call of a run on the intent record may be in flight
}

// finding is a descendant of the spent refresh token in the history of a run.
type finding struct {
	issued RefreshResult
	runID  string
}

func (s *search) run(ctx context.Context) error {
	for _, intent := range slices.Backward(s.lost.MayHaveSpent) {
		if intent.RunID == s.self.RunID {
			continue
		}
		if err := s.readIntentRun(ctx, intent.RunID); err != nil {
			return err
		}
	}
	for page := []byte(nil); ; {
		listed, next, err := s.list(ctx, queryFor(s.self.WorkflowID, s.lost), page)
		if err != nil {
			return err
		}
		for _, info := range listed {
			execution := info.GetExecution()
			if _, again := s.read[execution.GetRunId()]; again || execution.GetRunId() == s.self.RunID {
				continue
			}
			if len(s.read) == maxSearched {
				return nil
			}
			issuer, err := s.readRun(ctx, execution)
			if err != nil || issuer {
				return err
			}
		}
		if page = next; len(page) == 0 {
			return nil
		}
	}
}

// readIntentRun reads a run on the intent record.
func (s *search) readIntentRun(ctx context.Context, runID string) error {
	listed, _, err := s.list(ctx, "RunId = "+quote(runID), nil)
	if err != nil {
		return err
	}
	for _, info := range listed {
		if _, err := s.readRun(ctx, info.GetExecution()); err != nil {
			return err
		}
		lastAttempt := time.Now() // a run at work may begin one
		if info.GetCloseTime() != nil {
			lastAttempt = info.GetCloseTime().AsTime()
		}
		if end := lastAttempt.Add(MaxInFlight); end.After(s.mayEnd) {
			s.mayEnd = end
		}
	}
	if !s.read[runID] {
		s.gone = append(s.gone, runID)
	}
	return nil
}

func (s *search) list(ctx context.Context, query string, page []byte) (listed []*workflowpb.WorkflowExecutionInfo, next []byte, err error) {
	list, err := s.histories.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Query: "WorkflowType = 'RefreshTokens' AND (" + query + ")", PageSize: maxSearched, NextPageToken: page,
	})
	return list.GetExecutions(), list.GetNextPageToken(), err
}

// readRun reads one run's history, if it still exists. The run is the issuer where
// it was issued the spent token itself: all runs that ended before it are older.
func (s *search) readRun(ctx context.Context, run *commonpb.WorkflowExecution) (issuer bool, err error) {
	results, exists, err := s.issuedBy(ctx, run)
	if err != nil {
		return false, err
	}
	if exists && !s.read[run.GetRunId()] {
		s.searched++
	}
	s.read[run.GetRunId()] = exists
	for _, issued := range results {
		if descends(issued, s.lost) {
			s.found = append(s.found, finding{issued, run.GetRunId()})
		} else if issued.Account == s.lost.Account && issued.Provenance.Fingerprint == s.lost.Provenance.Fingerprint {
			issuer = true
		}
	}
	return issuer, nil
}

// issuedBy reads what a run's calls returned. exists is false where the history's
// retention has ended since it was listed.
func (s *search) issuedBy(ctx context.Context, run *commonpb.WorkflowExecution) (results []RefreshResult, exists bool, err error) {
	calls := map[int64]bool{} // the scheduled events of calls
	events := s.histories.GetWorkflowHistory(ctx, run.GetWorkflowId(), run.GetRunId(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			if _, gone := errors.AsType[*serviceerror.NotFound](err); gone {
				return nil, false, nil
			}
			return nil, false, err
		}
		if scheduled := event.GetActivityTaskScheduledEventAttributes(); scheduled.GetActivityType().GetName() == s.lost.CallActivity {
			calls[event.GetEventId()] = true
		}
		if completed := event.GetActivityTaskCompletedEventAttributes(); calls[completed.GetScheduledEventId()] {
			var issued RefreshResult
			if err := converter.GetDefaultDataConverter().FromPayloads(completed.GetResult(), &issued); err == nil {
				results = append(results, issued)
			}
		}
	}
	return results, true, nil
}

// descends reports whether an issued pair continues the line of the lost token.
func descends(issued RefreshResult, lost RecoverInput) bool {
	spent := lost.Provenance
	return issued.Account == lost.Account && issued.Rotated && !issued.ForOtherUser(lost.LoadResult) &&
		(issued.Provenance.Parent == spent.Fingerprint ||
			issued.Provenance.Consent == spent.Consent && issued.Provenance.Generation > spent.Generation)
}

// queryFor is the visibility query for an account's runs: by its workflow IDs and,
// where the namespace has them, by the search attributes. A Schedule gives every
// run another workflow ID, so that the IDs alone would miss its runs.
func queryFor(own string, lost RecoverInput) string {
	ids := lost.WorkflowIDs
	if len(ids) == 0 {
		ids = []string{own}
	}
	var runs []string
	for _, id := range ids {
		runs = append(runs, "WorkflowId = "+quote(id))
	}
	if lost.Searchable {
		runs = append(runs, fmt.Sprintf("(TokenAccount = %s AND TokenProvider = %s)", quote(lost.Account.Name), quote(lost.Account.Provider)))
	}
	return strings.Join(runs, " OR ")
}

// quote makes a string literal of the visibility query language. A server on
// SQL finds no text with a backslash, however it is quoted; doubled, it at least
// cannot end the literal.
func quote(s string) string { return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(s) + "'" }
