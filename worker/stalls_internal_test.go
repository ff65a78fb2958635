package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/config"
)

// uncounted is a client that cannot count.
type uncounted struct{ client.Client }

func (uncounted) CountWorkflow(context.Context, *workflowservice.CountWorkflowExecutionsRequest) (*workflowservice.CountWorkflowExecutionsResponse, error) {
	return nil, errors.New("away")
}

func (uncounted) ListWorkflow(context.Context, *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	return nil, errors.New("away")
}

// gauge keeps the last value of each cause.
type gauge map[string]int

func (g gauge) Stalled(_ context.Context, cause string, runs int) { g[cause] = runs }

func TestAnIncidentIsLoggedOnceRemindedAndEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		shown := gauge{}
		m := &stallMonitor{temporal: uncounted{}, namespace: "default", metrics: shown, log: slog.New(slog.NewTextHandler(&out, nil)), incidents: map[stall]incident{}}
		lines := func() (errorLines, healed int) {
			errorLines, healed = strings.Count(out.String(), "level=ERROR"), strings.Count(out.String(), "no run stands still any more")
			out.Reset()
			return errorLines, healed
		}
		seen := func(stalls ...stall) {
			found := map[stall]incident{}
			for _, s := range stalls {
				found[s] = incident{example: &commonpb.WorkflowExecution{WorkflowId: "refresh-1"}, runs: 2}
			}
			m.report(t.Context(), found, 10)
			m.measure(t.Context())
		}
		requireLines := func(wantErrors, wantHealed int, when string) {
			t.Helper()
			errorLines, healed := lines()
			require.Equal(t, []int{wantErrors, wantHealed}, []int{errorLines, healed}, when)
		}
		attribute := stall{cause: badSearchAttribute}
		gone := func(build string) stall {
			return stall{cause: noWorker, version: config.Deployment{Name: "keeper", BuildID: build}, by: pinned}
		}

		seen()
		requireLines(0, 0, "nothing stands still")
		require.Equal(t, gauge{"search_attribute": 0, "non_determinism": 0, "workflow_task_failed": 0, "workflow_task_timed_out": 0, "no_worker": 0, "backlog": 0}, shown)
		seen(attribute)
		requireLines(1, 0, "the first check that finds it")
		time.Sleep(time.Minute)
		seen(attribute, gone("v1"), gone("v2"))
		requireLines(2, 0, "two others begin")
		require.Equal(t, 4, shown["no_worker"])
		time.Sleep(remindEvery - time.Minute)
		seen(attribute, gone("v1"), gone("v2"))
		requireLines(1, 0, "the first one is reminded")
		seen(gone("v2"))
		requireLines(0, 2, "two are over")
		require.Equal(t, 0, shown["search_attribute"])
		seen(gone("v2"), attribute)
		requireLines(1, 0, "one is back")
	})
}

func TestACheckThatFailsIsLoggedOnceAndChangesNothing(t *testing.T) {
	var out bytes.Buffer
	shown := gauge{}
	open := map[stall]incident{{cause: noWorker}: {example: &commonpb.WorkflowExecution{WorkflowId: "refresh-1"}, runs: 1}}
	m := &stallMonitor{temporal: uncounted{}, namespace: "default", metrics: shown, log: slog.New(slog.NewTextHandler(&out, nil)), incidents: open}
	m.check(t.Context())
	m.check(t.Context())
	require.Equal(t, 1, strings.Count(out.String(), "cannot see whether runs stand still"))
	require.NotContains(t, out.String(), "any more")
	require.Len(t, m.incidents, 1)
}

func TestHeartbeatsAreSentAsTheyAreRecorded(t *testing.T) {
	const recorded = time.Second // the pause between two
	options := workerOptions(config.Worker{})
	require.Less(t, options.MaxHeartbeatThrottleInterval, recorded)
	require.NotZero(t, options.MaxHeartbeatThrottleInterval)
	require.Less(t, options.DefaultHeartbeatThrottleInterval, recorded)
	require.NotZero(t, options.DefaultHeartbeatThrottleInterval)
}
