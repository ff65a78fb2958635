package workflows

import (
	"context"
	"fmt"
	"strings"
	"time"

	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"tokenkeeper/internal/incident"
)

// Fleet is the health of all accounts of a task queue, as Temporal knows it without any
// worker: from counts and from the open incidents, not from a list of the accounts.
type Fleet struct {
	Accounts      int            // crons that run or wait, and Schedules
	Health        map[Health]int // accounts by health: healthy, stuck, needs-consent, failed; healthy is what is left
	Overdue       int            // runs at work for longer than OverdueAfter
	OldestOverdue time.Time      // when the oldest of them began; zero for none
	NextConsent   time.Time      // the next end of a consent; zero for none that is known
	Incidents     []incident.State
}

// Visibility is the part of Temporal's client that counts and lists workflows.
type Visibility interface {
	CountWorkflow(context.Context, *workflowservice.CountWorkflowExecutionsRequest) (*workflowservice.CountWorkflowExecutionsResponse, error)
	ListWorkflow(context.Context, *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error)
	ScheduleClient() client.ScheduleClient
}

// ReadFleet reads the health of a task queue's accounts. It makes about ten requests,
// however many accounts there are, and more where many runs are overdue, where consents
// end within weeks, and for each 1,000 Schedules. Visibility lags behind what happens by
// up to a second or two.
func ReadFleet(ctx context.Context, v Visibility, taskQueue string, now time.Time) (Fleet, error) {
	r := &fleetReader{visibility: v, taskQueue: taskQueue, now: now}
	f := Fleet{Health: map[Health]int{}}
	for _, read := range []struct {
		what string
		do   func(context.Context, *Fleet) error
	}{
		{"count the accounts", r.accounts},
		{"find overdue runs", r.overdue},
		{"list open incidents", r.incidents},
		{"find the next end of a consent", r.consents},
	} {
		if err := read.do(ctx, &f); err != nil {
			return Fleet{}, fmt.Errorf("%s of task queue %s: %w", read.what, taskQueue, err)
		}
	}
	f.judge()
	return f, nil
}

// judge counts the accounts by health. The sum never exceeds Accounts: an account that
// two incidents name counts as the worse one.
func (f *Fleet) judge() {
	left := f.Accounts
	take := func(h Health, n int) {
		n = min(n, left)
		f.Health[h], left = n, left-n
	}
	affected := map[Health]int{}
	for _, i := range f.Incidents {
		switch {
		case i.Provider == "", i.Reason == incident.ConsentEnds: // the fleet's own; refreshed meanwhile
		case i.Reason == ReauthorizationRequired:
			affected[HealthNeedsConsent] += i.Accounts
		case i.Reason == LoadStuck, i.Reason == CallStuck, i.Reason == StoreStuck:
			affected[HealthStuck] += i.Accounts
		default:
			affected[HealthFailed] += i.Accounts
		}
	}
	take(HealthNeedsConsent, affected[HealthNeedsConsent])
	take(HealthFailed, affected[HealthFailed])
	take(HealthStuck, max(affected[HealthStuck], f.Overdue))
	f.Health[HealthGood] = left
}

const (
	// fleetPage is how many runs one listing returns, and where an answer is exact.
	fleetPage = 500
	// schedulePages bounds the listings of Schedules' runs, where a namespace has
	// Schedules of several task queues.
	schedulePages = 20
	// scheduledWithin is how recently such a Schedule must have run to count.
	scheduledWithin = 48 * time.Hour
)

// fleetReader makes the requests of one reading.
type fleetReader struct {
	visibility  Visibility
	taskQueue   string
	now         time.Time
	scheduleIDs map[string]bool // of the namespace's Schedules that refresh accounts
}

// accounts counts crons, which run or wait, and Schedules. A recovery that runs at the
// moment keeps no account alive; it began a moment ago, so it is on the first page of
// what is at work.
func (r *fleetReader) accounts(ctx context.Context, f *Fleet) error {
	const unscheduled = "ExecutionStatus = 'Running' AND TemporalScheduledById IS NULL"
	crons, err := r.count(ctx, r.runs(unscheduled))
	if err != nil {
		return err
	}
	atWork, err := r.list(ctx, r.runs(unscheduled+" AND ExecutionTime <= "+timestamp(r.now)), fleetPage)
	if err != nil {
		return err
	}
	for _, run := range atWork {
		if isRecovery(run) {
			crons--
		}
	}
	schedules, err := r.schedules(ctx)
	f.Accounts = max(0, crons) + schedules
	return err
}

