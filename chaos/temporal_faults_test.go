package main_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/workflows"
)

func TestF13WorkerCutOffFromTemporalPutsThePairIntoTheVault(t *testing.T) {
	t.Parallel()
	for name, provider := range map[string]authserver.Options{
		"within the replay window":                {},
		"for longer than the replay window":       {ReplayWindow: 15 * time.Second},
		"and a second try would revoke the grant": {ReplayWindow: authserver.NoReplay, ReuseRevokes: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSystem(t, testenv.Options{Provider: provider})
			a := s.consent()
			temporal := s.linkTo(s.Temporal.Address())
			w := s.work("TEMPORAL_ADDRESS=" + temporal.address())
			spent := s.Held(a.name)
			run := a.refreshHeld()
			temporal.swallow(requests)
			temporal.swallow(answers)
			a.release()
			s.eventually("the pair is in the vault", func() bool { return len(a.accessVersions()) == 1 })
			a.nothingLost(1)
			require.Empty(t, run.attempts("CallFitbit"))
			require.Equal(t, 1, s.metric(w, "tokenkeeper_escrows_total", "provider", "fitbit"))
			// Temporal gives the attempt up, and the provider repeats nothing any
			// more where the row says so.
			run.retries("CallFitbit", 2)
			if provider.ReplayWindow != 0 {
				s.eventually("the replay window is over", func() bool { return !s.Provider.Replayable(spent) })
			}
			temporal.mend()

			result := run.result()
			require.Equal(t, workflows.Recovered, result.Outcome)
			require.EqualValues(t, 2, result.Generation)
			require.Equal(t, []grant.Outcome{grant.Rotated, grant.Rotated}, a.outcomes())
			a.nothingLost(2)
		})
	}
}

func TestF13LinkThatReturnsInTimeLetsTheRunGoOnWithTheSamePair(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: authserver.Options{ReplayWindow: authserver.NoReplay}})
	a := s.consent()
	temporal := s.linkTo(s.Temporal.Address())
	s.work("TEMPORAL_ADDRESS=" + temporal.address())
	run := a.refreshHeld()
	temporal.swallow(requests)
	a.release()
	s.eventually("the pair is in the vault", func() bool { return len(a.accessVersions()) == 1 })
	temporal.mend()

	require.Equal(t, workflows.Refreshed, run.result().Outcome)
	require.Equal(t, []int{1}, run.attempts("CallFitbit"))
	require.Equal(t, []grant.Outcome{grant.Rotated}, a.outcomes())
	a.nothingLost(1)
}

func TestF13LostWordOfTemporalMakesNoSecondVersion(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: authserver.Options{ReplayWindow: authserver.NoReplay}})
	a := s.consent()
	temporal := s.linkTo(s.Temporal.Address())
	s.work("TEMPORAL_ADDRESS=" + temporal.address())
	run := a.refreshHeld()
	// Temporal takes the pair, and its word does not get through: now the pair is
	// in both places.
	temporal.swallow(answers)
	a.release()
	run.completed("CallFitbit")
	s.eventually("the pair is in the vault", func() bool { return len(a.accessVersions()) == 1 })
	temporal.mend()

	require.Equal(t, workflows.Refreshed, run.result().Outcome)
	require.Equal(t, []grant.Outcome{grant.Rotated}, a.outcomes())
	a.nothingLost(1)
}

func TestF14TemporalKilledWithTheAnswerOnItsWayAndTheRunGoesOn(t *testing.T) {
	s := newSystem(t, testenv.Options{Temporal: testenv.OwnTemporal(t), Provider: authserver.Options{ReplayWindow: authserver.NoReplay, ReuseRevokes: true}})
	a := s.consent()
	s.work()
	run := a.refreshHeld()
	s.Temporal.Kill()
	a.release()
	s.eventually("the pair is in the vault", func() bool { return len(a.accessVersions()) == 1 })
	a.nothingLost(1)
	require.NoError(t, s.Temporal.Restart(t.Context()))

	// Either Temporal was back before the attempt's time was up and took the pair,
	// or the run went on from what the vault holds. The spent token is shown to
	// nobody.
	result := run.result()
	for _, outcome := range a.outcomes() {
		require.Equal(t, grant.Rotated, outcome)
	}
	require.Len(t, a.outcomes(), int(result.Generation))
	a.nothingLost(int(result.Generation))
}

func TestF14PairSurvivesTheDeathOfTemporalAndOfTheWorkerTogether(t *testing.T) {
	s := newSystem(t, testenv.Options{Temporal: testenv.OwnTemporal(t), Provider: authserver.Options{ReplayWindow: authserver.NoReplay}})
	a := s.consent()
	doomed := s.work()
	run := a.refreshHeld()
	s.Vault.Inject(keyvault.Fault{Kind: keyvault.Denied, Operation: keyvault.OpSet})
	a.release()
	// Now the pair is in the history and nowhere else.
	run.completed("CallFitbit")
	s.Temporal.Kill()
	doomed.Kill()
	s.Vault.ClearFaults()
	require.Len(t, a.refreshVersions(), 1)
	require.NoError(t, s.Temporal.Restart(t.Context()))
	s.work()

	require.Equal(t, workflows.Refreshed, run.result().Outcome)
	require.Equal(t, []grant.Outcome{grant.Rotated}, a.outcomes())
	a.nothingLost(1)
}
