package main_test

import (
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/testenv"
)

const anyVault = "KEY_VAULT_URL=https://my-vault.vault.azure.net"

// healthy runs the health check of a container with such a worker.
func healthy(t *testing.T, address string) (code int, said string) {
	t.Helper()
	return execute(t, []string{anyVault, "TOKENKEEPER_HTTP_ADDRESS=" + address}, "-healthy")
}

func TestAHealthCheckIsGreenOnlyWhileTheWorkerTakesWork(t *testing.T) {
	s := newSystem(t)
	w := s.work()
	address := strings.TrimPrefix(w.HTTP, "http://")
	code, said := healthy(t, address)
	require.Zero(t, code, said)
	account := s.refreshHeld()
	require.NoError(t, w.Signal(syscall.SIGTERM))
	w.logged("stopping; calls in flight finish first", 1)

	code, said = healthy(t, address)
	require.Equal(t, 1, code)
	require.Contains(t, said, "lives and takes no work (503")
	require.Equal(t, 1, s.Provider.Release(testenv.UserOf(account)))
	require.Empty(t, w.ends(0))
	code, said = healthy(t, address)
	require.Equal(t, 1, code)
	require.Contains(t, said, "no worker answers")
	oneLine(t, said)
}

func TestAHealthCheckThatCannotBeSaysSo(t *testing.T) {
	t.Parallel()
	code, said := healthy(t, "off")
	require.Equal(t, 1, code)
	require.Contains(t, said, "TOKENKEEPER_HTTP_ADDRESS is off")
	oneLine(t, said)
}
