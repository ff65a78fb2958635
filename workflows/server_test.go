package workflows_test

import (
	"context"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"tokenkeeper/activities"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/workflows"
)

func (c *cluster) options() client.StartWorkflowOptions {
	return client.StartWorkflowOptions{ID: c.TaskQueue(), TaskQueue: c.TaskQueue()}
}

func TestRunsAreSearchableWhereTheNamespaceHasTheAttributes(t *testing.T) {
	c := newCluster(t, true)
	run, err := c.client.ExecuteWorkflow(t.Context(), c.options(), workflows.Type, workflows.Input{Account: "will"})
	require.NoError(t, err)
	require.NoError(t, run.Get(t.Context(), nil))
	eventually(t, func() bool {
		list, err := c.client.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{
			Query: "TokenAccount = 'will' AND TokenProvider = 'fitbit' AND TokenHealth = 'healthy' AND RunId = '" + run.GetRunID() + "'"})
		return err == nil && len(list.GetExecutions()) == 1
	})
}

func TestRunsAreGreenWhereTheNamespaceHasNoAttributes(t *testing.T) {
	c := newCluster(t, false)
	run, err := c.client.ExecuteWorkflow(t.Context(), c.options(), workflows.Type, workflows.Input{})
	require.NoError(t, err)
	var result workflows.Result
	require.NoError(t, run.Get(t.Context(), &result))
	require.Equal(t, workflows.Refreshed, result.Outcome)
	require.False(t, c.Lost(""))
}

func TestRunAfterRunTheVaultHoldsTheLiveToken(t *testing.T) {
	c := newCluster(t, true)
	for generation := range 3 {
		run, err := c.client.ExecuteWorkflow(t.Context(), c.options(), workflows.Type)
		require.NoError(t, err)
		var result workflows.Result
		require.NoError(t, run.Get(t.Context(), &result))
		require.EqualValues(t, generation+1, result.Generation)
		require.Equal(t, workflows.Refreshed, result.Outcome)
		require.True(t, c.Provider.IsLive(c.Held("")))
	}
}

// A cron that next fires on New Year's Day refreshes at once when it is asked to,
// and goes on being a cron.
func TestRefreshNowDoesNotWaitForTheCron(t *testing.T) {
	c := newCluster(t, true)
	cron := c.options()
	cron.CronSchedule = "0 0 1 1 *"
	waiting, err := c.client.ExecuteWorkflow(t.Context(), cron, workflows.Type, workflows.Input{})
	require.NoError(t, err)
	require.Zero(t, c.Provider.Audit(testenv.UserOf("")).Generation)

	_, err = c.client.SignalWithStartWorkflow(t.Context(), cron.ID, workflows.RefreshNow, nil, cron, workflows.Type, workflows.Input{})
	require.NoError(t, err)
	eventually(t, func() bool {
		return c.Provider.IsLive(c.Held("")) && c.Provider.Audit(testenv.UserOf("")).Generation == 1
	})
	eventually(t, func() bool {
		now, err := c.client.DescribeWorkflowExecution(t.Context(), cron.ID, "")
		require.NoError(t, err)
		info := now.GetWorkflowExecutionInfo()
		return info.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING && info.GetExecution().GetRunId() != waiting.GetRunID()
	})
	require.Equal(t, 1, c.Provider.Audit(testenv.UserOf("")).Generation, "one signal is one refresh")
	require.NoError(t, c.client.TerminateWorkflow(t.Context(), cron.ID, "", "the test is over"))
}

// An incident finds the account by it when this run is over.
func TestAnAlertNamesTheScheduleThatHasStartedItsRun(t *testing.T) {
	c := newCluster(t, false)
	schedule, err := c.client.ScheduleClient().Create(t.Context(), client.ScheduleOptions{ID: c.TaskQueue(), TriggerImmediately: true,
		Action: &client.ScheduleWorkflowAction{ID: c.TaskQueue(), Workflow: workflows.Type, TaskQueue: c.TaskQueue(), Args: []any{map[string]string{"acount": "will"}}}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = schedule.Delete(context.Background()) })
	var in activities.AlertInput
	eventually(t, func() bool {
		described, err := schedule.Describe(t.Context())
		require.NoError(t, err)
		if len(described.Info.RecentActions) == 0 {
			return false
		}
		run := described.Info.RecentActions[0].StartWorkflowResult
		for events := c.client.GetWorkflowHistory(t.Context(), run.WorkflowID, run.FirstExecutionRunID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); events.HasNext(); {
			event, err := events.Next()
			require.NoError(t, err)
			if a := event.GetActivityTaskScheduledEventAttributes(); a.GetActivityType().GetName() == "Alert" {
				require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(a.GetInput(), &in))
			}
		}
		return in.Reason != ""
	})
	require.Equal(t, activities.InvalidInput, in.Reason)
	require.Equal(t, c.TaskQueue(), in.Schedule)
}

func TestTheTemporalCLIStartsARun(t *testing.T) {
	c := newCluster(t, true)
	for _, tc := range []struct {
		name, account string
		input         []string
		fails         string
	}{
		{name: "without input", account: "default"},
		{name: "with an empty object", account: "default", input: []string{"--input", `{}`}},
		{name: "with an account", account: "will", input: []string{"--input", `{"account":"will","provider":"fitbit"}`}},
		{name: "with a misspelt key", input: []string{"--input", `{"acount":"will"}`}, fails: `unknown field "acount"`},
		{name: "with a text", input: []string{"--input", `"will"`}, fails: "workflow input is a JSON string"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			id := c.TaskQueue() + tc.name
			args := append([]string{"workflow", "start", "--address", c.Temporal.Address(), "--namespace", c.namespace, "--type", workflows.Type,
				"--task-queue", c.TaskQueue(), "--workflow-id", id}, tc.input...)
			said, err := exec.CommandContext(t.Context(), c.Temporal.CLI(), args...).CombinedOutput()
			require.NoError(t, err, string(said))
			var result workflows.Result
			err = c.client.GetWorkflow(t.Context(), id, "").Get(t.Context(), &result)
			if tc.fails != "" {
				require.Contains(t, requireFailure(t, err, activities.InvalidInput), tc.fails)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.account, result.Account)
			require.True(t, c.Provider.IsLive(c.Held(tc.account)))
		})
	}
}
