package authserver_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/authserver"
)

func TestFaultsSendForeignWordsAsTheyStand(t *testing.T) {
	for _, tc := range []struct {
		status     int
		body, kind string
	}{
		{403, `{"error":"invalid_grant"}`, "application/json"},
		{200, `{"error":"access_denied"}`, "application/json"},
		{401, `<html><title>Sign in</title></html>`, "text/html; charset=utf-8"},
	} {
		s := start(t, authserver.Options{})
		refreshToken, _ := s.CreateGrant(user)
		require.NoError(t, s.Inject(authserver.Fault{Answer: authserver.Verbatim, Status: tc.status, Body: tc.body}))
		a := mustRefresh(t, s, refreshToken)
		require.Equal(t, tc.status, a.status)
		require.Equal(t, tc.body, a.body)
		require.Equal(t, tc.kind, a.header.Get("Content-Type"))
		require.True(t, s.IsLive(refreshToken))
	}
}

func TestAnEndpointThatHasMovedPointsElsewhere(t *testing.T) {
	s := start(t, authserver.Options{})
	refreshToken, _ := s.CreateGrant(user)
	require.NoError(t, s.Inject(authserver.Fault{Answer: authserver.Moved, Location: "https://new.example/token"}))
	a := mustRefresh(t, s, refreshToken)
	require.Equal(t, http.StatusPermanentRedirect, a.status)
	require.Equal(t, "https://new.example/token", a.header.Get("Location"))
	require.True(t, s.IsLive(refreshToken))
}

func TestEachProvidersAnswerCanLackItsExpiry(t *testing.T) {
	for _, p := range authserver.Providers() {
		t.Run(p.Name, func(t *testing.T) {
			s := start(t, authserver.Options{Provider: p, RepeatPause: authserver.NoPause})
			refreshToken, _ := s.CreateGrant(user)
			require.NoError(t, s.Inject(authserver.Fault{Answer: authserver.NoExpiry}))
			require.NoError(t, s.Inject(authserver.Fault{Answer: authserver.ZeroExpiry}))
			none := tokensIn(t, as(t, s, p, askedFor(p, refreshToken)))
			require.NotContains(t, none, "expires_in")
			require.NotEmpty(t, none["access_token"])
			if next, given := none["refresh_token"].(string); given {
				refreshToken = next
			}
			zero := tokensIn(t, as(t, s, p, askedFor(p, refreshToken)))
			if p.Name == "salesforce" {
				require.NotContains(t, zero, "expires_in", "it names none at all")
				return
			}
			require.Equal(t, 0., zero["expires_in"])
		})
	}
}

func TestFaultsThatContradictTheirAnswerAreRefused(t *testing.T) {
	s := start(t, authserver.Options{})
	for want, f := range map[string]authserver.Fault{
		"needs a status":      {Answer: authserver.Verbatim, Status: 403},
		"location belongs to": {Answer: authserver.Moved},
		"body belongs to":     {Answer: authserver.Dead, Body: "{}"},
		"and variant":         {Answer: authserver.Reset, Variant: 1},
		"wait_as and header":  {Answer: authserver.Dead, Status: 400},
	} {
		require.ErrorContains(t, s.Inject(f), want)
	}
}
