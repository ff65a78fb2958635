package activities

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"tokenkeeper/internal/vault"
)

// Histories is where earlier runs can be read; client.Client implements it.
type Histories interface {
	ListWorkflow(ctx context.Context, request *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error)
	GetWorkflowHistory(ctx context.Context, workflowID, runID string, isLongPoll bool, filter enumspb.HistoryEventFilterType) client.HistoryEventIterator
}

// maxSearched bounds the histories that one recovery reads. Four runs a day make
// this about a month; a pair that was issued but not stored is in the last one
// or two.
const maxSearched = 120

// search reads the account's earlier runs, the latest first, for pairs that
// descend from the spent refresh token. It returns them newest generation first.
func search(ctx context.Context, histories Histories, self vault.Run, lost Lost) (found []Called, searched int, err error) {
	query := queryFor(self.WorkflowID, lost)
	var page []byte
	for {
		list, err := histories.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query, PageSize: maxSearched, NextPageToken: page})
		if err != nil {
			return nil, searched, err
		}
		for _, info := range list.GetExecutions() {
			execution := info.GetExecution()
			if execution.GetRunId() == self.RunID {
				continue
			}
			if searched++; searched > maxSearched {
				return newestFirst(found), maxSearched, nil
			}
			issued, err := issuedBy(ctx, histories, execution, lost.CallActivity)
			if err != nil {
				return nil, searched, err
			}
			for _, called := range issued {
				if descends(called, lost) {
					found = append(found, called)
				} else if called.Account == lost.Account && called.Provenance.Fingerprint == lost.Provenance.Fingerprint {
					return newestFirst(found), searched, nil // this run issued the spent token: all others are older
				}
			}
		}
		if page = list.GetNextPageToken(); len(page) == 0 {
			return newestFirst(found), searched, nil
		}
	}
}

// queryFor is the visibility query for an account's runs: those of the same
// workflow ID, the one that the intent record names, and, where the namespace
// can search for it, those of the same account. A Schedule gives every run a
// workflow ID of its own, so that the first alone would miss them.
func queryFor(workflowID string, lost Lost) string {
	runs := "WorkflowId = " + quote(workflowID)
	if lost.SpentBefore != "" {
		runs += " OR RunId = " + quote(lost.SpentBefore)
	}
	if lost.Searchable {
		runs += fmt.Sprintf(" OR (TokenAccount = %s AND TokenProvider = %s)", quote(lost.Account.Name), quote(lost.Account.Provider))
	}
	return "WorkflowType = 'RefreshTokens' AND (" + runs + ")"
}

// quote makes a string literal of the visibility query language. A server on
// SQL finds no text with a backslash, however it is quoted; doubled, it at least
// cannot end the literal.
func quote(s string) string { return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(s) + "'" }

// issuedBy reads what a run's call to the provider returned, from its history.
func issuedBy(ctx context.Context, histories Histories, run *commonpb.WorkflowExecution, callActivity string) ([]Called, error) {
	var issued []Called
	calls := map[int64]bool{} // the scheduled events of calls
	events := histories.GetWorkflowHistory(ctx, run.GetWorkflowId(), run.GetRunId(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			var gone *serviceerror.NotFound
			if errors.As(err, &gone) {
				return nil, nil // its retention ended since it was listed
			}
			return nil, err
		}
		if scheduled := event.GetActivityTaskScheduledEventAttributes(); scheduled.GetActivityType().GetName() == callActivity {
			calls[event.GetEventId()] = true
		}
		if completed := event.GetActivityTaskCompletedEventAttributes(); calls[completed.GetScheduledEventId()] {
			var called Called
			if err := converter.GetDefaultDataConverter().FromPayloads(completed.GetResult(), &called); err == nil {
				issued = append(issued, called)
			}
		}
	}
	return issued, nil
}

func newestFirst(found []Called) []Called {
	slices.SortStableFunc(found, func(a, b Called) int {
		return cmp.Compare(b.Provenance.Generation, a.Provenance.Generation)
	})
	return found
}
