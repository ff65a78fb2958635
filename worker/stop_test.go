package main_test

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/activities"
	"tokenkeeper/internal/config"
)

func TestAnIdleWorkerStopsAtOnce(t *testing.T) {
	for name, signal := range map[string]os.Signal{"SIGTERM": syscall.SIGTERM, "interrupt": os.Interrupt} {
		t.Run(name, func(t *testing.T) {
			s := newSystem(t)
			w := s.work("TOKENKEEPER_STOP_TIMEOUT=1h")
			require.NoError(t, w.Signal(signal))
			require.Empty(t, w.ends(0), "it does not wait for calls that are not there")
		})
	}
}

func TestTheSecondSignalEndsAWorkerThatWaitsForItsCalls(t *testing.T) {
	s := newSystem(t)
	s.duringACall(s.work, func(w process, _ string) (inTime bool) {
		require.NoError(t, w.Signal(syscall.SIGTERM))
		w.logged("stopping; calls in flight finish first", 1)
		_ = w.Signal(syscall.SIGTERM)
		<-w.Ended()
		if strings.Contains(w.Output(), `"stopped"`) {
			return false // the call was over, or the signal did nothing
		}
		w.ends(-1)
		return true
	})
}

func TestAStopIsNeverShorterThanTheLongestCallAndItsReport(t *testing.T) {
	within := func(d time.Duration) (config.Worker, error) {
		return config.LoadWorker(map[string]string{"KEY_VAULT_URL": "https://my-vault.vault.azure.net", "TOKENKEEPER_STOP_TIMEOUT": d.String()})
	}
	_, err := within(activities.MaxInFlight - time.Millisecond)
	require.ErrorContains(t, err, "a call in flight may take "+activities.MaxInFlight.String()+" to finish and be recorded")
	_, err = within(activities.MaxInFlight)
	require.NoError(t, err)
	byDefault, err := config.LoadWorker(map[string]string{"KEY_VAULT_URL": "https://my-vault.vault.azure.net"})
	require.NoError(t, err)
	require.Greater(t, byDefault.StopTimeout, activities.MaxInFlight)
}
