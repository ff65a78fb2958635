package main_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAWorkerIsNotReadyWhileTemporalIsAwayAndIsAgainAfterwards(t *testing.T) {
	s := newSystem(t)
	temporal := linkTo(t, s.Temporal.Address())
	temporal.up()
	w := s.work("TEMPORAL_ADDRESS=" + temporal.address())
	address := strings.TrimPrefix(w.HTTP, "http://")
	temporal.down()

	eventually(t, "the worker is not ready", func() bool { return w.status("/readyz") == http.StatusServiceUnavailable })
	require.Equal(t, http.StatusOK, w.status("/healthz"), "a restart would not help")
	said := turnsRed(t, address, "lives and is not ready (503 Service Unavailable): Temporal has not answered for ")
	require.Contains(t, said, "the Temporal server at "+temporal.address()+" does not serve this worker")
	require.Contains(t, w.metrics(), "\ntokenkeeper_worker_ready 0\n")

	temporal.up()
	eventually(t, "the worker is ready again", func() bool { return w.status("/readyz") == http.StatusOK })
	turnsGreen(t, address)
	w.logged("Temporal answers again", 1)
}
