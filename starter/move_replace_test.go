package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"tokenkeeper/workflows"
)

// startingClient is Temporal where something happens around the start of a workflow.
type startingClient struct {
	client.Client
	around func(ctx context.Context, start func() error) error
}

func (c startingClient) ExecuteWorkflow(ctx context.Context, options client.StartWorkflowOptions, workflow any, args ...any) (run client.WorkflowRun, err error) {
	if options.TaskQueue != "shard-2" { // a recovery
		return c.Client.ExecuteWorkflow(ctx, options, workflow, args...)
	}
	err = c.around(ctx, func() error {
		run, err = c.Client.ExecuteWorkflow(ctx, options, workflow, args...)
		return err
	})
	return run, err
}

func (m *moving) cron(spec string) workflows.State {
	m.t.Helper()
	_, err := m.startCron(m.t.Context(), m.account, spec, false)
	require.NoError(m.t, err)
	s, err := m.present(m.t.Context(), m.account.id)
	require.NoError(m.t, err)
	return s
}

// A run that is woken in the last moment is terminated at work. What it was issued is
// copied though the operator has interrupted the move meanwhile.
func TestAnInterruptedMoveCopiesWhatTheReplacedRunWasIssued(t *testing.T) {
	m := newMoving(t, "move-interrupted", "endless")
	m.cron("0 0 1 1 *")
	ctx, interrupt := context.WithCancel(t.Context())
	m.temporal = startingClient{m.temporal, func(_ context.Context, start func() error) error {
		_, err := m.requestRefresh(t.Context(), m.account)
		require.NoError(t, err)
		err = start()
		m.spend("RT58-refresh-token")
		interrupt()
		return err
	}}
	_, _, err := m.mover.move(ctx, m.account)
	require.NoError(t, err)
	m.requireThere("RT58-refresh-token")
	require.Contains(t, m.out.text, "Looking for what it was issued.")
}

// A move that was killed right after the replacement is mended by the next one, once, which
// replaces nothing that is newer than the token that it had copied.
func TestAMoveThatWasKilledIsMendedByTheNextOne(t *testing.T) {
	m := newMoving(t, "move-replaced", "endless")
	s := m.cron("0 0 1 1 *")
	require.NoError(t, m.copyTokens(t.Context(), m.account))
	_, err := m.requestRefresh(t.Context(), m.account)
	require.NoError(t, err)
	options, err := m.options(t.Context(), m.account)
	require.NoError(t, err)
	options.TaskQueue, options.CronSchedule = "shard-2", s.Cron
	options.WorkflowIDConflictPolicy = enumspb.WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING
	_, err = m.temporal.ExecuteWorkflow(t.Context(), options, workflows.Type, s.Input)
	require.NoError(t, err)
	m.spend("RT58-refresh-token")
	m.requireThere("RT57-refresh-token")
	awaitCount(t, m.temporal, "ExecutionStatus = 'Terminated'", 1)

	m.mover.to.dryRun = true
	require.Equal(t, outcomeThere, m.move())
	m.requireThere("RT57-refresh-token")
	m.mover.to.dryRun = false
	require.Equal(t, outcomeThere, m.move())
	m.requireThere("RT58-refresh-token")
	require.Equal(t, outcomeThere, m.move())
	m.from.Put(m.account.Names.RefreshToken, "RT99-by-hand-token")
	m.to.Put(m.account.Names.RefreshToken, "RT90-consent-token")
	require.Equal(t, outcomeThere, m.move())
	m.requireThere("RT90-consent-token")
	require.Equal(t, 1, strings.Count(m.out.text, "Looking for what it was issued."))
}

// A replacement that lands after the run's time terminates it at work.
func TestAReplacementIsGivenUpBeforeTheRunBegins(t *testing.T) {
	m := newMoving(t, "move-in-time", "will")
	m.cron("@every 20s")
	var until time.Time
	var replaced workflows.State
	m.temporal = startingClient{m.temporal, func(ctx context.Context, start func() error) (err error) {
		until, _ = ctx.Deadline()
		replaced, err = m.present(t.Context(), m.account.id)
		require.NoError(t, err)
		return start()
	}}
	require.Equal(t, outcomeMoved, m.move())
	require.WithinRange(t, until, replaced.Due.Add(-aboutToBegin), replaced.Due.Add(-aboutToBegin/3))

	now := time.Now()
	require.Equal(t, now.Add(callTimeout), replaceUntil(workflows.State{Due: now.Add(time.Hour)}, now))
}

// One that was given up may have landed, or not: the move looks again.
func TestAReplacementWithoutAnAnswerIsLookedForAgain(t *testing.T) {
	for name, lands := range map[string]bool{"landed": true, "lost": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // each waits until shortly before the run
			m := newMoving(t, "move-"+name, "will")
			m.cron("@every 16s")
			tries := 0
			m.temporal = startingClient{m.temporal, func(ctx context.Context, start func() error) error {
				if tries++; tries > 1 {
					return start()
				}
				if lands {
					require.NoError(t, start())
				}
				<-ctx.Done()
				return ctx.Err()
			}}
			require.Equal(t, outcomeMoved, m.move())
			_, queue, err := m.locate(t.Context(), m.account)
			require.NoError(t, err)
			require.Equal(t, "shard-2", queue)
		})
	}
}
