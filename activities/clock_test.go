package activities_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"

	"tokenkeeper/internal/sim/authserver"
)

// A worker's clock is some seconds ahead of Temporal's, and Fitbit repeats its answer for two minutes.
func TestClocksThatDifferHoldUpNothing(t *testing.T) {
	for _, ahead := range []time.Duration{-time.Minute, 21 * time.Second, time.Minute} {
		s := newSystem(t)
		require.ErrorIs(t, s.call(attempt{received: ahead, silence: 20 * time.Second}, s.mustLoad()), activity.ErrResultPending)
	}
	s := newSystem(t)
	requireFailure(t, s.call(attempt{received: 2 * time.Minute, silence: 5 * time.Second}, s.mustLoad()), "AttemptTooLate", false)
	loaded := s.mustLoad()
	loaded.ReplayWindow = 20 * time.Second
	requireFailure(t, s.call(attempt{received: 16 * time.Second, silence: 5 * time.Second}, loaded), "AttemptTooLate", false)
	require.Zero(t, s.provider.Stats().Total.Calls[authserver.Token])
}
