package workflows_test

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

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
