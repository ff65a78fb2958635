package main_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/fitbit"
	"tokenkeeper/internal/sim/fitbit/grant"
	"tokenkeeper/internal/sim/stack"
	"tokenkeeper/workflows"
)

func TestF01WorkerKilledWithTheRequestOnItsWayLeavesTheTokenUnspent(t *testing.T) {
	s := newSystem(t, stack.Options{})
	a := s.consent()
	doomed := s.work()
	// Kept back before it takes effect, and dropped with the connection.
	require.NoError(t, s.Provider.Inject(fitbit.Fault{Endpoint: fitbit.Token, Hold: true, Answer: fitbit.Reset}))
	run := a.refresh()
	a.held()
	doomed.Kill()
	s.work()

	require.Equal(t, workflows.Refreshed, run.result().Outcome)
	require.Equal(t, []grant.Outcome{grant.Rotated}, a.outcomes())
	require.Equal(t, 2, a.calls())
	require.Equal(t, []int{2}, run.attempts("CallFitbit"))
	a.nothingLost(1)
}
