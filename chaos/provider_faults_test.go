package main_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/fitbit"
	"tokenkeeper/internal/sim/fitbit/grant"
	"tokenkeeper/internal/sim/stack"
	"tokenkeeper/workflows"
)

func TestF02NoAnswerThatIsNoPairIsStoredAndTheReplayReturnsThePair(t *testing.T) {
	s := newSystem(t, stack.Options{})
	s.work()
	type trial struct {
		name      string
		fault     fitbit.Fault
		committed bool // the fault struck after the token was spent
		account   account
		run       run
	}
	trials := []trial{
		{name: "no answer, nothing spent", fault: fitbit.Fault{Hold: true, Answer: fitbit.Reset}},
		{name: "no answer", fault: fitbit.Fault{Hold: true}, committed: true},
		{name: "reset, nothing spent", fault: fitbit.Fault{Answer: fitbit.Reset}},
		{name: "reset", fault: fitbit.Fault{Answer: fitbit.Reset, Commit: true}, committed: true},
		{name: "503, nothing spent", fault: fitbit.Fault{Answer: fitbit.Status, Status: 503}},
		{name: "503", fault: fitbit.Fault{Answer: fitbit.Status, Status: 503, Commit: true}, committed: true},
		{name: "web page, nothing spent", fault: fitbit.Fault{Answer: fitbit.HTML}},
		{name: "web page", fault: fitbit.Fault{Answer: fitbit.HTML, Commit: true}, committed: true},
		{name: "JSON that breaks off", fault: fitbit.Fault{Answer: fitbit.Malformed, Commit: true}, committed: true},
		{name: "half of the answer", fault: fitbit.Fault{Answer: fitbit.Truncated}, committed: true},
		{name: "no tokens", fault: fitbit.Fault{Answer: fitbit.NoTokens, Commit: true}, committed: true},
		{name: "empty tokens", fault: fitbit.Fault{Answer: fitbit.EmptyTokens, Commit: true}, committed: true},
	}
	for i := range trials {
		trial := &trials[i]
		trial.account = s.consent()
		fault := trial.fault
		fault.Endpoint, fault.User = fitbit.Token, trial.account.user
		fault.Times = 2
		require.NoError(t, s.Provider.Inject(fault), trial.name)
		trial.run = trial.account.refresh()
	}
	for _, trial := range trials {
		a := trial.account
		require.Equal(t, workflows.Refreshed, trial.run.result().Outcome, trial.name)
		outcomes := []grant.Outcome{grant.Rotated}
		if trial.committed {
			outcomes = append(outcomes, grant.Replayed, grant.Replayed)
		}
		require.Equal(t, outcomes, a.outcomes(), trial.name)
		require.Equal(t, 3, a.calls(), trial.name)
		require.Equal(t, []int{3}, trial.run.attempts("CallFitbit"), trial.name)
		a.nothingLost(1)
	}
}

func TestF06RateLimitIsWaitedOut(t *testing.T) {
	s := newSystem(t, stack.Options{})
	s.work()
	const wait = 7 * time.Second
	runs := map[string]run{}
	for header, fault := range map[string]fitbit.Fault{
		"Retry-After":             {RetryAfter: fitbit.Duration(wait)},
		"Fitbit-Rate-Limit-Reset": {RateLimitReset: fitbit.Duration(wait)},
	} {
		a := s.consent()
		fault.Endpoint, fault.User, fault.Answer, fault.Status = fitbit.Token, a.user, fitbit.Status, 429
		require.NoError(t, s.Provider.Inject(fault))
		runs[header] = a.refresh()
	}
	for header, run := range runs {
		require.Equal(t, workflows.Refreshed, run.result().Outcome, header)
		require.Equal(t, []grant.Outcome{grant.Rotated}, run.outcomes(), header)
		require.Equal(t, 2, run.calls(), header)
		waited := run.Provider.Events(run.user)[0].Time.Sub(run.scheduled("CallFitbit"))
		require.GreaterOrEqual(t, waited, wait, header)
		run.nothingLost(1)
	}
}
