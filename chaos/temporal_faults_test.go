package main_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/internal/testenv/temporal"
	"tokenkeeper/workflows"
)

func TestF13WorkerCutOffFromTemporalPutsThePairIntoTheVault(t *testing.T) {
	t.Parallel()
	for name, provider := range map[string]authserver.Options{
		"within the replay window":                {},
		"for longer than the replay window":       {ReplayWindow: 15 * time.Second},
		"and a second try would revoke the grant": unforgiving,
	} {
		t.Run(name, func(t *testing.T) {
			s := newSystem(t, testenv.Options{Provider: provider})
			a := s.consent()
			temporal, w := s.workBehindLink()
			spent := s.Held(a.name)
			run := a.refreshHeld()
			temporal.swallow(requests)
			temporal.swallow(answers)
			a.release()
			a.stored()
			require.Empty(t, run.attempts("CallFitbit"))
			s.counts(w, 1, "tokenkeeper_escrows_total", "provider", "fitbit")
			// Temporal gives the attempt up, and the provider repeats nothing any
			// more where the row says so.
			run.retries("CallFitbit", 2)
			if provider.ReplayWindow != 0 {
				s.eventually("the replay window is over", func() bool { return !s.Provider.Replayable(spent) })
			}
			temporal.mend()

			run.ends(workflows.Recovered, grant.Rotated, grant.Rotated)
		})
	}
}

func TestF13LinkThatReturnsInTimeLetsTheRunGoOnWithTheSamePair(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: noReplay})
	temporal, _ := s.workBehindLink()
	var a account
	var run run
	s.inTime(func() bool {
		a = s.consent()
		run = a.refreshHeld()
		temporal.swallow(requests)
		a.release()
		a.stored()
		temporal.mend()
		run.wait()
		return slices.Equal(run.attempts("CallFitbit"), []int{1})
	})

	run.ends(workflows.Refreshed, grant.Rotated)
}

func TestF13LostAcknowledgementOfTemporalMakesNoSecondVersion(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: noReplay})
	a := s.consent()
	temporal, _ := s.workBehindLink()
	run := a.refreshHeld()
	// Temporal takes the pair, and its acknowledgement is lost: now the pair is in
	// both places.
	temporal.swallow(answers)
	a.release()
	run.completed("CallFitbit")
	a.stored()
	temporal.mend()

	run.ends(workflows.Refreshed, grant.Rotated)
}

// dying is a server that a row may harm, and what it kills of it.
type dying struct {
	server  *temporal.Server
	kill    func()
	restart func() error
}

// deaths are those of the development server, or of a cluster's database, alone and
// with the server. A row whose server this machine does not have is skipped.
var deaths = map[string]func(*testing.T) dying{
	"Temporal": func(t *testing.T) dying {
		server := testenv.OwnTemporal(t)
		return dying{server, server.Kill, func() error { return server.Restart(t.Context()) }}
	},
	"PostgreSQL": func(t *testing.T) dying {
		c := testenv.OwnCluster(t)
		return dying{c.Temporal, c.Postgres.Kill, func() error { return c.Postgres.Restart(t.Context()) }}
	},
	"PostgreSQL and Temporal": func(t *testing.T) dying {
		c := testenv.OwnCluster(t)
		return dying{c.Temporal, func() { c.Postgres.Kill(); c.Temporal.Kill() }, func() error {
			return errors.Join(c.Postgres.Restart(t.Context()), c.Temporal.Restart(t.Context()))
		}}
	},
}

func TestF14TemporalKilledWithTheAnswerOnItsWayAndTheRunGoesOn(t *testing.T) {
	t.Parallel()
	for name, start := range deaths {
		t.Run(name, func(t *testing.T) {
			dying := start(t)
			s := newSystem(t, testenv.Options{Temporal: dying.server, Provider: unforgiving})
			a := s.consent()
			s.work()
			run := a.refreshHeld()
			dying.kill()
			a.release()
			a.stored()
			require.NoError(t, dying.restart())

			// Either Temporal was back before the attempt's time was up and took the
			// pair, or the run went on from what the vault holds. The spent token is
			// not presented again.
			generation := int(run.result().Generation)
			for _, outcome := range a.outcomes() {
				require.Equal(t, grant.Rotated, outcome)
			}
			require.Len(t, a.outcomes(), generation)
			a.nothingLost(generation)
		})
	}
}

func TestF14PairSurvivesTheDeathOfTemporalAndOfTheWorkerTogether(t *testing.T) {
	t.Parallel()
	for name, start := range deaths {
		t.Run(name, func(t *testing.T) {
			dying := start(t)
			s := newSystem(t, testenv.Options{Temporal: dying.server, Provider: noReplay})
			a := s.consent()
			doomed := s.work()
			run := a.refreshUnstored() // the pair is in the history and nowhere else
			dying.kill()
			doomed.Kill()
			s.Vault.ClearFaults()
			require.Len(t, a.refreshVersions(), 1)
			require.NoError(t, dying.restart())
			s.work()

			run.ends(workflows.Refreshed, grant.Rotated)
		})
	}
}
