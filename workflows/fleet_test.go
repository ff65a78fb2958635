package workflows_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/types/known/timestamppb"

	"tokenkeeper/internal/incident"
	"tokenkeeper/workflows"
)

// fleet is a task queue whose runs no worker takes, so that they stay as they are started.
type fleet struct {
	t      *testing.T
	client client.Client
	queue  string
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	c, err := shared.Temporal(t).Dial()
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return &fleet{t, c, fmt.Sprintf("fleet's-%d", time.Now().UnixNano())}
}

// start starts a run of the queue, which is terminated after the test.
func (f *fleet) start(id string, o client.StartWorkflowOptions, workflow string) client.WorkflowRun {
	f.t.Helper()
	o.ID, o.TaskQueue = f.queue+"-"+id, f.queue
	run, err := f.client.ExecuteWorkflow(f.t.Context(), o, workflow)
	require.NoError(f.t, err)
	f.t.Cleanup(func() {
		_ = f.client.TerminateWorkflow(context.WithoutCancel(f.t.Context()), o.ID, "", "the test is over")
	})
	return run
}

const newYear = "0 0 1 1 *"

// cron starts an account's cron, which waits.
func (f *fleet) cron(id string, consentEnds time.Time) client.WorkflowRun {
	f.t.Helper()
	o := client.StartWorkflowOptions{CronSchedule: newYear}
	if !consentEnds.IsZero() {
		o.TypedSearchAttributes = temporal.NewSearchAttributes(workflows.TokenConsentEnds.ValueSet(consentEnds))
	}
	return f.start(id, o, workflows.Type)
}

// atWork starts an account's run that is at work.
func (f *fleet) atWork(id string) client.WorkflowRun {
	f.t.Helper()
	return f.start(id, client.StartWorkflowOptions{}, workflows.Type)
}

func (f *fleet) incident(provider, reason string, accounts int) {
	f.t.Helper()
	f.start("incident-"+provider+reason, client.StartWorkflowOptions{Memo: map[string]any{
		incident.Memo: incident.State{Provider: provider, Reason: reason, Accounts: accounts}}}, incident.Type)
}

// schedule makes a Schedule for an account, and has it start its workflow once.
func (f *fleet) schedule(id, workflow string) {
	f.t.Helper()
	handle, err := f.client.ScheduleClient().Create(f.t.Context(), client.ScheduleOptions{
		ID: f.queue + "-" + id, Paused: true, TriggerImmediately: true,
		Action: &client.ScheduleWorkflowAction{ID: f.queue + "-" + id, TaskQueue: f.queue, Workflow: workflow}})
	require.NoError(f.t, err)
	f.t.Cleanup(func() {
		ctx := context.WithoutCancel(f.t.Context())
		_ = handle.Delete(ctx)
		list, _ := f.client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Query: fmt.Sprintf("TemporalScheduledById = '%s' AND ExecutionStatus = 'Running'", handle.GetID())})
		for _, run := range list.GetExecutions() {
			_ = f.client.TerminateWorkflow(ctx, run.GetExecution().GetWorkflowId(), run.GetExecution().GetRunId(), "the test is over")
		}
	})
}

func (f *fleet) read(now time.Time) workflows.Fleet {
	f.t.Helper()
	got, err := workflows.ReadFleet(f.t.Context(), f.client, f.queue, now)
	require.NoError(f.t, err)
	return got
}

// reads waits for visibility, which lags behind.
func (f *fleet) reads(now time.Time, want workflows.Fleet) {
	f.t.Helper()
	require.EventuallyWithT(f.t, func(t *assert.CollectT) {
		got, err := workflows.ReadFleet(f.t.Context(), f.client, f.queue, now)
		require.NoError(t, err)
		require.Equal(t, want.Accounts, got.Accounts, "accounts")
		require.Equal(t, want.Health, got.Health)
		require.Equal(t, want.Overdue, got.Overdue, "overdue")
		require.WithinDuration(t, want.OldestOverdue, got.OldestOverdue, time.Second, "the oldest overdue")
		require.WithinDuration(t, want.NextConsent, got.NextConsent, time.Second, "the next end of a consent")
		require.ElementsMatch(t, want.Incidents, got.Incidents)
	}, patience, 50*time.Millisecond)
}

