package activities_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tokenkeeper/activities"
	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/internal/vault"
)

// stuck is a refresh that calls until it is signalled, and alerts then.
func stuck(ctx workflow.Context) (activities.AlertResult, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: activities.CallTimeout, HeartbeatTimeout: 15 * time.Second,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 1.5},
	})
	var loaded activities.LoadResult
	if err := workflow.ExecuteActivity(ctx, "LoadSecrets", activities.LoadInput{Account: account}).Get(ctx, &loaded); err != nil {
		return activities.AlertResult{}, err
	}
	workflow.ExecuteActivity(ctx, "CallFitbit", loaded)
	workflow.GetSignalChannel(ctx, "alert").Receive(ctx, nil)
	var alert activities.AlertResult
	err := workflow.ExecuteActivity(ctx, "Alert", activities.AlertInput{Account: account, Reason: "CallStuck", Message: "Fitbit gives no usable answer."}).Get(ctx, &alert)
	return alert, err
}

// startStuck runs the workflow stuck.
func (c *cluster) startStuck() client.WorkflowRun {
	c.t.Helper()
	run, err := c.client.ExecuteWorkflow(c.t.Context(), client.StartWorkflowOptions{ID: c.TaskQueue(), TaskQueue: c.TaskQueue()}, stuck)
	require.NoError(c.t, err)
	c.t.Cleanup(func() { _ = c.client.TerminateWorkflow(c.t.Context(), run.GetID(), run.GetRunID(), "by the test") })
	return run
}

// pendingCall waits for a run's pending call to be as a condition wants.
func (c *cluster) pendingCall(run client.WorkflowRun, is func(*workflowpb.PendingActivityInfo) bool) (call *workflowpb.PendingActivityInfo) {
	c.t.Helper()
	eventually(c.t, func() bool {
		described, err := c.client.DescribeWorkflowExecution(c.t.Context(), run.GetID(), run.GetRunID())
		require.NoError(c.t, err)
		for _, p := range described.GetPendingActivities() {
			if call = p; p.GetActivityType().GetName() == "CallFitbit" && is(p) {
				return true
			}
		}
		return false
	})
	return call
}

func (c *cluster) alerted(run client.WorkflowRun) (alert activities.AlertResult) {
	c.t.Helper()
	require.NoError(c.t, c.client.SignalWorkflow(c.t.Context(), run.GetID(), run.GetRunID(), "alert", nil))
	require.NoError(c.t, run.Get(c.t.Context(), &alert))
	return alert
}

// The provider has committed, and its gateway asks for a wait that outlasts the window.
func TestAServerRetriesWithinTheReplayWindowAndKeepsWhenItOpened(t *testing.T) {
	c := newCluster(t)
	require.NoError(t, c.Provider.Inject(authserver.Fault{Commit: true, Answer: authserver.Status, Status: 503, RetryAfter: authserver.Duration(time.Hour)}))
	began := time.Now()
	run := c.startStuck()
	call := c.pendingCall(run, func(p *workflowpb.PendingActivityInfo) bool { return p.GetLastFailure() != nil })
	ended := call.GetLastAttemptCompleteTime().AsTime()
	pause := call.GetNextAttemptScheduleTime().AsTime().Sub(ended)
	require.LessOrEqual(t, pause, time.Minute)
	require.GreaterOrEqual(t, pause, time.Minute-ended.Sub(began), "half of what is left")
	require.WithinRange(t, firstRequest(t, call.GetHeartbeatDetails()), began, time.Now())
	require.Zero(t, c.sent.lastWordsAlone(), "its failure took the words along")

	require.Contains(t, c.alerted(run).Message, "Fitbit gives no usable answer. The last failure of CallFitbit, before attempt 2: provider: refresh at fitbit: unavailable (503 Service Unavailable")
}

func TestTheLastWordsComeWithAFailureThatIsSentMoreThanOnce(t *testing.T) {
	c := newCluster(t)
	c.sent.refuseWhere(func(request any, nth int) bool {
		_, failed := request.(*workflowservice.RespondActivityTaskFailedRequest)
		return failed && nth <= 2
	})
	require.NoError(t, c.Provider.Inject(authserver.Fault{Commit: true, Answer: authserver.Status, Status: 503, RetryAfter: authserver.Duration(time.Hour)}))
	run := c.startStuck()
	call := c.pendingCall(run, func(p *workflowpb.PendingActivityInfo) bool { return p.GetLastFailure() != nil })
	require.NotZero(t, firstRequest(t, call.GetHeartbeatDetails()))
	require.Equal(t, 3, c.sent.of(&workflowservice.RespondActivityTaskFailedRequest{}))
}

