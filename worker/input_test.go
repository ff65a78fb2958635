package main_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/activities"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/workflows"
)

// start has the Temporal CLI start a refresh, with the rest of its command line,
// and waits for the run's end.
func (s *system) start(args ...string) (result workflows.Result, err error) {
	s.t.Helper()
	id := unique("refresh")
	s.temporalCLI(append([]string{"workflow", "start", "--type", workflows.Type, "--task-queue", s.TaskQueue(), "--workflow-id", id}, args...)...)
	return result, s.temporal.GetWorkflow(s.t.Context(), id, "").Get(s.t.Context(), &result)
}

// failsUntouched asserts that a run fails with one sentence that holds the given
// parts, that nothing was asked of the provider and nothing written to the vault.
func (s *system) failsUntouched(run func() (workflows.Result, error), kind string, says ...string) {
	s.t.Helper()
	presented, before := len(s.Provider.Events("")), s.writes()
	_, err := run()
	failure := failureOf(s.t, err)
	require.Equal(s.t, kind, failure.Type())
	for _, part := range says {
		require.Contains(s.t, failure.Message(), part)
	}
	require.NotContains(s.t, failure.Message(), "\n")
	require.NotContains(s.t, failure.Error(), secretPrefix)
	require.Len(s.t, s.Provider.Events(""), presented, "refresh tokens presented")
	require.Equal(s.t, before, s.writes(), "writes to the vault")
}

// writes counts what the worker wrote to the vault, or tried to.
func (s *system) writes() (n int) {
	counts := s.Vault.Counts().ByOperation
	for _, op := range []keyvault.Operation{keyvault.OpSet, keyvault.OpUpdate, keyvault.OpDelete, keyvault.OpRecover} {
		n += counts[op]
	}
	return n
}

func TestInputThatNamesNoAccountFailsTheRunAndTouchesNothing(t *testing.T) {
	s := newSystem(t)
	require.NoError(t, s.CreateAccount("default"))
	require.NoError(t, s.CreateAccount("will"))
	s.work()
	for _, tc := range []struct {
		name, input, kind string
		says              []string
	}{
		{"a text", `"will"`, activities.InvalidInput,
			[]string{"workflow input is a JSON string", `; give a JSON object such as {"account":"will","provider":"fitbit"}`}},
		{"a number", `7`, activities.InvalidInput,
			[]string{"workflow input is a JSON number", "; give a JSON object such as"}},
		{"a list", `["will"]`, activities.InvalidInput,
			[]string{"workflow input is a JSON array", "; give a JSON object such as"}},
		{"a misspelt key", `{"acount":"will"}`, activities.InvalidInput,
			[]string{`unknown field "acount"`, "; give a JSON object such as"}},
		{"a number for an account", `{"account":7}`, activities.InvalidInput,
			[]string{`"account" is a JSON number, not a string`, "; give a JSON object such as"}},
		{"an account with capitals", `{"account":"Will"}`, activities.InvalidInput,
			[]string{`account name "Will" has capitals, which Key Vault does not tell apart; use "will"`}},
		{"an account with a space", `{"account":"will smith"}`, activities.InvalidInput,
			[]string{`account name "will smith" is not valid; use lower-case letters`}},
		{"an account named as another provider's prefix", `{"account":"googlehealth"}`, activities.InvalidInput,
			[]string{`account "googlehealth" at fitbit would share its secrets' names with provider "GoogleHealth"`, "; choose a name that does not begin with"}},
		{"an account that does not exist", `{"account":"ann"}`, activities.MissingSecret,
			[]string{"vault: get ann-RefreshToken: not found", "; store the refresh token from the provider's consent in it: starter authorize --account ann, or with one at hand: starter import --account ann"}},
		{"a provider without a stored consent", `{"provider":"google-health"}`, activities.MissingSecret,
			[]string{"vault: get GoogleHealth-RefreshToken: not found", "; store the refresh token from the provider's consent in it: starter authorize --provider google-health"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := s.in(t)
			s.failsUntouched(func() (workflows.Result, error) { return s.start("--input", tc.input) }, tc.kind, tc.says...)
		})
	}
	s.refreshes("will")
	require.NoError(t, s.CreateAccount("ann"))
	s.refreshes("ann")
}

func TestInputThatIsAbsentOrEmptyMeansTheDefaultAccount(t *testing.T) {
	s := newSystem(t)
	require.NoError(t, s.CreateAccount("default"))
	s.work()
	for i, input := range [][]string{nil, {"--input", "{}"}, {"--input", "null"}} {
		result, err := s.start(input...)
		require.NoError(t, err, strings.Join(input, " "))
		require.Equal(t, "fitbit/default", result.Provider+"/"+result.Account)
		require.EqualValues(t, i+1, result.Generation)
		require.True(t, s.Provider.IsLive(s.Held("default")))
	}
}
