package main_test

import (
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestATemporalServerThatIsAwayIsWaitedFor(t *testing.T) {
	s := newSystem(t)
	account := s.consent()
	temporal := linkTo(t, s.Temporal.Address())
	w := s.launch("TEMPORAL_ADDRESS=" + temporal.address())
	for _, l := range w.logged("waiting for Temporal", 2) {
		require.Contains(t, l.Error, "the Temporal server at "+temporal.address()+" does not serve this worker")
		require.Contains(t, l.Error, "connection refused")
		require.Contains(t, l.Error, "; see that it runs and that TEMPORAL_ADDRESS names it")
		require.NotContains(t, l.Error, "\n")
	}
	require.Equal(t, http.StatusOK, w.status("/healthz"))
	require.Equal(t, http.StatusServiceUnavailable, w.status("/readyz"))
	temporal.up()

	require.NoError(t, w.Ready(t.Context()))
	s.refreshes(account)
}

func TestAWorkerThatWaitsForTemporalStopsWhenItIsTold(t *testing.T) {
	s := newSystem(t)
	w := s.launch("TEMPORAL_ADDRESS=" + linkTo(t, s.Temporal.Address()).address())
	w.logged("waiting for Temporal", 1)
	require.NoError(t, w.Signal(syscall.SIGTERM))
	require.Empty(t, w.ends(0))
}

func TestANamespaceThatIsNotThereEndsTheWorkerWithTheCommandThatCreatesIt(t *testing.T) {
	s := newSystem(t)
	namespace := unique("namespace")
	said := s.launch("TEMPORAL_NAMESPACE=" + namespace).ends(1)
	require.Contains(t, said, `has no namespace "`+namespace+`"; set TEMPORAL_NAMESPACE`)
	oneLine(t, said)

	_, command, found := strings.Cut(strings.TrimSpace(said), "create it with: temporal ")
	require.True(t, found, said)
	s.temporalCLI(strings.Fields(command)...)
	// The whole server learns of a new namespace some time later.
	eventually(t, "a worker gets ready", func() bool { return s.launch("TEMPORAL_NAMESPACE="+namespace).Ready(t.Context()) == nil })
}
