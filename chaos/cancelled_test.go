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
	s.work()
	var a account
	var ends run
	s.inTime(func() bool {
		a = s.consent()
		ends = a.refreshHeld()
		ends.cancel()
		return a.released()
	})

	ends.cancelled()
	require.Equal(t, []grant.Outcome{grant.Rotated}, a.outcomes())
	a.nothingLost(1)
}

func TestF15RunCancelledDuringACallWhoseAnswerIsLostAsksOnceMore(t *testing.T) {
	s := newSystem(t, testenv.Options{})
	s.work()
	var a account
	var ends run
	s.inTime(func() bool {
		a = s.consent()
		require.NoError(t, s.Provider.Inject(authserver.Fault{Endpoint: authserver.Token, User: a.user, Commit: true, Hold: true, Answer: authserver.Reset}))
		ends = a.refresh()
		a.held()
		ends.cancel()
		return a.released()
	})

	ends.cancelled()
	a.replayed(0)
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
	require.Equal(t, 1, run.begins("CallFitbit"))
	a.nothingLost(1)
}
