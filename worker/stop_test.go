package main_test

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAnIdleWorkerStopsAtOnce(t *testing.T) {
	for name, signal := range map[string]os.Signal{"SIGTERM": syscall.SIGTERM, "interrupt": os.Interrupt} {
		t.Run(name, func(t *testing.T) {
			s := newSystem(t)
			w := s.work()
			told := time.Now()
			require.NoError(t, w.Signal(signal))
			require.Empty(t, w.ends(0))
			require.Less(t, time.Since(told), 15*time.Second, "it waits for calls that are not there")
		})
	}
}

func TestTheSecondSignalEndsAWorkerThatWaitsForItsCalls(t *testing.T) {
	s := newSystem(t)
	w := s.work()
	s.refreshHeld()
	require.NoError(t, w.Signal(syscall.SIGTERM))
	w.logged("stopping; calls in flight finish first", 1)
	require.NoError(t, w.Signal(syscall.SIGTERM))
	w.ends(-1)
	require.NotContains(t, w.Output(), `"stopped"`)
}