func firstRequest(t *testing.T, details *commonpb.Payloads) (first time.Time) {
	t.Helper()
	var told map[string]any
	require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(details, &told))
	first, err := time.Parse(time.RFC3339Nano, told["first"].(string))
	require.NoError(t, err)
	return first
}

// whileCalling waits for what is looked for at a call that its provider keeps waiting, and has
// the provider answer then. On a machine that is starved the call may be given up before that;
// then there is another try.
func whileCalling(t *testing.T, begun func(*cluster, client.WorkflowRun), is func(*workflowpb.PendingActivityInfo) bool) (c *cluster, run client.WorkflowRun) {
	t.Helper()
	for range 3 {
		c = newCluster(t)
		require.NoError(t, c.Provider.Inject(authserver.Fault{Hold: true}))
		run = c.startStuck()
		eventually(t, func() bool { return c.Provider.Held("") == 1 })
		begun(c, run)
		var isOver bool
		eventually(t, func() bool {
			described, err := c.client.DescribeWorkflowExecution(t.Context(), run.GetID(), run.GetRunID())
			require.NoError(t, err)
			for _, p := range described.GetPendingActivities() {
				if p.GetActivityType().GetName() == "CallFitbit" {
					isOver = p.GetAttempt() > 1
					return isOver || is(p)
				}
			}
			isOver = true
			return true
		})
		if !isOver && c.Provider.Release("") == 1 {
			return c, run
		}
	}
	require.FailNow(t, "each call was over before")
	return c, run
}

// Only heartbeats hold an attempt for longer than their time-out, so that one follows another.
func TestACallThatIsAtItIsNotGivenUp(t *testing.T) {
	var beats map[time.Time]bool
	c, run := whileCalling(t, func(*cluster, client.WorkflowRun) { beats = map[time.Time]bool{} }, func(p *workflowpb.PendingActivityInfo) bool {
		if p.GetHeartbeatDetails() != nil {
			require.NotZero(t, firstRequest(t, p.GetHeartbeatDetails()))
			beats[p.GetLastHeartbeatTime().AsTime()] = true
		}
		return len(beats) == 3
	})
	called := result[activities.RefreshResult](c, run, "CallFitbit")
	require.Equal(t, c.Provider.Audit(testenv.UserOf("")).Live, called.Provenance.Fingerprint)
	require.Equal(t, 1, c.Provider.Stats().Total.Calls[authserver.Token])
}

// A heartbeat tells the worker of the cancellation while the provider has the request.
func TestACallThatLearnsOfItsCancellationKeepsThePair(t *testing.T) {
	var requested time.Time
	cancelled := func(c *cluster, run client.WorkflowRun) {
		requested = time.Time{}
		require.NoError(t, c.client.CancelWorkflow(t.Context(), run.GetID(), run.GetRunID()))
	}
	c, run := whileCalling(t, cancelled, func(p *workflowpb.PendingActivityInfo) bool {
		if requested.IsZero() && p.GetState() == enumspb.PENDING_ACTIVITY_STATE_CANCEL_REQUESTED {
			requested = time.Now()
		}
		return !requested.IsZero() && p.GetLastHeartbeatTime().AsTime().After(requested)
	})
	called := result[activities.RefreshResult](c, run, "CallFitbit")
	require.Equal(t, c.Provider.Audit(testenv.UserOf("")).Live, called.Provenance.Fingerprint)
}

func TestAServerTellsThatACallIsPaused(t *testing.T) {
	c := newCluster(t)
	require.NoError(t, c.Provider.Inject(authserver.Fault{Answer: authserver.Status, Status: 502, Times: authserver.EveryTime}))
	run := c.startStuck()
	call := c.pendingCall(run, func(p *workflowpb.PendingActivityInfo) bool { return p.GetLastFailure() != nil })
	_, err := c.client.WorkflowService().PauseActivity(t.Context(), &workflowservice.PauseActivityRequest{
		Namespace: "default", Execution: &commonpb.WorkflowExecution{WorkflowId: run.GetID(), RunId: run.GetRunID()},
		Activity: &workflowservice.PauseActivityRequest_Id{Id: call.GetActivityId()},
	})
	require.NoError(t, err)
	c.pendingCall(run, (*workflowpb.PendingActivityInfo).GetPaused)
	require.Contains(t, c.alerted(run).Message, "CallFitbit is paused; let it go on: temporal activity unpause --workflow-id "+run.GetID()+" --activity-id "+call.GetActivityId()+".")
}

