package main

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/timestamppb"

	"tokenkeeper/workflows"
)

// overdueRuns are runs that began one after the other.
func overdueRuns(n int) (runs []*workflowpb.WorkflowExecutionInfo) {
	for i := range n {
		runs = append(runs, &workflowpb.WorkflowExecutionInfo{
			Execution:     &commonpb.WorkflowExecution{WorkflowId: fmt.Sprintf("refresh-%d", i), RunId: fmt.Sprintf("run-%d", i)},
			ExecutionTime: timestamppb.New(time.Unix(int64(1000-i), 0)),
		})
	}
	return runs
}

func TestAProvidersOverdueRunsAreToldUpToABound(t *testing.T) {
	for _, c := range []struct {
		name              string
		runs, told, stuck int
		want              int
	}{
		{"one", 1, 0, 0, 1},
		{"none that was not told", 5, 5, 5, 0},
		{"some were told", 5, 3, 3, 2},
		{"a hundred thousand, and none knows yet", 500, 0, 0, 100},
		{"some know already", 500, 0, 60, 40},
		{"enough know, and these may have another cause", 500, 0, 100, 3},
		{"more than enough know", 500, 0, 9000, 3},
		{"one of them, while enough know", 1, 0, 100, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			told := map[string]time.Time{}
			for i := range c.told {
				told[fmt.Sprintf("run-%d", i)] = time.Now()
			}
			chosen := chooseOverdue(overdueRuns(c.runs), told, c.stuck)
			require.Len(t, chosen, c.want)
			for _, run := range chosen {
				require.NotContains(t, told, run.GetRunId())
			}
		})
	}
	require.Equal(t, "run-499", chooseOverdue(overdueRuns(500), nil, 0)[0].GetRunId(), "the longest at work comes first")
}

func TestOverdueRunsAreAskedForByWhatTheNamespaceHas(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	m := &overdueMonitor{taskQueue: "q", after: workflows.OverdueAfter}
	const plain = "WorkflowType = 'RefreshTokens' AND TaskQueue = 'q' AND ExecutionStatus = 'Running' AND ExecutionTime < '2026-11-26T11:50:00Z'"
	require.Equal(t, plain, m.overdue(now, nil))
	require.Equal(t, plain, m.overdue(now, []string{"fitbit"}), "without attributes no provider can be left out")
	m.attributes.Searchable = true
	require.Equal(t, plain+" AND (TokenHealth IS NULL OR TokenHealth != 'stuck')", m.overdue(now, nil))
	require.Equal(t, plain+" AND (TokenHealth IS NULL OR TokenHealth != 'stuck') AND (TokenProvider IS NULL OR TokenProvider != 'fitbit') AND TokenProvider IS NOT NULL",
		m.overdue(now, []string{"fitbit", ""}))
}

func TestToldRunsAreForgottenInTime(t *testing.T) {
	now := time.Now()
	m := &overdueMonitor{told: map[string]time.Time{"old": now.Add(-25 * time.Hour), "late": now.Add(-time.Hour)}}
	m.forget(now)
	require.Equal(t, map[string]time.Time{"late": now.Add(-time.Hour)}, m.told)
	for i := range rememberedRuns {
		m.told[fmt.Sprint(i)] = now
	}
	m.forget(now)
	require.Len(t, m.told, rememberedRuns)
	require.NotContains(t, m.told, "late", "the oldest goes first")
}

// oneIsFull is a server with three overdue runs, of which the longest at work has taken all
// the signals that a run may.
type oneIsFull struct {
	client.Client
	told []string
}

func (*oneIsFull) ListWorkflow(context.Context, *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	return &workflowservice.ListWorkflowExecutionsResponse{Executions: overdueRuns(3)}, nil
}

func (c *oneIsFull) SignalWorkflow(_ context.Context, _, runID, _ string, _ any) error {
	if runID == "run-2" {
		return serviceerror.NewInvalidArgument("exceeded workflow execution limit for signal events")
	}
	c.told = append(c.told, runID)
	return nil
}

func TestARunThatTakesNoSignalsKeepsNoOtherFromBeingTold(t *testing.T) {
	c := &oneIsFull{}
	m := &overdueMonitor{temporal: c, log: slog.New(slog.DiscardHandler)}
	m.check(t.Context())
	m.check(t.Context())
	require.Equal(t, []string{"run-1", "run-0"}, c.told)
}
