package workflows_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

func TestIDNamesProviderAndAccount(t *testing.T) {
	for want, names := range map[string][2]string{
		"fitbit-token-refresh":           {"", ""},
		"fitbit-token-refresh-will":      {"fitbit", "will"},
		"google-health-token-refresh":    {"google-health", "default"},
		"google-health-token-refresh-bo": {"google-health", "bo"},
	} {
		account, err := token.NewAccount(names[0], names[1])
		require.NoError(t, err)
		require.Equal(t, want, workflows.ID(account))
		require.Equal(t, want+"--recover", workflows.RecoveryID(account))
	}
}