func health(good, stuck, consent, failed int) map[workflows.Health]int {
	return map[workflows.Health]int{workflows.HealthGood: good, workflows.HealthStuck: stuck, workflows.HealthNeedsConsent: consent, workflows.HealthFailed: failed}
}

func TestAFleetWithoutAccountsIsEmpty(t *testing.T) {
	f := newFleet(t)
	f.reads(time.Now(), workflows.Fleet{Health: health(0, 0, 0, 0)})
}

func TestAFleetsHealthIsWhatTemporalKnowsWithoutAnyWorker(t *testing.T) {
	f := newFleet(t)
	for i := range 6 {
		f.cron(fmt.Sprint("cron-", i), time.Time{})
	}
	f.atWork("at-work")
	f.atWork("will--recover")
	f.schedule("scheduled", workflows.Type)
	f.schedule("another-workflow's", "SomethingElse")
	f.incident("fitbit", workflows.ReauthorizationRequired, 2)
	f.incident("oura", "InvalidClient", 1)
	f.incident("oura", workflows.CallStuck, 1)
	f.incident("oura", "ConsentEnds", 3)
	f.incident("", "KeysetChanged", 1)
	incidents := []incident.State{
		{Provider: "fitbit", Reason: workflows.ReauthorizationRequired, Accounts: 2},
		{Provider: "oura", Reason: "InvalidClient", Accounts: 1},
		{Provider: "oura", Reason: workflows.CallStuck, Accounts: 1},
		{Provider: "oura", Reason: "ConsentEnds", Accounts: 3},
		{Reason: "KeysetChanged", Accounts: 1},
	}
	f.reads(time.Now(), workflows.Fleet{Accounts: 8, Health: health(4, 1, 2, 1), Incidents: incidents})

	began := time.Now()
	later := began.Add(time.Hour)
	eventually(t, func() bool { return f.read(later).Overdue == 2 }) // the run and the Schedule's; waiting crons and the recovery are not
	got := f.read(later)
	require.WithinDuration(t, began, got.OldestOverdue, patience)
	require.Equal(t, health(3, 2, 2, 1), got.Health)
}

// Temporal lists a Schedule without the task queue of what it starts.
func TestSchedulesOfAnotherQueueAreNotCounted(t *testing.T) {
	f, other := newFleet(t), newFleet(t)
	f.schedule("scheduled", workflows.Type)
	other.schedule("one", workflows.Type)
	other.schedule("two", workflows.Type)
	f.reads(time.Now(), workflows.Fleet{Accounts: 1, Health: health(1, 0, 0, 0)})
	other.reads(time.Now(), workflows.Fleet{Accounts: 2, Health: health(2, 0, 0, 0)})
}

func TestTheNextEndOfAConsentIsTheNewestRunsWord(t *testing.T) {
	f := newFleet(t)
	now := time.Now().UTC().Truncate(time.Second)
	in := func(days int) time.Time { return now.AddDate(0, 0, days) }
	end := func(run client.WorkflowRun) {
		require.NoError(t, f.client.TerminateWorkflow(t.Context(), run.GetID(), run.GetRunID(), "an earlier run"))
	}
	end(f.cron("consented-anew", in(2)))
	f.cron("consented-anew", in(180))
	end(f.cron("ended", in(3)))
	end(f.cron("waits", in(20)))
	f.cron("waits", time.Time{}) // a cron's next run knows nothing before it begins
	f.cron("over", in(-1))
	f.reads(now, workflows.Fleet{Accounts: 3, Health: health(3, 0, 0, 0), NextConsent: in(20)})
}

