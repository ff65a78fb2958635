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

// forGood is how long something is delayed that is not meant to come.
const forGood = time.Hour

func TestF01WorkerKilledWhileItLoadsLeavesTheTokenUnspent(t *testing.T) {
	s := newSystem(t, testenv.Options{})
	a := s.consent()
	doomed := s.workProven()
	// The intent record is written, and the worker does not hear of it.
	name := a.secret("RefreshToken")
	s.Vault.Inject(keyvault.Fault{Kind: keyvault.Delay, Operation: keyvault.OpUpdate, Name: name, Times: 1, DelayAfter: forGood})
	run := a.refresh()
	s.eventually("the intent record is written", func() bool { return a.refreshVersions()[0].Tags["refresh-run-id"] == run.runID })
	doomed.Kill()
	require.Zero(t, a.calls())
	s.work()

	run.ends(workflows.Refreshed, grant.Rotated)
	run.tried("LoadSecrets", 2)
}

func TestF01WorkerKilledWithTheRequestOnItsWayLeavesTheTokenUnspent(t *testing.T) {
	s := newSystem(t, testenv.Options{})
	a := s.consent()
	doomed := s.work()
	// Kept back before it takes effect, and dropped with the connection.
	require.NoError(t, s.Provider.Inject(authserver.Fault{Endpoint: authserver.Token, Hold: true, Answer: authserver.Reset}))
	run := a.refresh()
	a.held()
	doomed.Kill()
	s.work()

	run.ends(workflows.Refreshed, grant.Rotated)
	run.asked(2)
	run.tried("CallFitbit", 2)
}

func TestF05WorkerKilledBeforeItStoresAndAnotherOneStores(t *testing.T) {
	s := newSystem(t, testenv.Options{})
	a := s.consent()
	temporal, doomed := s.workBehindLink()
	run := a.refreshHeld()
	// The pair arrives in the history, and the worker is told neither that nor what
	// to do next.
	temporal.swallow(answers)
	s.Vault.Inject(keyvault.Fault{Kind: keyvault.Unavailable, Operation: keyvault.OpSet}) // or it is too late soon
	a.release()
	run.completed("CallFitbit")
	doomed.Kill()
	s.Vault.ClearFaults()
	require.Len(t, a.refreshVersions(), 1, "killed too late: the worker has stored the pair")
	s.work()

	run.ends(workflows.Refreshed, grant.Rotated)
	run.callsOnce()
}

func TestF05WorkerKilledBetweenTheTwoWritesLeavesOneVersionOfEachGeneration(t *testing.T) {
	s := newSystem(t, testenv.Options{})
	a := s.consent()
	doomed := s.work()
	name := a.secret("AccessToken")
	s.Vault.Inject(keyvault.Fault{Kind: keyvault.Delay, Operation: keyvault.OpSet, Name: name, Times: 1, DelayBefore: forGood})
	run := a.refresh()
	s.eventually("the access token is about to be written", func() bool { return s.vaultCalls(name, keyvault.OpSet) == 1 })
	doomed.Kill()
	require.Len(t, a.refreshVersions(), 2)
	require.Empty(t, a.accessVersions())
	s.work()

	run.ends(workflows.Refreshed, grant.Rotated)
	run.callsOnce()
	run.tried("StoreSecrets", 2)
}
