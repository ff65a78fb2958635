package main

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/provider"
	"tokenkeeper/workflows"
)

// appIn is a temporalApp in a namespace of its own, with the stand-in worker.
func appIn(t *testing.T, namespace string, out *quietWriter) *temporalApp {
	t.Helper()
	server := shared.Temporal(t)
	require.NoError(t, createNamespace(t.Context(), server, namespace))
	c, err := client.Dial(client.Options{HostPort: server.Address(), Namespace: namespace, Logger: quiet{}})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	w := newStandIn(c)
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	app := &temporalApp{temporal: c, address: server.Address(), namespace: namespace, taskQueue: "token-refresh", providers: provider.Builtin(), ended: &endedAccounts{},
		printer: printer{out: out, notes: out, warnings: out}}
	app.attributes = app.askOnceForAttributes()
	return app
}

type quietWriter struct{ text string }

func (w *quietWriter) Write(p []byte) (int, error) { w.text += string(p); return len(p), nil }

// Between the look at a cron that waits and its termination, a refresh-now may begin its
// run. What that run was issued is then looked for.
func TestStopLooksForWhatARunWasIssuedThatBeganMeanwhile(t *testing.T) {
	var out quietWriter
	app := appIn(t, "stop-race", &out)
	target, err := newTarget(app.providers, "fitbit", "endless", "")
	require.NoError(t, err)
	_, err = app.startCron(t.Context(), target, "0 0 1 1 *", false)
	require.NoError(t, err)
	seen, err := app.present(t.Context(), target.id)
	require.NoError(t, err)
	require.True(t, waits(seen, seen.Created))

	// An operator wakes it after the look.
	_, err = app.requestRefresh(t.Context(), target)
	require.NoError(t, err)
	require.NoError(t, app.terminateWaiting(t.Context(), seen, "test"))
	require.Contains(t, out.text, "A run of fitbit/endless began while it was ended. Looking for what it was issued.")
	recovery, err := app.runResult(t.Context(), workflows.RecoveryID(target.Account), "", true)
	require.NoError(t, err)
	require.Equal(t, workflows.Recovered, recovery.Result.Outcome)
}

// A run that has not begun ends without one, and leaves nothing to look for.
func TestStopEndsAWaitingRunWithoutBeginningIt(t *testing.T) {
	var out quietWriter
	app := appIn(t, "stop-waiting", &out)
	target, err := newTarget(app.providers, "fitbit", "will", "")
	require.NoError(t, err)
	_, err = app.startCron(t.Context(), target, "0 0 1 1 *", false)
	require.NoError(t, err)
	seen, err := app.present(t.Context(), target.id)
	require.NoError(t, err)
	ended, runID, err := app.endWorkflow(t.Context(), target.id, "test")
	require.NoError(t, err)
	require.Equal(t, seen.RunID, ended.RunID)
	require.Empty(t, runID, "there is nothing to wait for")
	result, err := app.runResult(t.Context(), target.id, seen.RunID, true)
	require.NoError(t, err)
	require.Equal(t, workflows.Terminated, result.Failure.Type)
	described, err := app.temporal.DescribeWorkflowExecution(t.Context(), workflows.RecoveryID(target.Account), "")
	require.True(t, gone(err), "%v", described)
	require.NotContains(t, out.text, "Looking for")
}

// scheduled has the Schedule of an account start a run where no worker is: it stays at work.
func keptBySchedule(t *testing.T, app *temporalApp) (k keeper, trigger func()) {
	t.Helper()
	app.taskQueue = "without-a-worker"
	will, err := newTarget(app.providers, "fitbit", "will", "")
	require.NoError(t, err)
	_, err = app.createSchedule(t.Context(), will, timing{every: 10000 * time.Hour}, 0)
	require.NoError(t, err)
	handle := app.temporal.ScheduleClient().GetHandle(t.Context(), will.scheduleID())
	return keeper{workflowID: will.id, scheduleID: will.scheduleID()}, func() {
		require.NoError(t, handle.Trigger(t.Context(), client.ScheduleTriggerOptions{}))
		require.Eventually(t, func() bool {
			described, err := handle.Describe(t.Context())
			return err == nil && len(described.Info.RunningWorkflows) > 0
		}, patience, 20*time.Millisecond)
	}
}

// A stop that was killed while it waited for a Schedule's run finds that run again: revoke
// must not go on while it may hold a pair.
func TestAStopThatWasKilledFindsTheScheduleOfTheRunAtWork(t *testing.T) {
	var out quietWriter
	app := appIn(t, "stop-killed", &out)
	k, trigger := keptBySchedule(t, app)
	trigger()
	for range 2 { // the first one is killed
		did, ending, err := app.askToEnd(t.Context(), k)
		require.NoError(t, err)
		require.Equal(t, outcomeStopped, did)
		require.Len(t, ending, 1)
		k.ending = ending
	}
	schedule, err := app.describeSchedule(t.Context(), k.scheduleID)
	require.NoError(t, err)
	require.True(t, schedule.Schedule.State.Paused, "it starts nothing more")

	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	app.warnOfPaused(ctx, k)
	require.Contains(t, out.text, "repeat the command to delete them")

	ended := make(chan error, 1)
	go func() { ended <- app.awaitEnds(t.Context(), k) }()
	require.NoError(t, app.temporal.TerminateWorkflow(t.Context(), k.ending[0].workflowID, "", "stands for its end"))
	require.NoError(t, <-ended)
	found, err := app.findKept(t.Context(), k)
	require.NoError(t, err)
	require.Nil(t, found.schedule)
	did, ending, err := app.askToEnd(t.Context(), k)
	require.NoError(t, err)
	require.Equal(t, outcomeNotKept, did)
	require.Empty(t, ending)
}

func TestAStopFindsTheRunThatBeginsBeforeItsScheduleIsPaused(t *testing.T) {
	var out quietWriter
	app := appIn(t, "stop-pauses", &out)
	k, trigger := keptBySchedule(t, app)
	app.temporal = lateClient{Client: app.temporal, pauses: trigger}
	_, ending, err := app.askToEnd(t.Context(), k)
	require.NoError(t, err)
	require.Len(t, ending, 1)
	found, err := app.findKept(t.Context(), k)
	require.NoError(t, err)
	require.NotNil(t, found.schedule)
}
