package campaign

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	sdk "go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"tokenkeeper/activities"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/workflows"
)

// On a real server: what is done by hand shows in a run's history, also after a reset,
// and a run whose id no answer has named is found.
func TestAnEndByHandIsToldFromOneThatIsNot(t *testing.T) {
	temporal, err := testenv.OwnTemporal(t).Dial()
	require.NoError(t, err)
	t.Cleanup(temporal.Close)
	w := worker.New(temporal, "by-hand", worker.Options{})
	w.RegisterWorkflowWithOptions(func(ctx workflow.Context, in workflows.Input) error {
		if in.Account == "alone" {
			return errNothing
		}
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
		var loaded activities.LoadResult
		if err := workflow.ExecuteActivity(ctx, loadSecrets).Get(ctx, &loaded); err != nil {
			return err
		}
		return sdk.NewNonRetryableApplicationError("", activities.UnexpectedResult, nil)
	}, workflow.RegisterOptions{Name: workflows.Type})
	w.RegisterActivityWithOptions(func() error { return activity.ErrResultPending }, activity.RegisterOptions{Name: loadSecrets})
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)

	target := &workflowTarget{&campaign{temporal: temporal}}
	o := &operator{workflowTarget: target}
	end := func(id, account string, command Operation) ending {
		t.Helper()
		f, runs := &flow{id: id}, 1
		run, err := temporal.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: "by-hand"}, workflows.Type, workflows.Input{Account: account})
		require.NoError(t, err)
		if command != "" {
			require.Eventually(t, func() bool { return o.do(t.Context(), command, f) == nil }, 10*time.Second, 100*time.Millisecond)
		}
		require.Error(t, run.Get(t.Context(), nil))
		if command != "" {
			runs++
			require.NoError(t, o.do(t.Context(), ResetToLastTask, f))
			require.Error(t, temporal.GetWorkflow(t.Context(), id, "").Get(t.Context(), nil))
		}
		f.runs = nil // as if no answer had come
		require.Eventually(t, func() bool {
			require.NoError(t, target.findRuns(t.Context(), f))
			return len(f.known()) == runs
		}, 10*time.Second, 100*time.Millisecond)
		e, err := target.endOf(t.Context(), id, f.known()[0])
		require.NoError(t, err)
		for _, run := range f.known() {
			again, err := target.endOf(t.Context(), id, run)
			require.NoError(t, err)
			require.Equal(t, []any{e.how, e.byHand}, []any{again.how, again.byHand}, "a reset keeps it")
		}
		return e
	}
	for _, tc := range []struct {
		account string
		command Operation
		how     string
		byHand  bool
	}{
		{"failed", FailActivity, workflows.Unexplained, true},
		{"completed", CompleteActivityEmpty, activities.UnexpectedResult, true},
		{"alone", "", workflows.Unexplained, false},
	} {
		e := end("by-hand-"+tc.account, tc.account, tc.command)
		require.Equal(t, tc.byHand, e.byHand, tc.account)
		require.Equal(t, tc.how, e.how, tc.account)
		require.Equal(t, tc.byHand, e.explained(), tc.account)
		require.WithinDuration(t, time.Now(), e.looked, time.Minute)
		require.False(t, e.ended.Before(e.looked))
	}
}
