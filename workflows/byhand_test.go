package workflows_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"tokenkeeper/activities"
	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

// atServer is a run on a real server whose activities are stand-ins.
type atServer struct {
	client client.Client
	id     string
	run    client.WorkflowRun
}

// startAtServer starts a run; a stand-in is registered under its activity's name.
func startAtServer(t *testing.T, standIns map[string]any) atServer {
	t.Helper()
	c, err := client.Dial(client.Options{HostPort: shared.Temporal(t).Address(), Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler))})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	id := fmt.Sprintf("%s-%d", t.Name(), time.Now().UnixNano())
	w := worker.New(c, id, worker.Options{})
	w.RegisterWorkflowWithOptions((&workflows.Workflows{}).RefreshTokens, workflow.RegisterOptions{Name: workflows.Type})
	for name, f := range standIns {
		w.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
	}
	w.RegisterActivityWithOptions(func(context.Context, activities.AlertInput) error { return nil }, activity.RegisterOptions{Name: "Alert"})
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: id}, workflows.Type, workflows.Input{})
	require.NoError(t, err)
	return atServer{c, id, run}
}

// pending waits until the run waits for an activity, and returns its id.
func (s atServer) pending(t *testing.T, name string) (id string) {
	t.Helper()
	eventually(t, func() bool {
		d, err := s.client.DescribeWorkflowExecution(t.Context(), s.id, s.run.GetRunID())
		require.NoError(t, err)
		for _, p := range d.GetPendingActivities() {
			if p.GetActivityType().GetName() == name {
				id = p.GetActivityId()
			}
		}
		return id != ""
	})
	return id
}

func TestAServersRunWhoseLoadIsCompletedByHandEndsByName(t *testing.T) {
	for name, result := range map[string]any{"a number": 7, "an empty object": map[string]any{}, "nothing": nil, "another account's": loaded(will, 4)} {
		t.Run(name, func(t *testing.T) {
			s := startAtServer(t, map[string]any{"LoadSecrets": func(context.Context, activities.LoadInput) (activities.LoadResult, error) {
				return activities.LoadResult{}, forNowAfter(time.Hour)
			}})
			id := s.pending(t, "LoadSecrets")
			require.NoError(t, s.client.CompleteActivityByID(t.Context(), "default", s.id, s.run.GetRunID(), id, result, nil))
			requireFailure(t, s.run.Get(t.Context(), nil), activities.UnexpectedResult)
		})
	}
}

// A server cancels an activity between two attempts at once, so that a signal ends a
// wait of a day.
func TestAServersRunStartsOverWhenARefreshIsAskedFor(t *testing.T) {
	calls := make(chan struct{}, 10)
	account := token.Account{Provider: "fitbit", Name: "default"}
	s := startAtServer(t, map[string]any{
		"LoadSecrets": func(ctx context.Context, _ activities.LoadInput) (activities.LoadResult, error) {
			l := loaded(account, 4)
			l.RunID = activity.GetInfo(ctx).WorkflowExecution.RunID
			return l, nil
		},
		"CallFitbit": func(_ context.Context, in activities.LoadResult) (activities.RefreshResult, error) {
			calls <- struct{}{}
			if len(calls) == 1 {
				return activities.RefreshResult{}, forNowAfter(24 * time.Hour)
			}
			return issuedFor(in), nil
		},
		"StoreSecrets": func(context.Context, activities.RefreshResult) (activities.StoreResult, error) { return stored(), nil },
	})
	s.pending(t, "CallFitbit")
	began := time.Now()
	require.NoError(t, s.client.SignalWorkflow(t.Context(), s.id, "", workflows.RefreshNow, nil))
	require.NoError(t, s.run.Get(t.Context(), nil))
	require.Len(t, calls, 2)
	require.Less(t, time.Since(began), time.Hour, "not the day of its pause")

	cancelled := 0
	for events := s.client.GetWorkflowHistory(t.Context(), s.id, s.run.GetRunID(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); events.HasNext(); {
		event, err := events.Next()
		require.NoError(t, err)
		if event.GetEventType() == enumspb.EVENT_TYPE_ACTIVITY_TASK_CANCELED {
			cancelled++
		}
	}
	require.Equal(t, 1, cancelled)
}
