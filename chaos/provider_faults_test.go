package main_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/testenv"
)

func TestF02NoAnswerThatIsNoPairIsStoredAndTheReplayReturnsThePair(t *testing.T) {
	t.Parallel()
	type trial struct {
		name      string
		fault     authserver.Fault
		committed bool // the fault struck after the token was spent
		account   account
		run       run
	}
	trials := []trial{
		{name: "no answer, nothing spent", fault: authserver.Fault{Hold: true, Answer: authserver.Reset}},
		{name: "no answer", fault: authserver.Fault{Hold: true}, committed: true},
		{name: "reset, nothing spent", fault: authserver.Fault{Answer: authserver.Reset}},
		{name: "reset", fault: authserver.Fault{Answer: authserver.Reset, Commit: true}, committed: true},
		{name: "503, nothing spent", fault: authserver.Fault{Answer: authserver.Status, Status: 503}},
		{name: "503", fault: authserver.Fault{Answer: authserver.Status, Status: 503, Commit: true}, committed: true},
		{name: "web page, nothing spent", fault: authserver.Fault{Answer: authserver.HTML}},
		{name: "web page", fault: authserver.Fault{Answer: authserver.HTML, Commit: true}, committed: true},
		{name: "JSON that breaks off", fault: authserver.Fault{Answer: authserver.Malformed, Commit: true}, committed: true},
		{name: "half of the answer", fault: authserver.Fault{Answer: authserver.Truncated}, committed: true},
		{name: "no tokens", fault: authserver.Fault{Answer: authserver.NoTokens, Commit: true}, committed: true},
		{name: "empty tokens", fault: authserver.Fault{Answer: authserver.EmptyTokens, Commit: true}, committed: true},
	}
	// With five accounts that fail at once the worker's breaker would hold back the others.
	for few := range slices.Chunk(trials, 4) {
		t.Run("from "+few[0].name, func(t *testing.T) {
			s := newSystem(t, testenv.Options{})
			s.work()
			for i := range few {
				trial := &few[i]
				trial.account = s.consent()
				fault := trial.fault
				fault.Endpoint, fault.User = authserver.Token, trial.account.user
				fault.Times = 2
				require.NoError(t, s.Provider.Inject(fault), trial.name)
				trial.run = trial.account.refresh()
			}
			for _, trial := range few {
				t.Logf("%s: %s", trial.account.name, trial.name)
				trial.run.refreshed(trial.name)
				outcomes := []grant.Outcome{grant.Rotated}
				if trial.committed {
					outcomes = append(outcomes, grant.Replayed, grant.Replayed)
				}
				trial.run.providerSaw(outcomes...)
				trial.run.asked(3)
				trial.run.tried("CallFitbit", 3)
				trial.run.lostNothing()
			}
		})
	}
}

func TestF06RateLimitIsWaitedOut(t *testing.T) {
	s := newSystem(t, testenv.Options{})
	s.work()
	const wait = 7 * time.Second
	runs := map[string]run{}
	for header, fault := range map[string]authserver.Fault{
		"Retry-After":             {RetryAfter: authserver.Duration(wait)},
		"Fitbit-Rate-Limit-Reset": {RateLimitReset: authserver.Duration(wait)},
	} {
		a := s.consent()
		fault.Endpoint, fault.User, fault.Answer, fault.Status = authserver.Token, a.user, authserver.Status, 429
		require.NoError(t, s.Provider.Inject(fault))
		runs[header] = a.refresh()
	}
	for header, run := range runs {
		run.refreshed(header)
		run.providerSaw(grant.Rotated)
		run.asked(2)
		waited := run.Provider.Events(run.user)[0].Time.Sub(run.scheduled("CallFitbit"))
		require.GreaterOrEqual(t, waited, wait, header)
		run.lostNothing()
	}
}
