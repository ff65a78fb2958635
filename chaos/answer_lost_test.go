package main_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/workflows"
)

func TestF03WorkerKilledBeforeItReadTheAnswerAndTheReplayReturnsThePair(t *testing.T) {
	replayReturnsThePair(t, killedBeforeTheAnswer)
}

func TestF04WorkerKilledBeforeTemporalsWordAndTheReplayReturnsThePair(t *testing.T) {
	replayReturnsThePair(t, killedBeforeTheWord)
}

func TestF03WorkerKilledBeforeItReadTheAnswerOfAProviderWithoutReplayIsAlertedOnce(t *testing.T) {
	lossIsAlertedOnce(t, killedBeforeTheAnswer)
}

func TestF04WorkerKilledBeforeTemporalsWordWithoutReplayIsAlertedOnce(t *testing.T) {
	lossIsAlertedOnce(t, killedBeforeTheWord)
}

// killed starts a run and ends its worker when the provider has spent the refresh
// token and no other process can have the pair.
type killed func(account, ...func(*client.StartWorkflowOptions)) run

func replayReturnsThePair(t *testing.T, killed killed) {
	t.Parallel()
	for name, provider := range map[string]authserver.Options{
		"reuse refused": {},
		"reuse revokes": {ReuseRevokes: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSystem(t, testenv.Options{Provider: provider})
			a := s.consent()
			run := killed(a)
			w := s.work()

			run.ends(workflows.Refreshed, grant.Rotated, grant.Replayed)
			run.tried("CallFitbit", 2)
			// On a busy machine Temporal's answer may take so long that the vault is first.
			s.eventually("the gap is measured", func() bool {
				return s.metric(w, "tokenkeeper_first_copy_seconds_count", "where", "history")+
					s.metric(w, "tokenkeeper_first_copy_seconds_count", "where", "vault") > 0
			})
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

			run.ends(workflows.Refreshed, grant.Rotated, grant.Replayed)
			run.tried("CallFitbit", 3)
			require.Empty(t, a.logged(w, saysAlert))
		})
	}
}

// lossIsAlertedOnce is for what nothing can save.
func lossIsAlertedOnce(t *testing.T, killed killed) {
	t.Parallel()
	for name, provider := range map[string]authserver.Options{
		"reuse refused": noReplay,
		"reuse revokes": unforgiving,
	} {
		t.Run(name, func(t *testing.T) {
			s := newSystem(t, testenv.Options{Provider: provider})
			a := s.consent()
			refreshToken := a.Held(a.name)
			run := killed(a, everyFewSeconds)
			w := s.work()

			require.Contains(t, run.failure().Message, "spent by a call whose answer was lost")
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
	run := a.refreshHeld(changes...)
	doomed.Kill()
	return run
}

// killedBeforeTheWord ends a worker that has read the answer and that no longer
// reaches Temporal, before it stores the pair in the vault instead.
func killedBeforeTheWord(a account, changes ...func(*client.StartWorkflowOptions)) run {
	a.t.Helper()
	temporal, doomed := a.workBehindLink()
	run := a.refreshHeld(changes...)
	temporal.swallow(requests)
	temporal.swallow(answers) // or its poll may yet bring it the next attempt
	// Or it is too late soon.
	a.Vault.Inject(keyvault.Fault{Kind: keyvault.Unavailable, Operation: keyvault.OpSet})
	a.release()
	a.counts(doomed, 1, "tokenkeeper_provider_answers_total", "kind", "ok")
	doomed.Kill()
	a.Vault.ClearFaults()
	require.Len(a.t, a.refreshVersions(), 1, "killed too late: the pair is in the vault")
	require.Empty(a.t, run.attempts("CallFitbit"), "killed too late: the pair is in the history")
	return run
}
