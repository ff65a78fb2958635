package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/config"
)

// execute runs a worker that is to end by itself, with nothing in its environment
// but the given variables, and returns its exit code and what it printed.
func execute(t *testing.T, variables []string, args ...string) (code int, printed string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), shared.Worker(t), args...)
	cmd.Env = append([]string{"HOME=" + t.TempDir()}, variables...)
	out, _ := cmd.CombinedOutput() // the exit code is in ProcessState
	return cmd.ProcessState.ExitCode(), string(out)
}

func TestHelpListsEveryVariable(t *testing.T) {
	t.Parallel()
	code, printed := execute(t, nil, "--help")
	require.Zero(t, code)
	for _, v := range slices.Concat(config.WorkerVariables(), config.SharedVariables(), config.TemporalVariables()) {
		require.Contains(t, printed, "\n"+v.Name)
		require.Contains(t, printed, v.Meaning)
	}
}

func TestEveryProblemIsReportedAtOnce(t *testing.T) {
	t.Parallel()
	providers := filepath.Join(t.TempDir(), "providers.yaml")
	require.NoError(t, os.WriteFile(providers, []byte("providers:\n  fitbit:\n    tokken_url: fake-secret-1\n    token_url: http://fitbit.example\n"), 0o600))
	code, printed := execute(t, []string{
		"TOKENKEEPER_PROVIDERS=" + providers,
		"TOKENKEEPER_AZURE_CREDENTIAL=emulator",
		"TOKENKEEPER_STOP_TIMEOUT=1s",
		"TOKENKEEPER_HTTP_ADRESS=:80",
		"TEMPORAL_ADDRESS=http://temporal.example",
		"TEMPORAL_WORKER_BUILD_ID=v1",
	})
	require.Equal(t, 2, code, printed)
	for _, problem := range []string{
		"KEY_VAULT_URL is not set; set it to",
		"TOKENKEEPER_AZURE_CREDENTIAL is emulator, which sends a made-up token; set",
		"TOKENKEEPER_STOP_TIMEOUT is 1s;",
		"TOKENKEEPER_HTTP_ADRESS is no variable of Token Keeper; did you mean TOKENKEEPER_HTTP_ADDRESS?",
		"TEMPORAL_ADDRESS is a URL; write host and port alone",
		"TEMPORAL_DEPLOYMENT_NAME is not set, but TEMPORAL_WORKER_BUILD_ID is; set both",
		providers + `:3: provider "fitbit": tokken_url is not a key`,
		providers + `:4: provider "fitbit": token_url must begin with https://`,
	} {
		require.Contains(t, printed, problem)
	}
	require.Len(t, strings.Split(strings.TrimSpace(printed), "\n"), 9, "a line for each, and the count:\n%s", printed)
	require.NotContains(t, printed, secretPrefix)
}

func TestAProblemThatEndsTheWorkerAtOnceIsOneSentence(t *testing.T) {
	t.Parallel()
	const vault = "KEY_VAULT_URL=https://my-vault.vault.azure.net"
	for name, tc := range map[string]struct {
		variables, args []string
		says            []string
	}{
		"an argument": {
			variables: []string{vault}, args: []string{"fake-secret-1"},
			says: []string{"worker: it takes no arguments", "see worker --help"},
		},
		"a providers file that is not there": {
			variables: []string{vault, "TOKENKEEPER_PROVIDERS=absent.yaml"},
			says:      []string{`TOKENKEEPER_PROVIDERS names "absent.yaml"`, "correct the path"},
		},
		"an identity that is missing": {
			variables: []string{vault, "TOKENKEEPER_AZURE_CREDENTIAL=workload"},
			says:      []string{`credential "workload"`, "check the pod's AZURE_CLIENT_ID"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			code, printed := execute(t, tc.variables, tc.args...)
			require.Equal(t, 2, code, printed)
			for _, part := range tc.says {
				require.Contains(t, printed, part)
			}
			oneLine(t, printed)
			require.NotContains(t, printed, secretPrefix)
		})
	}
}

func TestAnUnknownFlagIsNamed(t *testing.T) {
	t.Parallel()
	code, printed := execute(t, nil, "--account", "will")
	require.Equal(t, 2, code)
	require.Contains(t, printed, "flag provided but not defined: -account")
	require.Contains(t, printed, "these variables configure it")
}
