package activities_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/types/known/timestamppb"

	"tokenkeeper/activities"
	"tokenkeeper/internal/token"
)

var (
	noAnswer = serviceerror.NewUnavailable("the server does not answer")
	gone     = serviceerror.NewNotFound("no such activity execution")
)

// temporalServer answers completions and holds histories.
type temporalServer struct {
	// answer is the answer to the nth completion; nil means that all are taken.
	answer func(n int) error

	runs       []earlierRun // the latest first
	pending    []*workflowpb.PendingActivityInfo
	attributes map[string]*commonpb.Payload // search attributes of the run that asks
	listErr    error

	mu        sync.Mutex
	asked     int
	completed []activities.RefreshResult
	queries   []string
	read      []string // the runs whose histories were read
}

func (w *temporalServer) CompleteActivity(_ context.Context, _ []byte, result any, _ error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked++
	if w.answer != nil {
		if err := w.answer(w.asked); err != nil {
			return err
		}
	}
	w.completed = append(w.completed, result.(activities.RefreshResult))
	return nil
}

// always gives every completion the same answer.
func always(err error) func(int) error { return func(int) error { return err } }

func (w *temporalServer) last() activities.RefreshResult {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.completed[len(w.completed)-1]
}

func (w *temporalServer) timesAsked() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked
}

// earlierRun is a run that the server still knows, or once knew.
type earlierRun struct {
	id     string
	loads  []any // the results of further loads
	called []activities.RefreshResult
	err    error // of reading its history
	// elsewhere: its workflow is another than that of the account.
	elsewhere bool
	closed    bool
	completed any           // its result, where it has one
	ago       time.Duration // when it completed
	tried     []pastCall    // calls that returned nothing
	quiet     bool          // it has made no call at all
}

// pastCall is a call of an earlier run that has spent a token, or has tried to.
type pastCall struct {
	of      token.Fingerprint
	attempt int32
	failure string // empty while it is pending
	after   time.Duration
}

// onlyRun is the query for one run by its id.
var onlyRun = regexp.MustCompile(`\(RunId = '(.*)'\)$`)

func (w *temporalServer) ListWorkflow(_ context.Context, request *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queries = append(w.queries, request.Query)
	if w.listErr != nil {
		return nil, w.listErr
	}
	const perPage = 50 // fewer than asked for, as a server may
	from := 0
	if len(request.NextPageToken) > 0 {
		from = int(request.NextPageToken[0])
	}
	runs := w.runs
	if by := onlyRun.FindStringSubmatch(request.Query); by != nil {
		runs = slices.DeleteFunc(slices.Clone(runs), func(r earlierRun) bool { return r.id != by[1] })
	} else {
		runs = slices.DeleteFunc(slices.Clone(runs), func(r earlierRun) bool { return r.elsewhere })
	}
	if strings.Contains(request.Query, "ExecutionStatus != 'Running'") {
		runs = slices.DeleteFunc(slices.Clone(runs), func(r earlierRun) bool { return !r.closed })
	}
	page := runs[from:min(from+perPage, len(runs))]
	answer := &workflowservice.ListWorkflowExecutionsResponse{}
	for _, run := range page {
		info := &workflowpb.WorkflowExecutionInfo{Execution: &commonpb.WorkflowExecution{WorkflowId: "fitbit-token-refresh", RunId: run.id}}
		if run.closed {
			info.CloseTime, info.Status = timestamppb.Now(), enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED
		}
		if run.completed != nil {
			info.Status = enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED
		}
		answer.Executions = append(answer.Executions, info)
	}
	if next := from + len(page); next < len(runs) {
		answer.NextPageToken = []byte{byte(next)}
	}
	return answer, nil
}

func (w *temporalServer) GetWorkflowHistory(_ context.Context, _, runID string, _ bool, _ enumspb.HistoryEventFilterType) client.HistoryEventIterator {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.read = append(w.read, runID)
	run := w.runs[slices.IndexFunc(w.runs, func(r earlierRun) bool { return r.id == runID })]
	return &events{left: run.events(), err: run.err}
}

func (w *temporalServer) DescribeWorkflowExecution(context.Context, string, string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	if w.listErr != nil {
		return nil, w.listErr
	}
	return &workflowservice.DescribeWorkflowExecutionResponse{PendingActivities: w.pending,
		WorkflowExecutionInfo: &workflowpb.WorkflowExecutionInfo{SearchAttributes: &commonpb.SearchAttributes{IndexedFields: w.attributes}}}, nil
}

// anHourAgo is when earlier runs were at work.
var anHourAgo = timestamppb.New(time.Now().Add(-time.Hour))