func TestALoadBelievesAServersHistoriesRatherThanTheVault(t *testing.T) {
	t.Run("a terminated run was issued a pair", func(t *testing.T) {
		run, loaded := believing(t, func(loaded activities.LoadResult) bool { return loaded.Behind }, func() (*cluster, client.WorkflowRun) {
			c, run, _ := issued(t, "")
			c.listed(run)
			return c, run
		})
		require.Equal(t, []string{run.GetRunID(), run.GetRunID()}, runsOf(loaded), "its first and its last request")
		require.True(t, loaded.MayHaveSpent[0].At.Before(loaded.MayHaveSpent[1].At))
	})
	t.Run("a run whose client was refused has spent nothing", func(t *testing.T) {
		_, loaded := believing(t, func(loaded activities.LoadResult) bool { return len(loaded.MayHaveSpent) == 0 }, func() (*cluster, client.WorkflowRun) {
			c := newCluster(t)
			require.NoError(t, c.Provider.Inject(authserver.Fault{Answer: authserver.InvalidClient}))
			run := c.start("", nil)
			require.ErrorContains(t, run.Get(t.Context(), nil), activities.InvalidClient)
			eventually(t, func() bool { return c.closed(run) })
			return c, run
		})
		require.False(t, loaded.Behind)
	})
}

// believing is a load that was told of an earlier run. It does without where a window is open
// and a server that is starved does not answer in two seconds; then there is another try.
func believing(t *testing.T, is func(activities.LoadResult) bool, earlier func() (*cluster, client.WorkflowRun)) (run client.WorkflowRun, loaded activities.LoadResult) {
	t.Helper()
	for range 3 {
		var c *cluster
		c, run = earlier()
		if loaded = result[activities.LoadResult](c, c.start("", nil), "LoadSecrets"); is(loaded) {
			return run, loaded
		}
	}
	require.FailNow(t, "no load believed the server", "%+v", loaded)
	return run, loaded
}

// closed reports whether the server lists a run as closed.
func (c *cluster) closed(run client.WorkflowRun) bool {
	list, err := c.client.ListWorkflow(c.t.Context(), &workflowservice.ListWorkflowExecutionsRequest{
		Query: "RunId = '" + run.GetRunID() + "' AND ExecutionStatus != 'Running'"})
	return err == nil && len(list.GetExecutions()) == 1
}

func TestASearchSaysWhatAServersRunsAreAt(t *testing.T) {
	c := newCluster(t)
	require.NoError(t, c.Provider.Inject(authserver.Fault{Hold: true}))
	run := c.start("", nil)
	loaded := result[activities.LoadResult](c, run, "LoadSecrets")
	eventually(t, func() bool { return c.Provider.Held("") == 1 })
	lost := activities.RecoverInput{LoadResult: loaded}
	lost.MayHaveSpent = []vault.Intent{{RunID: run.GetRunID()}}
	eventually(t, func() bool { return c.isListed(run) })

	var recovery activities.RecoverResult
	require.NoError(t, c.start("-search", &lost).Get(t.Context(), &recovery))
	require.Equal(t, []activities.Caller{{RunID: run.GetRunID(), State: activities.Calling}}, recovery.Callers)
	require.Zero(t, recovery.MayEnd, "it is in flight for as long as it is pending")

	ends := time.Now()
	c.terminate(run)
	require.NoError(t, c.start("-search", &lost).Get(t.Context(), &recovery))
	require.Equal(t, []activities.Caller{{RunID: run.GetRunID(), State: activities.Closed}}, recovery.Callers, "the listing may not show it yet")
	require.WithinRange(t, recovery.MayEnd, ends.Add(activities.MaxInFlight), time.Now().Add(activities.MaxInFlight))
	c.Provider.Release("")
}

// isListed reports whether the server lists a run at all.
func (c *cluster) isListed(run client.WorkflowRun) bool {
	list, err := c.client.ListWorkflow(c.t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Query: "RunId = '" + run.GetRunID() + "'"})
	return err == nil && len(list.GetExecutions()) == 1
}
