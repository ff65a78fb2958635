package main_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/testenv"
)

// cancel asks the run to end and waits until that is in its history.
func (r run) cancel() {
	r.t.Helper()
	require.NoError(r.t, r.temporal.CancelWorkflow(r.t.Context(), r.id, r.runID))
	r.recorded(enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED)
}

// cancelled waits for the run's end, which must be this.
func (r run) cancelled() {
	r.t.Helper()
	_, err := r.wait()
	require.True(r.t, temporal.IsCanceledError(err), "the run ended with %v", err)
}

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
	s := newSystem(t, testenv.Options{Provider: authserver.Options{ReplayWindow: authserver.NoReplay}})
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
	run := a.refreshHeld()
	s.Vault.Inject(keyvault.Fault{Kind: keyvault.Denied, Operation: keyvault.OpSet})
	a.release()
	run.retries("StoreSecrets", 2)
	run.cancel()
	run.retries("StoreSecrets", 4)
	s.Vault.ClearFaults()

	run.cancelled()
	require.Equal(t, 1, a.calls())
	a.nothingLost(1)
}
