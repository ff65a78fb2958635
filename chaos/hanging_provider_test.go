package main_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/testenv"
)

// The worker runs eight activities at a time, and the provider has answers enough to keep
// back for all of them, for as long as a worker waits for one.
func TestF27ProviderThatHangsHoldsUpNoAccountOfAnotherProvider(t *testing.T) {
	for name, window := range map[string]time.Duration{"it repeats nothing": authserver.NoReplay, "it repeats answers": replayForRows} {
		t.Run(name, func(t *testing.T) {
			s := newSystem(t, testenv.Options{Provider: authserver.Options{ReplayWindow: window}, Others: []authserver.Options{{Provider: authserver.Xero()}}})
			s.work("TOKENKEEPER_MAX_CONCURRENT_ACTIVITIES=8")
			spared := s.consentAt(s.other(0))
			spared.refresh().result()

			const waitsForAnswer = 12 * time.Second
			require.NoError(t, s.Provider.Inject(authserver.Fault{Endpoint: authserver.Token, DelayBefore: authserver.Duration(2 * waitsForAnswer), Answer: authserver.Reset, Times: authserver.EveryTime}))
			var hung []run
			for range 40 {
				hung = append(hung, s.consent().refresh())
			}
			s.eventually("the provider hangs", func() bool { return s.Provider.Stats().Total.Calls[authserver.Token] >= 2 })
			var took []time.Duration
			for began := time.Now(); time.Since(began) < 2*waitsForAnswer; {
				asked := time.Now()
				spared.refresh().refreshed()
				took = append(took, time.Since(asked))
			}
			// The machine may hold up one of them for as long.
			slices.Sort(took)
			median := took[len(took)/2]
			t.Logf("the other provider's %d refreshes took %s, and at most %s", len(took), median, took[len(took)-1])
			require.Less(t, median, 2*waitsForAnswer, "with a slot each, the others would hold it up for a minute")
			spared.holdsLive()

			s.Provider.ClearFaults()
			if window == replayForRows { // without it their tokens are presented again after minutes
				for _, run := range hung {
					run.refreshed()
					run.holdsLive()
				}
			}
		})
	}
}