// events is a history in which other activities surround the calls.
func (r earlierRun) events() []*historypb.HistoryEvent {
	var history []*historypb.HistoryEvent
	schedule := func(name string, result any) {
		payloads, err := converter.GetDefaultDataConverter().ToPayloads(result)
		if err != nil {
			panic(err)
		}
		id := int64(len(history) + 1)
		history = append(history,
			&historypb.HistoryEvent{EventId: id, EventTime: anHourAgo, Attributes: &historypb.HistoryEvent_ActivityTaskScheduledEventAttributes{
				ActivityTaskScheduledEventAttributes: &historypb.ActivityTaskScheduledEventAttributes{ActivityType: &commonpb.ActivityType{Name: name}}}},
			&historypb.HistoryEvent{EventId: id + 1, EventTime: anHourAgo, Attributes: &historypb.HistoryEvent_ActivityTaskCompletedEventAttributes{
				ActivityTaskCompletedEventAttributes: &historypb.ActivityTaskCompletedEventAttributes{ScheduledEventId: id, Result: payloads}}})
	}
	schedule("LoadSecrets", activities.LoadResult{Account: account})
	for _, l := range r.loads {
		schedule("LoadSecrets", l)
	}
	for _, c := range r.called {
		schedule("CallFitbit", c)
	}
	if len(r.tried) == 0 && !r.quiet {
		schedule("CallFitbit", "what another version of the program wrote")
		schedule("StoreSecrets", activities.StoreResult{})
	}
	for _, c := range r.tried {
		history = append(history, c.events(int64(len(history)+1))...)
	}
	if r.completed != nil {
		payloads, err := converter.GetDefaultDataConverter().ToPayloads(r.completed)
		if err != nil {
			panic(err)
		}
		history = append(history, &historypb.HistoryEvent{EventId: int64(len(history) + 1), EventTime: timestamppb.New(time.Now().Add(-r.ago)), EventType: enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED, Attributes: &historypb.HistoryEvent_WorkflowExecutionCompletedEventAttributes{
			WorkflowExecutionCompletedEventAttributes: &historypb.WorkflowExecutionCompletedEventAttributes{Result: payloads}}})
	}
	return history
}

func (c pastCall) events(id int64) []*historypb.HistoryEvent {
	input, err := converter.GetDefaultDataConverter().ToPayloads(activities.LoadResult{Account: account, Provenance: token.Provenance{Fingerprint: c.of}})
	if err != nil {
		panic(err)
	}
	scheduled := time.Now().Add(-time.Hour)
	pending := []*historypb.HistoryEvent{{EventId: id, EventTime: timestamppb.New(scheduled), Attributes: &historypb.HistoryEvent_ActivityTaskScheduledEventAttributes{
		ActivityTaskScheduledEventAttributes: &historypb.ActivityTaskScheduledEventAttributes{ActivityType: &commonpb.ActivityType{Name: "CallFitbit"}, Input: input}}}}
	if c.failure == "" {
		return pending
	}
	return append(pending,
		&historypb.HistoryEvent{EventId: id + 1, Attributes: &historypb.HistoryEvent_ActivityTaskStartedEventAttributes{
			ActivityTaskStartedEventAttributes: &historypb.ActivityTaskStartedEventAttributes{ScheduledEventId: id, Attempt: c.attempt}}},
		&historypb.HistoryEvent{EventId: id + 2, EventTime: timestamppb.New(scheduled.Add(c.after)), Attributes: &historypb.HistoryEvent_ActivityTaskFailedEventAttributes{
			ActivityTaskFailedEventAttributes: &historypb.ActivityTaskFailedEventAttributes{ScheduledEventId: id,
				Failure: temporal.GetDefaultFailureConverter().ErrorToFailure(temporal.NewNonRetryableApplicationError("refused", c.failure, nil))}}})
}

type events struct {
	left []*historypb.HistoryEvent
	err  error
}

func (e *events) HasNext() bool { return e.err != nil || len(e.left) > 0 }

func (e *events) Next() (*historypb.HistoryEvent, error) {
	if e.err != nil {
		return nil, e.err
	}
	next := e.left[0]
	e.left = e.left[1:]
	return next, nil
}

// measured counts what the activities measured.
type measured struct {
	mu       sync.Mutex
	answered []string
	durable  []string
	held     []string
	escrowed int
	stored   []string
	alerted  []string
	breakers []string
}

func (m *measured) Answered(_ context.Context, _, kind string) { m.add(&m.answered, kind) }

func (m *measured) Durable(_ context.Context, where string, after time.Duration) {
	if after < 0 || after > time.Minute {
		where = "at an impossible time"
	}
	m.add(&m.durable, where)
}

// durableIn is where each pair was durable first.
func (m *measured) durableIn() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.durable)
}

func (m *measured) HeldBack(_ context.Context, _, failure string) { m.add(&m.held, failure) }

func (m *measured) Escrowed(context.Context, string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.escrowed++
}

func (m *measured) Stored(_ context.Context, _ token.Account, outcome string, _ token.Issue) {
	m.add(&m.stored, outcome)
}

func (m *measured) Breaker(_ context.Context, provider string, open bool) {
	m.add(&m.breakers, fmt.Sprintf("%s %t", provider, open))
}

func (m *measured) Alerted(_ context.Context, _ token.Account, reason string) {
	m.add(&m.alerted, reason)
}

func (m *measured) add(list *[]string, what string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	*list = append(*list, what)
}
