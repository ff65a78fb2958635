package authserver_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/authserver"
)

const tooSoon = `{"status":601,"body":{"wait_seconds":10},"error":"Same arguments in less than 10 seconds"}`

func TestWithingsRefusesTheSameArgumentsWithinTenSeconds(t *testing.T) {
	clock := newClock()
	s := start(t, authserver.Options{Provider: authserver.Withings(), Now: clock.Now})
	refreshToken, _ := s.CreateGrant(user)
	ask := func(refreshToken string) string {
		return as(t, s, authserver.Withings(), askedFor(authserver.Withings(), refreshToken)).body
	}
	first := ask(refreshToken)
	require.Contains(t, first, `"status":0`)
	require.Equal(t, tooSoon, ask(refreshToken))
	clock.Advance(9 * time.Second)
	require.Equal(t, tooSoon, ask(refreshToken))
	clock.Advance(9 * time.Second)
	require.Equal(t, tooSoon, ask(refreshToken), "the refused one counts as well")
	require.Contains(t, ask("fake-other"), `"status":503`, "other arguments")
	clock.Advance(10 * time.Second)
	require.Equal(t, first, ask(refreshToken), "the replay")
	require.Equal(t, 5, s.Stats().Users[user].Calls[authserver.Token])
	require.Len(t, s.Events(user), 2, "what is refused so presents no token")
}

func TestOthersMayBeAskedAgainAtOnce(t *testing.T) {
	for _, o := range []authserver.Options{{}, {Provider: authserver.Xero()}, {Provider: authserver.Withings(), RepeatPause: authserver.NoPause}} {
		s := start(t, o)
		require.Zero(t, s.RepeatPause())
		refreshToken, _ := s.CreateGrant(user)
		first := as(t, s, s.Imitates(), askedFor(s.Imitates(), refreshToken))
		require.Equal(t, first.body, as(t, s, s.Imitates(), askedFor(s.Imitates(), refreshToken)).body)
	}
}
