package main_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/workflows"
)

func TestF14PostgresKilledWithTheAnswerOnItsWayAndTheRunGoesOn(t *testing.T) {
	c := testenv.OwnCluster(t)
	s := newSystem(t, testenv.Options{Temporal: c.Temporal, Provider: authserver.Options{ReplayWindow: authserver.NoReplay, ReuseRevokes: true}})
	a := s.consent()
	s.work()
	run := a.refreshHeld()
	c.Postgres.Kill()
	a.release()
	s.eventually("the pair is in the vault", func() bool { return len(a.accessVersions()) == 1 })
	a.nothingLost(1)
	require.NoError(t, c.Postgres.Restart(t.Context()))

	result := run.result()
	for _, outcome := range a.outcomes() {
		require.Equal(t, grant.Rotated, outcome)
	}
	require.Len(t, a.outcomes(), int(result.Generation))
	a.nothingLost(int(result.Generation))
}

func TestF14PairSurvivesTheDeathOfPostgresBetweenCallAndStore(t *testing.T) {
	for name, serverToo := range map[string]bool{"of PostgreSQL alone": false, "of PostgreSQL and server alike": true} {
		t.Run(name, func(t *testing.T) {
			c := testenv.OwnCluster(t)
			s := newSystem(t, testenv.Options{Temporal: c.Temporal, Provider: authserver.Options{ReplayWindow: authserver.NoReplay}})
			a := s.consent()
			doomed := s.work()
			run := a.refreshHeld()
			s.Vault.Inject(keyvault.Fault{Kind: keyvault.Denied, Operation: keyvault.OpSet})
			a.release()
			// Now the pair is in the history and nowhere else.
			run.completed("CallFitbit")
			c.Postgres.Kill()
			if serverToo {
				c.Temporal.Kill()
			}
			doomed.Kill()
			s.Vault.ClearFaults()
			require.Len(t, a.refreshVersions(), 1)
			require.NoError(t, c.Postgres.Restart(t.Context()))
			if serverToo {
				require.NoError(t, c.Temporal.Restart(t.Context()))
			}
			s.work()

			require.Equal(t, workflows.Refreshed, run.result().Outcome)
			require.Equal(t, []grant.Outcome{grant.Rotated}, a.outcomes())
			a.nothingLost(1)
		})
	}
}
