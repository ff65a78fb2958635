package workflows_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"tokenkeeper/internal/incident"
	"tokenkeeper/workflows"
)

// A run that reported and was terminated, or reset, never says that it is well: the
// incident finds that a later run went well, and only then.
func TestALaterGreenRunEndsWhatNoRunReports(t *testing.T) {
	t.Parallel()
	server := shared.Temporal(t)
	queue := fmt.Sprintf("over-%d", time.Now().UnixNano())
	c, err := client.Dial(client.Options{HostPort: server.Address(), Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler))})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	var failing atomic.Bool
	failing.Store(true)
	w := worker.New(c, queue, worker.Options{})
	w.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
		var fails bool
		if err := workflow.SideEffect(ctx, func(workflow.Context) any { return failing.Load() }).Get(&fails); err != nil || fails {
			return errors.Join(err, temporal.NewNonRetryableApplicationError("no", "InvalidClient", nil))
		}
		return nil
	}, workflow.RegisterOptions{Name: workflows.Type})
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	id := queue + "-will"
	run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: queue, CronSchedule: "@every 1s"}, workflows.Type)
	require.NoError(t, err)
	reporter := &incident.Reporter{Temporal: c, TaskQueue: queue}
	over := func(reason string, h incident.Holder) bool {
		over, err := reporter.Over(t.Context(), reason, h)
		require.NoError(t, err)
		return over
	}
	reported := incident.Holder{Workflow: id, Run: run.GetRunID()}
	present := func() (runID string) {
		described, err := c.DescribeWorkflowExecution(t.Context(), id, "")
		require.NoError(t, err)
		return described.GetWorkflowExecutionInfo().GetExecution().GetRunId()
	}
	require.False(t, over("CallStuck", reported), "it is at work, or waits")
	require.Eventually(t, func() bool { return present() != run.GetRunID() }, patience, 50*time.Millisecond)
	require.False(t, over("CallStuck", reported), "the run after it fails as well")
	require.False(t, over("CallStuck", incident.Holder{Workflow: id, Schedule: id + "-converted", Run: run.GetRunID()}), "it was a Schedule's before")
	failing.Store(false)
	require.Eventually(t, func() bool { return over("CallStuck", reported) }, patience, 50*time.Millisecond)
	require.False(t, over(incident.ConsentEnds, reported), "runs that go well report it")
	elsewhere := &incident.Reporter{Temporal: c, TaskQueue: "another-queue"}
	moved, err := elsewhere.Over(t.Context(), incident.ConsentEnds, reported)
	require.NoError(t, err)
	require.True(t, moved, "it was moved")
	require.NoError(t, c.TerminateWorkflow(t.Context(), id, "", "test"))
	require.True(t, over(incident.ConsentEnds, reported), "it was stopped")
	require.True(t, over("CallStuck", incident.Holder{Workflow: id + "-none"}))
}

// A reset copies the start of the run, so that the account of a run that follows a green one
// and is stuck would be well as soon as an operator resets it.
func TestAResetOfTheRunThatReportedFollowsNoGreenOne(t *testing.T) {
	t.Parallel()
	server := shared.Temporal(t)
	id := fmt.Sprintf("over-reset-%d", time.Now().UnixNano())
	c, err := client.Dial(client.Options{HostPort: server.Address(), Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler))})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	w := worker.New(c, id, worker.Options{})
	w.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
		if workflow.GetInfo(ctx).ContinuedExecutionRunID != "" { // the first one is green
			workflow.GetSignalChannel(ctx, "go on").Receive(ctx, nil)
		}
		return nil
	}, workflow.RegisterOptions{Name: workflows.Type})
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	first, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: id, CronSchedule: "@every 1s"}, workflows.Type)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.TerminateWorkflow(context.Background(), id, "", "the test is over") })
	after := func(run string) (present string) { // the run after another one, at work
		eventually(t, func() bool {
			described, err := c.DescribeWorkflowExecution(t.Context(), id, "")
			require.NoError(t, err)
			info := described.GetWorkflowExecutionInfo()
			present = info.GetExecution().GetRunId()
			return present != run && info.GetHistoryLength() >= 4
		})
		return present
	}
	reporter := &incident.Reporter{Temporal: c, TaskQueue: id}
	over := func(run string) bool {
		over, err := reporter.Over(t.Context(), workflows.StoreStuck, incident.Holder{Workflow: id, Run: run})
		require.NoError(t, err)
		return over
	}
	reset := func(run string) string {
		_, err := c.ResetWorkflowExecution(t.Context(), &workflowservice.ResetWorkflowExecutionRequest{Namespace: "default", RequestId: run,
			WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: id, RunId: run}, WorkflowTaskFinishEventId: 4})
		require.NoError(t, err)
		return after(run)
	}
	reported := after(first.GetRunID())
	require.True(t, over(first.GetRunID()), "the run after it would have reported itself")
	once := reset(reported)
	require.False(t, over(reported), "it is the same run once more")
	twice := reset(once)
	require.False(t, over(reported))
	require.False(t, over(once), "both are resets of one run")
	require.True(t, over(first.GetRunID()))
	require.NoError(t, c.SignalWorkflow(t.Context(), id, "", "go on", nil))
	after(twice)
	require.True(t, over(reported), "this one follows its end")
	require.True(t, over(once))
}

// A Schedule's runs are workflows of their own.
func TestAScheduleIsJudgedByItsNewestRun(t *testing.T) {
	t.Parallel()
	server := shared.Temporal(t)
	queue := fmt.Sprintf("over-schedule-%d", time.Now().UnixNano())
	c, err := client.Dial(client.Options{HostPort: server.Address(), Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler))})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	w := worker.New(c, queue, worker.Options{})
	w.RegisterWorkflowWithOptions(func(workflow.Context) error { return nil }, workflow.RegisterOptions{Name: workflows.Type})
	schedule, err := c.ScheduleClient().Create(t.Context(), client.ScheduleOptions{ID: queue, TriggerImmediately: true,
		Spec:   client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: 24 * time.Hour}}},
		Action: &client.ScheduleWorkflowAction{ID: queue + "-run", Workflow: workflows.Type, TaskQueue: queue}})
	require.NoError(t, err)
	reporter := &incident.Reporter{Temporal: c, TaskQueue: queue}
	held := incident.Holder{Workflow: queue + "-run-before", Schedule: queue, Run: "run-before"}
	over := func() bool {
		over, err := reporter.Over(t.Context(), "CallStuck", held)
		require.NoError(t, err)
		return over
	}
	require.False(t, over(), "no run has ended since")
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	require.Eventually(t, over, patience, 50*time.Millisecond)
	described, err := schedule.Describe(t.Context())
	require.NoError(t, err)
	newest := described.Info.RecentActions[0].StartWorkflowResult
	closed, err := reporter.Over(t.Context(), "CallStuck", incident.Holder{Workflow: newest.WorkflowID, Run: newest.FirstExecutionRunID})
	require.NoError(t, err)
	require.False(t, closed, "the report did not know that it was a Schedule's run, and no run has ended since")
	require.NoError(t, schedule.Delete(t.Context()))
	require.Eventually(t, over, patience, 50*time.Millisecond, "it was stopped")
}
