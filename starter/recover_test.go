package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/workflowservice/v1"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

// unstored loses accounts' pairs between call and store: the worker is killed,
// the runs are terminated, and the provider does not repeat its answers. It
// returns the runs that hold the pairs.
func (s terminal) unstored(names ...string) (runIDs []string) {
	s.t.Helper()
	c, err := s.Temporal.Dial()
	require.NoError(s.t, err)
	defer c.Close()
	doomed := s.work()
	for _, name := range names { // one after the other: a call that is held must outlive what is done meanwhile
		user := testenv.UserOf(name)
		require.NoError(s.t, s.Provider.Inject(authserver.Fault{Endpoint: authserver.Token, User: user, Hold: true}))
		s.starter(0, "refresh", "--account", name, "--wait=false")
		s.eventually(func() bool { return s.Provider.Held(user) == 1 })
		s.Vault.Inject(keyvault.Fault{Kind: keyvault.Denied, Operation: keyvault.OpSet, Name: name + "-RefreshToken"})
		require.Equal(s.t, 1, s.Provider.Release(user))
		s.eventually(func() bool {
			described, err := c.DescribeWorkflowExecution(s.t.Context(), workflowOf(name), "")
			require.NoError(s.t, err)
			pending := described.GetPendingActivities()
			return len(pending) == 1 && pending[0].GetActivityType().GetName() == "StoreSecrets" && pending[0].GetAttempt() > 1
		})
	}
	doomed.Kill()
	s.Vault.ClearFaults()
	for _, name := range names {
		described, err := c.DescribeWorkflowExecution(s.t.Context(), workflowOf(name), "")
		require.NoError(s.t, err)
		runIDs = append(runIDs, described.GetWorkflowExecutionInfo().GetExecution().GetRunId())
		require.NoError(s.t, c.TerminateWorkflow(s.t.Context(), workflowOf(name), "", "for the test's sake"))
		require.True(s.t, s.Lost(name), "the vault must not have the pair yet")
	}
	return runIDs
}

func workflowOf(name string) string {
	return workflows.ID(token.Account{Provider: "fitbit", Name: name})
}

// forget has a run's history deleted, as the end of its retention does. The
// server takes up to a minute to do it.
func (s terminal) forget(name, runID string) {
	s.t.Helper()
	c, err := s.Temporal.Dial()
	require.NoError(s.t, err)
	defer c.Close()
	_, err = c.WorkflowService().DeleteWorkflowExecution(s.t.Context(), &workflowservice.DeleteWorkflowExecutionRequest{
		Namespace: "default", WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: workflowOf(name), RunId: runID}})
	require.NoError(s.t, err)
}

// untilForgotten waits for that.
func (s terminal) untilForgotten(name, runID string) {
	s.t.Helper()
	c, err := s.Temporal.Dial()
	require.NoError(s.t, err)
	defer c.Close()
	s.eventually(func() bool {
		_, err := c.DescribeWorkflowExecution(s.t.Context(), workflowOf(name), runID)
		return gone(err)
	})
}

func (s terminal) eventually(holds func() bool) {
	s.t.Helper()
	require.Eventually(s.t, holds, 2*time.Minute, 50*time.Millisecond)
}

// A provider that revokes everything at the second sight of a spent token shows
// that recover presents none.
func TestRecoverBringsBackWhatARunHasLost(t *testing.T) {
	t.Parallel()
	s := newTerminal(t, authserver.Options{ReplayWindow: authserver.NoReplay, ReuseRevokes: true})
	s.consent("will", "ann", "bo", "cy")
	lost := s.unstored("will", "bo")
	run, forgotten := lost[0], lost[1]
	s.forget("bo", forgotten)
	s.work()
	s.starter(0, "start", "--account", "will") // and waits for its first run

	said := s.starter(0, "recover", "--account", "will")
	require.Contains(t, said, "Found: run "+run+" was issued generation 1 of fitbit/will and had not stored it. It is in the vault now.")
	require.True(t, s.Provider.IsLive(s.Held("will")), "the vault must hold the provider's live token")
	require.Contains(t, s.starter(0, "recover", "--account", "will"), "newer than any run has been about to spend: generation 1 of fitbit/will")
	require.Regexp(t, `Done \((refreshed|recovered)\): generation 2`, s.starter(0, "refresh", "--account", "will"))

	require.Contains(t, s.starter(0, "recover", "--account", "ann"), "newer than any run has been about to spend: generation 0 of fitbit/ann")

	t.Run("unless nothing is left", func(t *testing.T) {
		require.NoError(t, s.Revoke(t.Context(), "cy"))
		require.Contains(t, s.starter(1, "refresh", "--account", "cy"), workflows.ReauthorizationRequired)
		t.Run("because the consent was withdrawn", func(t *testing.T) {
			t.Parallel() // both wait for a call that might be in flight
			s := terminal{s.System, t}
			said := s.starter(3, "recover", "--account", "cy")
			require.Contains(t, said, "Nothing newer than generation 0 of fitbit/cy was found, neither in the vault nor in the histories of earlier runs (1 read).")
			require.NotContains(t, said, "is gone")
		})
		t.Run("because the history is gone", func(t *testing.T) {
			t.Parallel()
			s := terminal{s.System, t}
			s.untilForgotten("bo", forgotten)
			said := s.starter(3, "recover", "--account", "bo")
			require.Contains(t, said, "But run "+forgotten+" was about to spend it, and its history is gone or cannot be found: this namespace keeps histories for 1 day after a run has ended.")
			require.Contains(t, s.starter(1, "refresh", "--account", "bo"), "the history of run "+forgotten+", which was about to spend it, is gone or cannot be found; have the account owner consent again")
		})
	})
}
