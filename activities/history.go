package activities

import (
	"context"
	"errors"
	"slices"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// Histories is where earlier runs can be read; client.Client implements it.
type Histories interface {
	ListWorkflow(ctx context.Context, request *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error)
	GetWorkflowHistory(ctx context.Context, workflowID, runID string, isLongPoll bool, filter enumspb.HistoryEventFilterType) client.HistoryEventIterator
}

// listRuns lists runs of RefreshTokens by a condition of the visibility query language,
// those that run first, and then the one that closed last.
func listRuns(ctx context.Context, h Histories, condition string, page []byte) (listed []*workflowpb.WorkflowExecutionInfo, next []byte, err error) {
	list, err := h.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Query: "WorkflowType = 'RefreshTokens' AND (" + condition + ")", PageSize: maxSearched, NextPageToken: page,
	})
	return list.GetExecutions(), list.GetNextPageToken(), err
}

// history is what the events of a run show of its refreshes.
type history struct {
	issued []RefreshResult // what its calls returned
	calls  []*pastCall
	loads  map[int64]bool // by their scheduled events
	record []vault.Intent // those that may have spent the token, by the newest load that has ended
	last   string         // the name of the last activity that was scheduled
	result runResult      // zero where the run has not completed
	closed time.Time      // zero while it runs
}

// pastCall is a call in a history.
type pastCall struct {
	of        token.Fingerprint // the token that it presents; empty when unknown
	attempt   int32             // the last one
	scheduled time.Time
	ended     time.Time // zero while it is pending
	failure   string    // the type of the failure that ended it
	first     bool      // that failure says that no attempt before the last one has sent anything
}

// loadActivity is the activity whose result names the runs on the intent record.
const loadActivity = "LoadSecrets"

// wholeHistory is the filter that lets every event through.
const wholeHistory = enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT

// readHistory reads a run's history. exists is false where its retention has ended.
func readHistory(ctx context.Context, h Histories, run *commonpb.WorkflowExecution, filter enumspb.HistoryEventFilterType, callActivity string) (read history, exists bool, err error) {
	calls := map[int64]*pastCall{} // by their scheduled events
	read.loads = map[int64]bool{}
	events := h.GetWorkflowHistory(ctx, run.GetWorkflowId(), run.GetRunId(), false, filter)
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			if _, gone := errors.AsType[*serviceerror.NotFound](err); gone {
				return history{}, false, nil
			}
			return history{}, false, err
		}
		read.add(event, calls, callActivity)
	}
	return read, true, nil
}

func (h *history) add(event *historypb.HistoryEvent, calls map[int64]*pastCall, callActivity string) {
	at := event.GetEventTime().AsTime()
	if a := event.GetActivityTaskScheduledEventAttributes(); a != nil {
		name := a.GetActivityType().GetName()
		if name != "Alert" { // runs beside the others
			h.last = name
		}
		if name == loadActivity {
			h.loads[event.GetEventId()] = true
		}
		if name == callActivity {
			var in LoadResult
			_ = decode(a.GetInput(), &in) // another version's: its token is unknown
			calls[event.GetEventId()] = &pastCall{of: in.Provenance.Fingerprint, scheduled: at}
			h.calls = append(h.calls, calls[event.GetEventId()])
		}
	}
	if a := event.GetActivityTaskStartedEventAttributes(); calls[a.GetScheduledEventId()] != nil {
		calls[a.GetScheduledEventId()].attempt = a.GetAttempt()
	}
	if a := event.GetActivityTaskCompletedEventAttributes(); calls[a.GetScheduledEventId()] != nil {
		calls[a.GetScheduledEventId()].ended = at
		var issued RefreshResult
		if decode(a.GetResult(), &issued) == nil && CheckProvenance(issued.Provenance) == "" {
			h.issued = append(h.issued, issued.Shown())
		}
	}
	if a := event.GetActivityTaskCompletedEventAttributes(); h.loads[a.GetScheduledEventId()] {
		var loaded LoadResult
		_ = decode(a.GetResult(), &loaded) // another version's: it names no run
		h.record = loaded.MayHaveSpent
	}
	for id, failure := range map[int64]*failurepb.Failure{
		event.GetActivityTaskFailedEventAttributes().GetScheduledEventId():   event.GetActivityTaskFailedEventAttributes().GetFailure(),
		event.GetActivityTaskTimedOutEventAttributes().GetScheduledEventId(): nil,
		event.GetActivityTaskCanceledEventAttributes().GetScheduledEventId(): nil,
	} {
		if calls[id] != nil {
			var fix, answer string
			var marks refusalMarks
			_ = decodeAll(failure.GetApplicationFailureInfo().GetDetails(), &fix, &answer, &marks) // of another failure: no marks
			calls[id].ended, calls[id].failure, calls[id].first = at, failure.GetApplicationFailureInfo().GetType(), marks.First
		}
	}
	if slices.Contains(closing, event.GetEventType()) {
		h.closed = at
	}
	if a := event.GetWorkflowExecutionCompletedEventAttributes(); a != nil {
		_ = decode(a.GetResult(), &h.result) // of another workflow: names no token
	}
}