// schedules counts those that refresh accounts over this task queue. Temporal lists a
// Schedule with the workflow's type and without its task queue, so where the namespace
// has Schedules of other queues as well, those of this one are known by their runs.
func (r *fleetReader) schedules(ctx context.Context) (int, error) {
	list, err := r.visibility.ScheduleClient().List(ctx, client.ScheduleListOptions{PageSize: 1000})
	if err != nil {
		return 0, err
	}
	r.scheduleIDs = map[string]bool{}
	for list.HasNext() {
		entry, err := list.Next()
		if err != nil {
			return 0, err
		}
		if entry.WorkflowType.Name == Type {
			r.scheduleIDs[entry.ID] = true
		}
	}
	if len(r.scheduleIDs) == 0 {
		return 0, nil
	}
	const scheduled = "WorkflowType = '" + Type + "' AND TemporalScheduledById IS NOT NULL"
	elsewhere, err := r.count(ctx, scheduled+" AND TaskQueue != "+quoted(r.taskQueue))
	if err != nil || elsewhere == 0 {
		return len(r.scheduleIDs), err
	}
	var page []byte
	here := map[string]bool{}
	for range schedulePages {
		answer, err := r.visibility.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Query: r.runs("TemporalScheduledById IS NOT NULL AND StartTime > " + timestamp(r.now.Add(-scheduledWithin))), PageSize: 1000, NextPageToken: page})
		if err != nil {
			return 0, err
		}
		for _, run := range answer.GetExecutions() {
			var id string
			if decodeAttribute(run, "TemporalScheduledById", &id); r.scheduleIDs[id] {
				here[id] = true
			}
		}
		if page = answer.GetNextPageToken(); len(page) == 0 {
			break
		}
	}
	return len(here), nil
}

// overdue counts the runs that are at work for too long, and finds when the oldest began.
// A cron's run begins at its ExecutionTime, which is after the cron's wait.
func (r *fleetReader) overdue(ctx context.Context, f *Fleet) (err error) {
	atWorkSince := func(t time.Time) string {
		return r.runs("ExecutionStatus = 'Running' AND ExecutionTime < " + timestamp(t))
	}
	limit := r.now.Add(-OverdueAfter)
	if f.Overdue, err = r.count(ctx, atWorkSince(limit)); err != nil || f.Overdue == 0 {
		return err
	}
	// Visibility on a database takes no ORDER BY, so the oldest of many is searched by
	// counts: at first by doubling the age until no run is as old, then by halving.
	younger, older := limit, limit
	for f.Overdue > fleetPage {
		older = r.now.Add(-2 * r.now.Sub(younger))
		n, err := r.count(ctx, atWorkSince(older))
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		if younger = older; n <= fleetPage {
			break
		}
	}
	for f.Overdue > fleetPage && younger.Sub(older) > max(time.Minute, r.now.Sub(older)/64) {
		middle := younger.Add(-younger.Sub(older) / 2)
		n, err := r.count(ctx, atWorkSince(middle))
		if err != nil {
			return err
		}
		if n == 0 {
			older = middle
		} else if younger = middle; n <= fleetPage {
			break
		}
	}
	oldest, err := r.list(ctx, atWorkSince(younger), fleetPage)
	if err != nil {
		return err
	}
	f.OldestOverdue = younger
	for _, run := range oldest {
		switch began := run.GetExecutionTime().AsTime(); {
		case isRecovery(run):
			f.Overdue--
		case began.Before(f.OldestOverdue):
			f.OldestOverdue = began
		}
	}
	if f.Overdue == 0 {
		f.OldestOverdue = time.Time{}
	}
	return nil
}

// incidents lists the open ones: at most one for each provider and reason.
func (r *fleetReader) incidents(ctx context.Context, f *Fleet) (err error) {
	f.Incidents, err = incident.ListOpen(ctx, r.visibility, r.taskQueue)
	return err
}

// isRecovery reports whether an operator's recovery runs, which keeps no account alive.
func isRecovery(run *workflowpb.WorkflowExecutionInfo) bool {
	return strings.HasSuffix(run.GetExecution().GetWorkflowId(), recoverySuffix)
}

// runs is a query for RefreshTokens on this task queue.
func (r *fleetReader) runs(and string) string {
	return "WorkflowType = '" + Type + "' AND TaskQueue = " + quoted(r.taskQueue) + " AND " + and
}

func (r *fleetReader) count(ctx context.Context, query string) (int, error) {
	answer, err := r.visibility.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Query: query})
	return int(answer.GetCount()), err
}

// list returns the first page, on which those that began last come first.
func (r *fleetReader) list(ctx context.Context, query string, size int32) ([]*workflowpb.WorkflowExecutionInfo, error) {
	answer, err := r.visibility.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query, PageSize: size})
	return answer.GetExecutions(), err
}

func timestamp(t time.Time) string { return "'" + t.UTC().Format(time.RFC3339Nano) + "'" }

// quoted is a text in a query. Temporal allows a quote in a task queue's name.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `\'`) + "'" }

// decodeAttribute leaves the value as it is where the run lacks the attribute.
func decodeAttribute(run *workflowpb.WorkflowExecutionInfo, name string, value any) {
	payload := run.GetSearchAttributes().GetIndexedFields()[name]
	if payload != nil {
		_ = converter.GetDefaultDataConverter().FromPayload(payload, value)
	}
}
