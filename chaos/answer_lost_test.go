package main_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/workflows"
)

func TestF03WorkerKilledBeforeItReadTheAnswerAndTheReplayReturnsThePair(t *testing.T) {
	replayReturnsThePair(t, killedBeforeTheAnswer)
}

func TestF04WorkerKilledBeforeTemporalsWordAndTheReplayReturnsThePair(t *testing.T) {
	replayReturnsThePair(t, killedBeforeTheWord)
}

func TestF03WorkerKilledBeforeItReadTheAnswerOfAProviderWithoutReplayIsToldOnce(t *testing.T) {
	lossIsToldOnce(t, killedBeforeTheAnswer)
}

func TestF04WorkerKilledBeforeTemporalsWordWithoutReplayIsToldOnce(t *testing.T) {
	lossIsToldOnce(t, killedBeforeTheWord)
}

// kill starts a run and ends its worker when the provider has spent the refresh
// token and nobody but that worker can have the pair.
type kill func(account, ...func(*client.StartWorkflowOptions)) run

func replayReturnsThePair(t *testing.T, kill kill) {
	t.Parallel()
	for name, provider := range map[string]authserver.Options{
		"reuse refused": {},
		"reuse revokes": {ReuseRevokes: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSystem(t, testenv.Options{Provider: provider})
			a := s.consent()
			run := kill(a)
			w := s.work()

			require.Equal(t, workflows.Refreshed, run.result().Outcome)
			require.Equal(t, []grant.Outcome{grant.Rotated, grant.Replayed}, a.outcomes())
			require.Equal(t, []int{2}, run.attempts("CallFitbit"))
			a.nothingLost(1)
			// On a busy machine Temporal's word may take so long that the vault is first.
			firstCopies := s.metric(w, "tokenkeeper_first_copy_milliseconds_count", "where", "history") +
				s.metric(w, "tokenkeeper_first_copy_milliseconds_count", "where", "vault")
			require.Equal(t, 1, firstCopies, "the gap is measured")
		})
	}
}

func TestF03PassingRefusalAfterTheAnswerWasLostIsNotFinal(t *testing.T) {
	t.Parallel()
	for name, refusal := range map[string]authserver.Fault{
		"401": {Endpoint: authserver.Token, Answer: authserver.InvalidClient},
		"410": {Endpoint: authserver.Token, Answer: authserver.Status, Status: http.StatusGone},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSystem(t, testenv.Options{})
			a := s.consent()
			run := killedBeforeTheAnswer(a)
			require.NoError(t, a.Provider.Inject(refusal))
			w := s.work()

			require.Equal(t, workflows.Refreshed, run.result().Outcome)
			require.Equal(t, []grant.Outcome{grant.Rotated, grant.Replayed}, a.outcomes())
			require.Equal(t, []int{3}, run.attempts("CallFitbit"))
			require.Empty(t, a.said(w, "needs a person"))
			a.nothingLost(1)
		})
	}
}

// lossIsToldOnce is for what nothing can save.
func lossIsToldOnce(t *testing.T, kill kill) {
	t.Parallel()
	for name, provider := range map[string]authserver.Options{
		"reuse refused": {ReplayWindow: authserver.NoReplay},
		"reuse revokes": {ReplayWindow: authserver.NoReplay, ReuseRevokes: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSystem(t, testenv.Options{Provider: provider})
			a := s.consent()
			refreshToken := a.Held(a.name)
			run := kill(a, everyFewSeconds)
			w := s.work()

			require.Contains(t, run.failure().Message(), "spent by a call whose answer was lost")
			require.Equal(t, []grant.Outcome{grant.Rotated, grant.Reused}, a.outcomes()[:2])
			require.True(t, s.Lost(a.name))
			a.asksForConsentOnce(w, run, refreshToken)
		})
	}
}

// killedBeforeTheAnswer ends a worker when the provider has spent the token and
// not answered yet.
func killedBeforeTheAnswer(a account, changes ...func(*client.StartWorkflowOptions)) run {
	a.t.Helper()
	doomed := a.work()
	require.NoError(a.t, a.Provider.Inject(authserver.Fault{Endpoint: authserver.Token, Hold: true}))
	run := a.refresh(changes...)
	a.held()
	doomed.Kill()
	return run
}

// killedBeforeTheWord ends a worker that has read the answer and that Temporal
// does not hear any more, before it turns to the vault instead.
func killedBeforeTheWord(a account, changes ...func(*client.StartWorkflowOptions)) run {
	a.t.Helper()
	temporal := a.linkTo(a.Temporal.Address())
	doomed := a.work("TEMPORAL_ADDRESS=" + temporal.address())
	require.NoError(a.t, a.Provider.Inject(authserver.Fault{Endpoint: authserver.Token, Hold: true}))
	run := a.refresh(changes...)
	a.held()
	temporal.swallow(requests)
	require.Equal(a.t, 1, a.Provider.Release(a.user))
	a.eventually("the worker has read the answer", func() bool {
		return a.metric(doomed, "tokenkeeper_provider_answers_total", "kind", "ok") == 1
	})
	doomed.Kill()
	require.Len(a.t, a.refreshVersions(), 1, "killed too late: the pair is in the vault")
	require.Empty(a.t, run.attempts("CallFitbit"), "killed too late: the pair is in the history")
	return run
}
