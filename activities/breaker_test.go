package activities_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"

	"tokenkeeper/activities"
	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/token"
)

// loadedFor is the grant of one more account.
func (s *system) loadedFor(name string) activities.LoadResult {
	s.t.Helper()
	refresh, _ := s.provider.CreateGrant("USER-" + name)
	s.vault.Put(name+"-RefreshToken", refresh)
	loaded, err := perform[activities.LoadResult](s, attempt{}, "LoadSecrets", activities.LoadInput{Account: token.Account{Provider: "fitbit", Name: name}})
	require.NoError(s.t, err)
	return loaded
}

// away is a system whose provider answers 503 for everyone, and has done so to five accounts.
func away(t *testing.T) (s *system, waiting activities.LoadResult) {
	t.Helper()
	s = newSystem(t)
	waiting = s.mustLoad()
	require.NoError(t, s.provider.Inject(authserver.Fault{Endpoint: authserver.Token, Answer: authserver.Status, Status: 503, Times: authserver.EveryTime}))
	for n := range 5 {
		requireFailure(t, s.call(attempt{}, s.loadedFor(fmt.Sprint("a", n))), "ProviderNotReady", false)
	}
	require.Equal(t, []string{"fitbit true"}, s.metrics.breakers)
	return s, waiting
}

// heldBack is a call that is not let through. A probe is due soon after the provider was found
// away, and a call of a test that is starved may be the one; then there is another try.
func heldBack(t *testing.T, at func() attempt) (s *system, waiting activities.LoadResult, err error) {
	t.Helper()
	for range 5 {
		s, waiting = away(t)
		if err = s.call(at(), waiting); s.requests() == 5 {
			break
		}
	}
	return s, waiting, err
}

func (s *system) requests() int { return s.provider.Stats().Total.Calls[authserver.Token] }

func TestAProviderThatIsAwayForManyIsNotAskedByTheOthers(t *testing.T) {
	s, waiting, err := heldBack(t, func() attempt { return attempt{} })
	require.Equal(t, "Fitbit is away for every account (503 Service Unavailable), so that few ask it until it answers; nothing was sent", requireFailure(t, err, "ProviderAway", false))
	require.Equal(t, []string{"ProviderAway"}, s.metrics.held)
	require.Equal(t, 5, s.requests())
	require.GreaterOrEqual(t, delayOf(t, err), 5*time.Second)
	words := s.heard.list()
	word := words[len(words)-1]
	require.Equal(t, true, word["unsent"])
	require.InDelta(t, 1, word["held"], 0)
	require.Contains(t, s.said.String(), `msg="a provider is away for every account; few calls ask it until it answers" provider=fitbit cause="503 Service Unavailable"`)

	s.provider.ClearFaults()
	urgent := attempt{number: 2, told: told(1, time.Minute)}
	require.ErrorIs(t, s.call(urgent, s.loadedFor("urgent")), activity.ErrResultPending, "its answer waits at the provider")
	require.Equal(t, []string{"fitbit true", "fitbit false"}, s.metrics.breakers)
	require.ErrorIs(t, s.call(attempt{number: 2, told: word}, waiting), activity.ErrResultPending, "one at a time comes back")
	require.Contains(t, s.said.String(), "the provider answers again")
}

// Another workflow of the account may have refreshed it, or an attempt of its own between this
// one and the word, as where an operator has reset the activity meanwhile. Fitbit ends nothing,
// but others do, for a token that comes again.
func TestACallThatIsTriedAgainLooksIntoTheVaultFirst(t *testing.T) {
	for _, asked := range []time.Duration{time.Second, 10 * time.Minute} {
		s := newSystemWith(t, setup{entries: revoking})
		loaded := s.mustLoad()
		s.refreshKnowing(activities.Known{}, "run-other")
		before := s.requests()
		requireFailure(t, s.call(attempt{number: 2, asked: asked, told: unsent(1, time.Now())}, loaded), activities.GrantAdvanced, true)
		require.Equal(t, before, s.requests())
	}
}

// unsent is the word of an attempt that has sent nothing, for the next one at a time.
func unsent(attempt int, next time.Time) map[string]any {
	return map[string]any{"attempt": attempt, "unsent": true, "next": next}
}

// After a reset an attempt's number may be that of one before it, which has left no word.
func TestAWordIsForTheAttemptThatItWasLeftFor(t *testing.T) {
	for name, c := range map[string]struct {
		next time.Duration
		want any
	}{
		"on time":                 {0, true},
		"a moment late":           {-time.Second, true},
		"another one was between": {-activities.CallTimeout, nil},
		"it was reset before":     {time.Minute, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s, _, err := heldBack(t, func() attempt { return attempt{number: 2, told: unsent(1, time.Now().Add(c.next))} })
			requireFailure(t, err, "ProviderAway", false)
			require.Equal(t, c.want, wordOf(s, 2)["unsent"])
		})
	}
}
