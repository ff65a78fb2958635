package main_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/testenv"
)

func TestF15RunCancelledWhileItLoadsSpendsNothing(t *testing.T) {
	s := newSystem(t, testenv.Options{})
	a := s.consent()
	s.work()
	consented := s.Held(a.name)
	s.Vault.Inject(keyvault.Fault{Kind: keyvault.ReadOnly})
	run := a.refresh()
	run.retries("LoadSecrets", 2)
	run.cancel()

	run.cancelled()
	require.Zero(t, a.calls())
	a.untouched(consented, 1)
}

func TestF15RunCancelledDuringTheCallStoresThePairFirst(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: noReplay})
	a := s.consent()
	s.work()
	run := a.refreshHeld()
	run.cancel()
	a.release()

	run.cancelled()
	require.Equal(t, []grant.Outcome{grant.Rotated}, a.outcomes())
	require.Equal(t, []int{1}, run.attempts("StoreSecrets"))
	a.nothingLost(1)
}

func TestF15RunCancelledDuringACallWhoseAnswerIsLostAsksOnceMore(t *testing.T) {
	s := newSystem(t, testenv.Options{})
	a := s.consent()
	s.work()
	require.NoError(t, s.Provider.Inject(authserver.Fault{Endpoint: authserver.Token, Commit: true, Hold: true, Answer: authserver.Reset}))
	run := a.refresh()
	a.held()
	run.cancel()
	a.release()

	run.cancelled()
	require.Equal(t, []grant.Outcome{grant.Rotated, grant.Replayed}, a.outcomes())
	a.nothingLost(1)
}

func TestF15RunCancelledWhileItStoresStoresThePairFirst(t *testing.T) {
	s := newSystem(t, testenv.Options{})
	a := s.consent()
	s.work()
	run := a.refreshUnstored()
	run.cancel()
	run.retries("StoreSecrets", 4)
	s.Vault.ClearFaults()

	run.cancelled()
	require.Equal(t, 1, a.calls())
	a.nothingLost(1)
}