func TestANamespaceWithoutTheAttributeHasNoEndOfAConsent(t *testing.T) {
	f := newFleet(t)
	f.client = newCluster(t, false).client
	f.cron("one", time.Time{})
	f.reads(time.Now(), workflows.Fleet{Accounts: 1, Health: health(1, 0, 0, 0)})
}

func TestAFleetThatCannotBeReadIsAnError(t *testing.T) {
	f := newFleet(t)
	f.client.Close()
	_, err := workflows.ReadFleet(t.Context(), f.client, f.queue, time.Now())
	require.ErrorContains(t, err, "count the accounts of task queue "+f.queue)
}

// ages stands in for a server whose runs at work began so long ago: a real one cannot be
// told when they did.
type ages struct {
	client.Client // for Schedules, of which there are none
	now           time.Time
	began         []time.Time
	requests      int
}

var olderThan = regexp.MustCompile(`ExecutionTime < '([^']+)'`)

func (a *ages) matching(query string) (found []time.Time) {
	a.requests++
	limit := a.now
	if m := olderThan.FindStringSubmatch(query); m != nil {
		limit, _ = time.Parse(time.RFC3339Nano, m[1])
	}
	for _, began := range a.began {
		if began.Before(limit) && !strings.Contains(query, "TokenConsentEnds") && !strings.Contains(query, incident.Type) {
			found = append(found, began)
		}
	}
	return found
}

func (a *ages) CountWorkflow(_ context.Context, r *workflowservice.CountWorkflowExecutionsRequest) (*workflowservice.CountWorkflowExecutionsResponse, error) {
	return &workflowservice.CountWorkflowExecutionsResponse{Count: int64(len(a.matching(r.GetQuery())))}, nil
}

// ListWorkflow returns those that began last first, as the server does.
func (a *ages) ListWorkflow(_ context.Context, r *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	found := a.matching(r.GetQuery())
	slices.SortFunc(found, func(a, b time.Time) int { return b.Compare(a) })
	answer := &workflowservice.ListWorkflowExecutionsResponse{}
	for _, began := range found[:min(len(found), int(r.GetPageSize()))] {
		answer.Executions = append(answer.Executions, &workflowpb.WorkflowExecutionInfo{ExecutionTime: timestamppb.New(began), Execution: &commonpb.WorkflowExecution{WorkflowId: "fitbit-token-refresh"}})
	}
	return answer, nil
}

func TestTheOldestOfManyOverdueRunsIsFoundByFewRequests(t *testing.T) {
	now := time.Now()
	schedules := newFleet(t).client
	for name, tc := range map[string]struct {
		young, old int // runs that are 20 minutes old, and so old as the oldest
		oldest     time.Duration
	}{
		"one page":           {400, 1, 5 * time.Hour},
		"a few old ones":     {30_000, 3, 5 * time.Hour},
		"all of one age":     {30_000, 0, 20 * time.Minute},
		"many old ones":      {10_000, 20_000, 90 * time.Hour},
		"one for two years":  {100_000, 1, 2 * 365 * 24 * time.Hour},
		"many for two years": {10, 5_000, 2 * 365 * 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			a := &ages{Client: schedules, now: now}
			for range tc.young {
				a.began = append(a.began, now.Add(-20*time.Minute))
			}
			for range tc.old {
				a.began = append(a.began, now.Add(-tc.oldest))
			}
			got, err := workflows.ReadFleet(t.Context(), a, "token-refresh", now)
			require.NoError(t, err)
			require.Equal(t, tc.young+tc.old, got.Overdue)
			require.InDelta(t, tc.oldest.Seconds(), now.Sub(got.OldestOverdue).Seconds(), max(60, tc.oldest.Seconds()/32))
			require.LessOrEqual(t, a.requests, 40)
			t.Logf("%d requests", a.requests)
		})
	}
}
