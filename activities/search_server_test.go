package activities_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"tokenkeeper/activities"
)

// terminated is a run that ended before anything was done.
func (c *cluster) terminated(id string, attributes ...temporal.SearchAttributeUpdate) {
	c.t.Helper()
	run, err := c.client.ExecuteWorkflow(c.t.Context(), client.StartWorkflowOptions{
		ID: c.TaskQueue() + id, TaskQueue: c.TaskQueue() + "-nobody",
		TypedSearchAttributes: temporal.NewSearchAttributes(attributes...),
	}, "RefreshTokens")
	require.NoError(c.t, err)
	c.terminate(run)
}

var (
	tokenAccount  = temporal.NewSearchAttributeKeyKeyword("TokenAccount")
	tokenProvider = temporal.NewSearchAttributeKeyKeyword("TokenProvider")
)

func TestOfManyAccountsOnlyTheRunsOfOneAreRead(t *testing.T) {
	const accounts, runsOfEach = 30, 3
	c, run, called := issued(t, "-elsewhere")
	loaded := result[activities.LoadResult](c, run, "LoadSecrets")
	for range runsOfEach {
		for a := range accounts {
			c.terminated(fmt.Sprintf("-of-%d", a), tokenAccount.ValueSet(fmt.Sprintf("other-%d", a)), tokenProvider.ValueSet(account.Provider))
		}
	}
	c.terminated("")
	c.terminated("")
	c.listed(run)
	eventually(t, func() bool {
		count, err := c.client.CountWorkflow(t.Context(), &workflowservice.CountWorkflowExecutionsRequest{
			Query: fmt.Sprintf("TaskQueue = '%s-nobody' AND ExecutionStatus = 'Terminated'", c.TaskQueue())})
		return err == nil && count.GetCount() == accounts*runsOfEach+2
	})

	lost := activities.RecoverInput{LoadResult: loaded, WorkflowIDs: []string{c.TaskQueue(), c.TaskQueue() + "-elsewhere"}}
	var recovery activities.RecoverResult
	require.NoError(t, c.start("-recover", &lost).Get(t.Context(), &recovery))
	require.Equal(t, 3, recovery.Searched)
	require.Equal(t, run.GetRunID(), recovery.FoundIn)
	require.Equal(t, called.Provenance, recovery.Called.Provenance)
	require.True(t, c.Provider.IsLive(c.Held("")))
}
