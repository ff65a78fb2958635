package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/config"
)

func TestEnvironKeepsWhateverFollowsTheFirstEqualsSign(t *testing.T) {
	require.Equal(t, map[string]string{"A": "b=c", "D": ""}, config.Environ([]string{"A=b=c", "D="}))
}

func TestHelpNamesEveryVariableOfItsProgramWithDefaultAndMeaning(t *testing.T) {
	worker, starter := config.WorkerHelp(), config.StarterHelp()
	require.Contains(t, worker, "TOKENKEEPER_STOP_TIMEOUT (40s)\n    How long a stopping worker")
	for _, v := range config.WorkerVariables() {
		require.Contains(t, worker, v.Name)
		require.NotEmpty(t, v.Meaning, v.Name)
	}
	require.Contains(t, starter, "TOKENKEEPER_WEB_UI\n")
	require.NotContains(t, starter, "TOKENKEEPER_STOP_TIMEOUT")
	for _, help := range []string{worker, starter} {
		require.Contains(t, help, "TOKENKEEPER_TASK_QUEUE (token-refresh)")
		require.Contains(t, help, "KEY_VAULT_URL\n")
		require.Contains(t, help, "TEMPORAL_ADDRESS (localhost:7233)")
	}
}
