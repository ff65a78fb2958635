package main_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/testenv"
)

// awayFor is longer than until the first probe of each worker.
const awayFor = 15 * time.Second

func TestF34AProviderThatIsAwayForAFleetIsAskedByFew(t *testing.T) {
	for name, fault := range map[string]authserver.Fault{
		"503":   {Answer: authserver.Status, Status: 503},
		"429":   {Answer: authserver.Status, Status: 429, RetryAfter: authserver.Duration(5 * time.Second)},
		"reset": {Answer: authserver.Reset},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSystem(t, testenv.Options{})
			s.work().Kill() // the namespace has the search attributes now
			fault.Endpoint, fault.Times = authserver.Token, authserver.EveryTime
			require.NoError(t, s.Provider.Inject(fault))
			accounts := s.fleet(fleetSize)
			workers := []*testenv.Worker{s.work(), s.work()}
			// On a machine that stands still, all that are due may have asked before the first
			// answer is read: only for those that come later is it known that few ask.
			const first = 16
			runs := due(accounts[:first])
			for _, w := range workers {
				s.counts(w, 1, "tokenkeeper_provider_breaker_open", "provider", "fitbit")
			}
			later := due(accounts[first:])
			told := map[string]bool{}
			began := time.Now()
			s.eventually("the provider has been away for a while, and some have been told", func() bool {
				for _, r := range later {
					if call := r.pending("CallFitbit"); call.GetAttempt() > 1 && r.calls() == 0 {
						told[r.id] = true
						require.NotContains(t, call.GetHeartbeatDetails().String(), "first", "the next attempt does not take it that this one has sent a request")
					}
				}
				return time.Since(began) > awayFor && len(told) > 0
			})
			asked := 0
			for _, r := range later {
				if r.calls() > 0 {
					asked++
				}
			}
			t.Logf("%d of %d accounts have asked, and %d were told to wait", asked, len(later), len(told))
			require.Less(t, asked, len(later)/2, "the others waited unsent")

			s.Provider.ClearFaults()
			runs = append(runs, later...)
			green(t, runs)
			for _, r := range runs {
				r.providerSaw(grant.Rotated) // a provider that took it was presented each token once
			}
			for _, w := range workers {
				require.LessOrEqual(t, w.ExitCode(), 0)
			}
		})
	}
}
