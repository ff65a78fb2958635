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
			runs := due(accounts)
			workers := []*testenv.Worker{s.work(), s.work()}
			for _, w := range workers {
				s.counts(w, 1, "tokenkeeper_provider_breaker_open", "provider", "fitbit")
			}
			began := time.Now()
			s.eventually("the provider has been away for a while", func() bool { return time.Since(began) > awayFor })
			asked := 0
			for _, a := range accounts {
				if a.calls() > 0 {
					asked++
				}
			}
			t.Logf("%d of %d accounts have asked", asked, fleetSize)
			require.Less(t, asked, fleetSize/2, "the others waited unsent")
			told := 0
			for _, r := range runs {
				if call := r.pending("CallFitbit"); call.GetAttempt() > 1 && r.calls() == 0 {
					told++
					require.NotContains(t, call.GetHeartbeatDetails().String(), "first", "the next attempt does not take it that this one has sent a request")
				}
			}
			require.NotZero(t, told)

			s.Provider.ClearFaults()
			green(t, runs)
			for _, a := range accounts {
				require.Equal(t, []grant.Outcome{grant.Rotated}, a.outcomes(), "each token was presented once to a provider that took it")
			}
			for _, w := range workers {
				require.LessOrEqual(t, w.ExitCode(), 0)
			}
		})
	}
}
