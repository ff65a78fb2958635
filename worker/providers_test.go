package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/workflows"
)

// exampleHealth writes a providers file that has, beside the system's own provider,
// another at the same simulator, and returns the variable that names the file.
func (s *system) exampleHealth() (variable string) {
	s.t.Helper()
	base, p := s.Provider.URL(), s.Provider.Imitates()
	file := filepath.Join(s.t.TempDir(), "providers.yaml")
	require.NoError(s.t, os.WriteFile(file, []byte(strings.Join([]string{
		"providers:",
		"  " + p.Name + ":",
		"    token_url: " + base + p.TokenPath,
		"  example-health:",
		"    token_url: " + base + p.TokenPath,
		"    auth_style: header",
		"    rotation: single-use",
		"    replay_window: " + s.Provider.ReplayWindow().String(),
		"    access_token_lifetime: 8h",
	}, "\n")), 0o600))
	return "TOKENKEEPER_PROVIDERS=" + file
}

func TestARunOfAProviderThatOnlySomeWorkersKnowIsGreenInTheEnd(t *testing.T) {
	s := newSystem(t)
	variable := s.exampleHealth()
	_, err := s.Vault.Put("ExampleHealthCredentials", s.Vault.Versions("FitbitCredentials")[0].Value)
	require.NoError(t, err)

	without := s.work()
	require.Contains(t, without.Output(), `"added":[],"changed":["fitbit"]`)
	var ids []string
	for range 6 {
		account := unique("account")
		refresh, _ := s.Provider.CreateGrant(testenv.UserOf(account))
		_, err := s.Vault.Put("ExampleHealth-"+account+"-RefreshToken", refresh)
		require.NoError(t, err)
		id := unique("refresh")
		_, err = s.temporal.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: s.TaskQueue()},
			workflows.Type, workflows.Input{Account: account, Provider: "example-health"})
		require.NoError(t, err)
		ids = append(ids, id)
	}
	for _, id := range ids {
		s.waitsBecause(id, `provider "example-health" is not known`)
	}

	with := s.work(variable)
	require.Contains(t, with.Output(), `"added":["example-health"],"changed":["fitbit"]`)
	for _, id := range ids {
		s.greenInTheEnd(id)
	}
	s.refreshes(s.consent())
}

// Another worker of the queue may know the provider, so the run waits a while. What
// it waits for shows where an operator looks.
func TestAProviderThatNoWorkerKnowsIsNamedWhileTheRunWaits(t *testing.T) {
	s := newSystem(t)
	require.NoError(t, s.CreateAccount("default"))
	s.work()
	before := s.writes()
	id := unique("refresh")
	s.temporalCLI("workflow", "start", "--type", workflows.Type, "--task-queue", s.TaskQueue(), "--workflow-id", id, "--input", `{"provider":"fitbot"}`)
	var known []string
	for _, p := range provider.Builtin().Providers() {
		known = append(known, p.Name)
	}
	s.waitsBecause(id, `provider "fitbot" is not known; use one of `+strings.Join(known, ", ")+`, or describe it in the providers file`)
	require.Empty(t, s.Provider.Events(""))
	require.Equal(t, before, s.writes())
	s.temporalCLI("workflow", "cancel", "--workflow-id", id)
	var canceled *temporal.CanceledError
	require.ErrorAs(t, s.temporal.GetWorkflow(t.Context(), id, "").Get(t.Context(), nil), &canceled)
}

// waitsBecause waits until an activity of a run was refused with a message, and is
// retried.
func (s *system) waitsBecause(id, message string) {
	s.t.Helper()
	eventually(s.t, "run "+id+" waits because "+message, func() bool {
		described, err := s.temporal.DescribeWorkflowExecution(s.t.Context(), id, "")
		require.NoError(s.t, err)
		for _, a := range described.GetPendingActivities() {
			if strings.Contains(a.GetLastFailure().GetMessage(), message) {
				return true
			}
		}
		return false
	})
}
