package main_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/workflows"
)

func TestF19WorkerThatIsToldToStopFinishesItsCallFirst(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: noReplay})
	var finishes run
	s.inTime(func() bool {
		a := s.consent()
		leaving := s.work()
		finishes = a.refreshHeld()
		s.sigterm(leaving)
		inTime := a.released()
		s.exits(leaving, 0)
		return inTime && s.goesOnAtAnother(finishes)
	})

	finishes.ends(workflows.Refreshed, grant.Rotated)
}

func TestF19WorkerThatIsToldToStopKeepsItsPairUntilItIsStored(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: unforgiving})
	a := s.consent()
	temporal, leaving := s.workBehindLink("TOKENKEEPER_STOP_TIMEOUT=30s")
	run := a.refreshHeld()
	temporal.cut()
	s.Vault.Stop()
	a.release()
	told := time.Now()
	require.NoError(t, leaving.Signal(syscall.SIGTERM))
	// The time that it gives its activities is up, and so is the attempt's.
	s.eventually("its time is up", func() bool { return time.Since(told) > 35*time.Second })
	select {
	case <-leaving.Ended():
		t.Fatal("the worker has ended, and the pair with it")
	default:
	}
	require.NoError(t, s.Vault.Resume())
	s.exits(leaving, 0)
	a.nothingLost(1)
	s.work()

	run.ends(workflows.Recovered, grant.Rotated, grant.Rotated)
}

func TestF19WorkerThatIsToldToStopFinishesItsLoadAndItsStoreFirst(t *testing.T) {
	t.Parallel()
	for activity, slow := range map[string]keyvault.Operation{"LoadSecrets": keyvault.OpUpdate, "StoreSecrets": keyvault.OpSet} {
		t.Run(activity, func(t *testing.T) {
			s := newSystem(t, testenv.Options{Provider: unforgiving})
			var finishes run
			s.inTime(func() bool {
				a := s.consent()
				leaving := s.workProven()
				s.Vault.Inject(keyvault.Fault{Kind: keyvault.Delay, Operation: slow, Name: a.secret("RefreshToken"), Times: 1, DelayBefore: 5 * time.Second})
				before := s.vaultCalls(a.secret("RefreshToken"), slow)
				finishes = a.refresh()
				s.eventually("the vault is slow", func() bool { return s.vaultCalls(a.secret("RefreshToken"), slow) > before })
				require.NoError(t, leaving.Signal(syscall.SIGTERM))
				s.exits(leaving, 0)
				done := finishes.attempts(activity) // a load comes after a peek
				return s.goesOnAtAnother(finishes) && len(done) > 0
			})

			finishes.ends(workflows.Refreshed, grant.Rotated)
		})
	}
}

// goesOnAtAnother has another worker go on with a run, and reports whether no activity of the
// run took a second attempt; else the worker is killed, for another try.
func (s *system) goesOnAtAnother(r run) bool {
	s.t.Helper()
	another := s.work()
	r.refreshed()
	if r.triedOnce() {
		return true
	}
	another.Kill()
	return false
}
