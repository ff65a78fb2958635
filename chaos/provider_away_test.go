package main_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/workflows"
)

// asked counts the accounts whose tokens the provider has seen.
func asked(runs []run) (n int) {
	for _, r := range runs {
		if r.calls() > 0 {
			n++
		}
	}
	return n
}

// A provider is away for everyone and comes back: few ask it meanwhile, an answer that was
// lost just before is had in its window, and all are green soon after.
func TestAProviderThatIsAwayForEveryoneIsAskedByFew(t *testing.T) {
	for name, fault := range map[string]authserver.Fault{
		"it answers 503":      {Answer: authserver.Status, Status: 503},
		"it limits with 429":  {Answer: authserver.Status, Status: 429, RetryAfter: authserver.Duration(5 * time.Second)},
		"it ends connections": {Answer: authserver.Reset},
	} {
		t.Run(name, func(t *testing.T) {
			const accounts = 40
			s := newSystem(t, testenv.Options{Provider: authserver.Options{ReplayWindow: authserver.DefaultReplayWindow}})
			w := s.work("TOKENKEEPER_MAX_SECRET_WRITES_PER_SECOND=500")

			unlucky := s.consent() // whose answer is lost as the provider goes
			require.NoError(t, s.Provider.Inject(authserver.Fault{Endpoint: authserver.Token, User: unlucky.user, Commit: true, Answer: authserver.Reset}))
			fault.Endpoint, fault.Times = authserver.Token, authserver.EveryTime
			require.NoError(t, s.Provider.Inject(fault))
			lost := unlucky.refresh()
			runs := due(s.fleet(accounts))
			s.says(w, "a provider is away for every account")
			s.eventually("all others wait", func() bool {
				waiting := 0
				for _, r := range runs {
					if r.pending("CallFitbit").GetAttempt() > 1 {
						waiting++
					}
				}
				return waiting == accounts
			})
			away := s.Provider.Stats().Total.Calls[authserver.Token]
			t.Logf("%d requests of %d accounts while it was away", away, asked(runs))
			require.Less(t, asked(runs), accounts*2/3)

			s.Provider.ClearFaults()
			back := time.Now()
			require.Equal(t, workflows.Refreshed, lost.result().Outcome)
			green(t, runs)
			t.Logf("all green %s after its return", time.Since(back).Round(time.Second))
			require.Equal(t, 1, s.Provider.Stats().Total.Replays, "the answer that was lost")
			require.LessOrEqual(t, s.Provider.Stats().Total.Calls[authserver.Token], away+2*(accounts+1))
			s.says(w, "the provider answers again")
			s.counts(w, 0, "tokenkeeper_provider_breaker_open", "provider", "fitbit")
		})
	}
}
