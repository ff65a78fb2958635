package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

// terminatingClient is Temporal where something happens around a termination.
type terminatingClient struct {
	client.Client
	around func(ctx context.Context, terminate func(context.Context) error) error
}

func (c terminatingClient) TerminateWorkflow(ctx context.Context, workflowID, runID, reason string, details ...any) error {
	return c.around(ctx, func(ctx context.Context) error {
		return c.Client.TerminateWorkflow(ctx, workflowID, runID, reason, details...)
	})
}

// waitingCron starts the cron of an account whose runs last for a while.
func waitingCron(t *testing.T, app *temporalApp) target {
	t.Helper()
	account, err := newTarget(app.providers, "fitbit", "stubborn", "")
	require.NoError(t, err)
	_, err = app.startCron(t.Context(), account, "0 0 1 1 *", false)
	require.NoError(t, err)
	return account
}

func recovered(t *testing.T, app *temporalApp, account token.Account) bool {
	t.Helper()
	result, err := app.runResult(t.Context(), workflows.RecoveryID(account), "", true)
	if gone(err) {
		return false
	}
	require.NoError(t, err)
	return result.Result.Outcome == workflows.Recovered
}

// An operator wakes the run in the last moment, and the command is interrupted: by Ctrl-C, or
// by another account's error.
func TestAnInterruptedStopLooksForWhatTheRunWasIssued(t *testing.T) {
	var out quietWriter
	app := appIn(t, "stop-interrupted", &out)
	account := waitingCron(t, app)
	ctx, interrupt := context.WithCancel(t.Context())
	app.temporal = terminatingClient{app.temporal, func(ctx context.Context, terminate func(context.Context) error) error {
		_, err := app.requestRefresh(t.Context(), account)
		require.NoError(t, err)
		interrupt()
		return terminate(ctx)
	}}
	_, runID, err := app.endWorkflow(ctx, account.id, "starter stop")
	require.NoError(t, err)
	require.Empty(t, runID)
	require.True(t, recovered(t, app, account.Account))
}

// The command was killed, or the answer lost, between the termination and the look.
func TestARepeatedStopLooksForWhatAnEndedRunWasIssued(t *testing.T) {
	var out quietWriter
	app := appIn(t, "stop-repeated", &out)
	account := waitingCron(t, app)
	k := keeper{workflowID: account.id}
	app.temporal = terminatingClient{app.temporal, func(ctx context.Context, terminate func(context.Context) error) error {
		_, err := app.requestRefresh(t.Context(), account)
		require.NoError(t, err)
		require.NoError(t, terminate(ctx))
		return context.Canceled
	}}
	_, _, err := app.askToEnd(t.Context(), k)
	require.Error(t, err)
	require.False(t, recovered(t, app, account.Account))
	for range 2 { // once is enough
		did, ending, err := app.askToEnd(t.Context(), k)
		require.NoError(t, err)
		require.Equal(t, outcomeNotKept, did)
		require.Empty(t, ending)
		require.True(t, recovered(t, app, account.Account))
	}
	require.Equal(t, 1, strings.Count(out.text, "Looking for what it was issued."))
}

// A stop of all does not list any more what it has ended.
func TestARepeatedStopOfAllLooksForWhatAnEndedRunWasIssued(t *testing.T) {
	var out quietWriter
	app := appIn(t, "stop-all-repeated", &out)
	account := waitingCron(t, app)
	real := app.temporal
	app.temporal = terminatingClient{real, func(ctx context.Context, terminate func(context.Context) error) error {
		_, err := app.requestRefresh(t.Context(), account)
		require.NoError(t, err)
		require.NoError(t, terminate(ctx))
		return context.Canceled
	}}
	_, _, err := app.askToEnd(t.Context(), keeper{workflowID: account.id})
	require.Error(t, err)
	app.temporal = real
	awaitCount(t, app.temporal, "ExecutionStatus = 'Terminated' AND HistoryLength > 2", 1)
	require.NoError(t, app.mendAllEnded(t.Context(), "google-health"))
	require.False(t, recovered(t, app, account.Account))
	require.NoError(t, app.mendAllEnded(t.Context(), "fitbit"))
	require.True(t, recovered(t, app, account.Account))
}

// Temporal is busy, and the run's time comes before the answer: it would be met at its call.
func TestAStopTerminatesNoRunAtWork(t *testing.T) {
	var out quietWriter
	app := appIn(t, "stop-late", &out)
	account := waitingCron(t, app)
	s, err := app.present(t.Context(), account.id)
	require.NoError(t, err)
	s.Due = time.Now().Add(aboutToBegin + time.Second)
	app.temporal = terminatingClient{app.temporal, func(ctx context.Context, _ func(context.Context) error) error {
		until, ok := ctx.Deadline()
		require.True(t, ok)
		require.True(t, until.Before(s.Due.Add(-time.Second)), "the SDK tries again for ten seconds")
		<-ctx.Done()
		return ctx.Err()
	}}
	require.ErrorIs(t, app.terminateWaiting(t.Context(), s, "starter stop"), errNotInTime)
}

// Their runs wait for a vault that is away, which no cancellation ends.
func TestRunsAtWorkDoNotKeepOthersFromTheirSchedules(t *testing.T) {
	var out quietWriter
	app := appIn(t, "schedule-stuck", &out)
	app.taskQueue = "no-worker-polls-it"
	var all []listed
	for i := range maxConcurrent + 1 {
		all = append(all, listed{account: token.Account{Provider: "fitbit", Name: fmt.Sprintf("user-%d", i)}})
	}
	for i, l := range all {
		account, err := l.target(app.providers)
		require.NoError(t, err)
		_, err = app.startCron(t.Context(), account, "0 0 1 1 *", false)
		require.NoError(t, err)
		if i < maxConcurrent {
			_, err = app.requestRefresh(t.Context(), account)
			require.NoError(t, err)
		}
	}
	ctx, interrupt := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	timesOf := func(t target) timing { return timing{every: t.period(), jitter: time.Minute} }
	go func() { ended <- app.scheduleMany(ctx, all, app.providers, timesOf, false, false) }()
	last, err := all[maxConcurrent].target(provider.Builtin())
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		schedule, err := app.describeSchedule(t.Context(), last.scheduleID())
		running, runErr := app.running(t.Context(), last.id)
		return err == nil && schedule != nil && runErr == nil && running == ""
	}, 2*time.Minute, 50*time.Millisecond)
	interrupt()
	require.ErrorIs(t, <-ended, errInterrupted)
}