// closing are the events that end a run.
var closing = []enumspb.EventType{
	enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT,
	enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW,
}

// runResult is what a completed run's result says of the refresh token. The result is
// the workflow's, and no more of it is known here.
type runResult struct {
	Account     string            `json:"account"`
	Provider    string            `json:"provider"`
	Generation  token.Generation  `json:"generation"`
	Fingerprint token.Fingerprint `json:"fingerprint"`
}

// of reports whether the result names a token of the account.
func (r runResult) of(a token.Account) bool {
	return r.Account == a.Name && r.Provider == a.Provider && r.Fingerprint != "" && r.Generation <= MaxGeneration
}

func decode(payloads *commonpb.Payloads, into any) error { return decodeAll(payloads, into) }

func decodeAll(payloads *commonpb.Payloads, into ...any) error {
	return converter.GetDefaultDataConverter().FromPayloads(payloads, into...)
}

// neverSpent are the failures of a call's first attempt that prove that the token is
// not spent: nothing was sent, or the provider refused the client or the request.
var neverSpent = []string{
	InvalidInput, KeysetUnusable, UnexpectedResult, GrantOutdated, GrantAdvanced, GrantInDoubt, ForeignSecret,
	InvalidClient,
}

// maySpend reports whether the run may have spent a token, or may yet do so.
func (h history) maySpend(f token.Fingerprint, running bool) bool {
	return running || slices.ContainsFunc(h.calls, func(c *pastCall) bool { return c.maySpend(f) })
}

// requests are the first and the last time that the run may have presented a token: from
// when its first call was scheduled to the end of its last one or, of a pending one, the
// run's or now. They are zero where it has not.
func (h history) requests(f token.Fingerprint, now time.Time) (first, last time.Time) {
	for _, c := range h.calls {
		if !c.maySpend(f) {
			continue
		}
		if first.IsZero() || c.scheduled.Before(first) {
			first = c.scheduled
		}
		at := c.ended
		if at.IsZero() {
			at = h.closed
		}
		if at.IsZero() {
			at = now
		}
		if at.After(last) {
			last = at
		}
	}
	return first, last
}

// windowOver reports whether the run's last call of a token has waited for the end of each
// window that its requests may have opened, which ProbablyDead says; the second call of a
// run has left out its last seconds, for which the run itself has searched on. Otherwise
// each run of a dead grant would wait for the windows of those before it.
func (h history) windowOver(f token.Fingerprint) bool {
	for _, c := range slices.Backward(h.calls) {
		if c.of == f || c.of == "" {
			return !h.closed.IsZero() && c.failure == ProbablyDead
		}
	}
	return false
}

// maySpend reports whether the call may have spent a token. An unknown one may be it.
func (c *pastCall) maySpend(f token.Fingerprint) bool {
	return (c.of == f || c.of == "") && !c.spentNothing()
}

// spentNothing reports whether the call is proven to have spent nothing. Its number alone
// does not prove that an attempt was the first one, for an operator may have reset the
// activity; that it ended at once does as well.
func (c *pastCall) spentNothing() bool {
	first := c.first || c.attempt == 1 && c.ended.Sub(c.scheduled) < requestTimeout
	return !c.ended.IsZero() && first && slices.Contains(neverSpent, c.failure)
}

// knows reports whether the grant that the run has loaded last names another run among
// those that may have spent it.
func (h history) knows(runID string) bool {
	return slices.ContainsFunc(h.record, func(i vault.Intent) bool { return i.RunID == runID })
}

// state says what a run is at.
func (h history) state(callActivity string) CallerState {
	switch {
	case !h.closed.IsZero():
		return Closed
	case slices.ContainsFunc(h.calls, func(c *pastCall) bool { return c.ended.IsZero() }):
		return Calling
	case h.last == "RecoverGrant":
		return Searching
	case h.last == callActivity, h.last == "StoreSecrets":
		return Called
	default:
		return Loading
	}
}
