package testenv_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/testenv"
	"tokenkeeper/internal/testenv/temporal"
)

// runner is the tests of a package.
type runner func() int

func (r runner) Run() int { return r() }

func TestTestsShareOneServerThatEndsWithThem(t *testing.T) {
	temporal.ForTest(t)
	var shared testenv.Shared
	var server *temporal.Server
	code := shared.Around(runner(func() int {
		server = shared.Temporal(t)
		require.Same(t, server, shared.Temporal(t))
		requireAnswers(t, server)
		return 0
	})).Run()

	require.Zero(t, code)
	requireGone(t, server)
	require.NoDirExists(t, filepath.Dir(server.Database()))
}

func TestLogsStayWhereATestFailed(t *testing.T) {
	temporal.ForTest(t)
	var shared testenv.Shared
	var server *temporal.Server
	code := shared.Around(runner(func() int {
		server = shared.Temporal(t)
		return 1
	})).Run()

	require.Equal(t, 1, code)
	requireGone(t, server)
	dir := filepath.Dir(server.Database())
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(dir, "temporal.log")}, left)
}

func TestInterruptedTestsLeaveNothingBehind(t *testing.T) {
	temporal.ForTest(t)
	var shared testenv.Shared
	var server *temporal.Server
	code := shared.Around(runner(func() int {
		server = shared.Temporal(t)
		require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGTERM))
		<-t.Context().Done() // a test that does not end by itself
		return 0
	})).Run()

	require.Equal(t, 1, code)
	requireGone(t, server)
	require.NoDirExists(t, filepath.Dir(server.Database()))
}

func requireAnswers(t *testing.T, server *temporal.Server) {
	t.Helper()
	c, err := server.Dial()
	require.NoError(t, err)
	defer c.Close()
	_, err = c.CheckHealth(t.Context(), &client.CheckHealthRequest{})
	require.NoError(t, err)
}

func requireGone(t *testing.T, server *temporal.Server) {
	t.Helper()
	_, err := server.Dial()
	require.Error(t, err)
}
