package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/config"
	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/testenv"
)

// terminal runs starter on a whole system.
type terminal struct {
	*testenv.System
	t *testing.T
}

// newTerminal has a system without workers and without accounts.
func newTerminal(t *testing.T, provider authserver.Options) terminal {
	t.Helper()
	system, err := testenv.Start(t.Context(), testenv.Options{
		Dir: t.TempDir(), Temporal: testenv.OwnTemporal(t), WorkerBinary: shared.Worker(t), Provider: provider,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, system.Stop()) })
	return terminal{system, t}
}

// consent creates accounts with a consent each, whose refresh tokens are in the vault.
func (s terminal) consent(names ...string) {
	s.t.Helper()
	for _, name := range names {
		require.NoError(s.t, s.CreateAccount(name))
	}
}

func (s terminal) work() *testenv.Worker {
	s.t.Helper()
	w, err := s.StartWorker(s.t.Context(), nil)
	require.NoError(s.t, err)
	return w
}

// starter runs a command line, wants its exit code, and gives what it printed.
func (s terminal) starter(want int, args ...string) string {
	s.t.Helper()
	var out bytes.Buffer
	environ := config.Environ(s.Environment("TOKENKEEPER_WEB_UI=" + s.Temporal.WebUI()))
	require.Equal(s.t, want, run(s.t.Context(), args, environ, &out, &out), "starter %v: %s", args, &out)
	return out.String()
}

func TestStarterWorksWithARealWorker(t *testing.T) {
	s := newTerminal(t, authserver.Options{})
	s.consent("will")
	s.work()
	before := s.Held("will")
	s.starter(0, "start", "--account", "will")
	require.Contains(t, s.starter(0, "refresh", "--account", "will"), "generation 1 of fitbit/will is in the vault")
	require.NotEqual(t, before, s.Held("will"))
	require.False(t, s.Lost("will"))
	s.eventually(func() bool { // the listing follows the run with a delay
		var out bytes.Buffer
		return run(t.Context(), []string{"status", "--account", "will"}, config.Environ(s.Environment()), &out, &out) == 0 && bytes.Contains(out.Bytes(), []byte("healthy"))
	})

	// An account without a consent.
	require.Contains(t, s.starter(1, "refresh", "--account", "ann"), "fitbit/ann was not refreshed (MissingSecret)")
}
