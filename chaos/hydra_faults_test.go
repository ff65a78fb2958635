package main_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/activities"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/workflows"
)

// refreshKeptBack starts a run and waits until Hydra has spent the refresh token
// and its answer is kept back.
func (h *hydraSystem) refreshKeptBack(a account) run {
	h.t.Helper()
	h.edge.keepBack()
	r := a.refresh()
	h.answered(1)
	return r
}

// answered waits until Hydra has answered so many refreshes.
func (h *hydraSystem) answered(times int) {
	h.t.Helper()
	h.eventually("Hydra has answered", func() bool { return len(h.edge.passages()) == times })
}

func TestWorkerKilledBeforeItReadHydrasAnswerIsFollowedByOneThatGetsAnotherPair(t *testing.T) {
	h := newHydraSystem(t, provider.AuthHeader, longestGrace)
	a := h.consent()
	doomed := h.work()
	run := h.refreshKeptBack(a)
	doomed.Kill()
	h.edge.release()
	h.work()

	run.refreshed()
	run.tried("CallHydra", 2)
	a.nothingLost(int(run.result().Generation))
	h.works(a)
	first, second := h.edge.passages()[0], h.edge.passages()[1]
	require.Equal(t, first.presented, second.presented)
	require.NotEqual(t, first.issued.RefreshToken.Fingerprint(), second.issued.RefreshToken.Fingerprint())
}

// Without grace a second sight of the token would end the grant, so that the next
// attempt has to know that the pair is in the vault.
func TestWorkerCutOffFromTemporalWithHydrasAnswerPresentsNoTokenTwice(t *testing.T) {
	h := newHydraSystem(t, provider.AuthHeader, 0)
	a := h.consent()
	temporal, _ := h.workBehindLink()
	run := h.refreshKeptBack(a)
	temporal.swallow(requests)
	temporal.swallow(answers)
	h.edge.release()
	a.stored()
	run.retries("CallHydra", 2)
	temporal.mend()

	result := run.result()
	require.Equal(t, workflows.Recovered, result.Outcome)
	require.EqualValues(t, 2, result.Generation)
	require.Len(t, h.edge.passages(), 2)
	a.nothingLost(2)
	h.works(a)
}

// inHand starts a run whose worker ends up with a pair that it can store nowhere,
// and has a second worker get another pair for the same token, which is kept back.
func (h *hydraSystem) inHand(a account) (r run, first *testenv.Worker, mend func()) {
	h.t.Helper()
	vault, variable := h.linkToVault()
	temporal, first := h.workBehindLink(variable)
	r = h.refreshKeptBack(a)
	temporal.cut()
	vault.cut()
	h.edge.release()
	h.says(first, saysInHand)
	h.edge.keepBack()
	h.work()
	h.answered(2)
	return r, first, func() { temporal.mend(); vault.mend() }
}

func TestPairOfHydraThatComesAfterItsSiblingIsStoredIsKeptUntilItCountsNoMore(t *testing.T) {
	h := newHydraSystem(t, provider.AuthHeader, longestGrace)
	a := h.consent()
	run, first, mend := h.inHand(a)
	h.edge.release()
	run.refreshed()
	a.nothingLost(1)
	mend()
	h.says(first, "both are generation 1 of one consent")
	a.nothingLost(1)

	require.EqualValues(t, 2, a.refresh().result().Generation)
	a.nothingLost(2)
	require.NoError(t, first.Stop(patience), "the worker drops the pair, which is superseded now")
	a.nothingLost(2)
	h.works(a)
}

func TestPairOfHydraWhoseSiblingIsInTheVaultFailsTheRunAndTheNextIsGreen(t *testing.T) {
	h := newHydraSystem(t, provider.AuthHeader, longestGrace)
	a := h.consent()
	run, first, mend := h.inHand(a)
	mend()
	h.says(first, saysEscrowed)
	h.edge.release()

	failure := run.failure()
	require.Equal(t, activities.GenerationConflict, failure.Type)
	require.False(t, h.secretIn(failure.Message))
	a.nothingLost(1)

	require.EqualValues(t, 2, a.refresh().result().Generation)
	a.nothingLost(2)
	h.works(a)
}
