package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/config"
	"tokenkeeper/internal/sim/stack"
	"tokenkeeper/internal/sim/temporalcli"
)

func TestStarterWorksWithARealWorker(t *testing.T) {
	dir := t.TempDir()
	cli := temporalcli.ForTest(t)
	worker, err := stack.BuildWorker(t.Context(), dir)
	require.NoError(t, err)
	system, err := stack.Start(t.Context(), stack.Options{Dir: dir, CLI: cli, WorkerBinary: worker})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, system.Stop()) })
	require.NoError(t, system.CreateAccount("will"))
	_, err = system.StartWorker(t.Context(), nil)
	require.NoError(t, err)

	starter := func(want int, args ...string) string {
		var out bytes.Buffer
		environ := config.Environ(system.Environment("TOKENKEEPER_WEB_UI=" + system.Temporal.WebUI()))
		require.Equal(t, want, run(t.Context(), args, environ, &out, &out), "starter %v: %s", args, &out)
		return out.String()
	}
	before := system.Held("will")
	starter(0, "start", "--account", "will")
	require.Contains(t, starter(0, "refresh", "--account", "will"), "generation 1 of fitbit/will is in the vault")
	require.NotEqual(t, before, system.Held("will"))
	require.False(t, system.Lost("will"))
	require.Contains(t, starter(0, "status", "--account", "will"), "healthy")

	// A person has yet to give their consent.
	require.Contains(t, starter(1, "refresh", "--account", "ann"), "fitbit/ann was not refreshed (MissingSecret)")
}
