package authserver_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/authserver"
)

func introspect(t *testing.T, s *authserver.Server, bearer, about string) answer {
	t.Helper()
	a, err := post(t.Context(), s, "/1.1/oauth2/introspect", url.Values{"token": {about}}, func(r *http.Request) {
		r.Header.Set("Authorization", "Bearer "+bearer)
	})
	require.NoError(t, err)
	return a
}

func TestProfileTakesAnAccessTokenInForce(t *testing.T) {
	clock := newClock()
	s := start(t, authserver.Options{Now: clock.Now})
	refreshToken, access := s.CreateGrant(user)

	good := profile(t, s, access)
	require.Equal(t, http.StatusOK, good.status)
	require.Contains(t, good.body, user)
	require.Equal(t, "invalid_token", profile(t, s, refreshToken).errorType(t))
	clock.Advance(authserver.DefaultAccessTokenLifetime)
	expired := profile(t, s, access)
	require.Equal(t, http.StatusUnauthorized, expired.status)
	require.Equal(t, "expired_token", expired.errorType(t))
}

func TestRateLimitIsPerUserAndClockHour(t *testing.T) {
	clock := newClock()
	clock.Advance(20 * time.Minute)
	s := start(t, authserver.Options{Now: clock.Now})
	_, access := s.CreateGrant(user)
	_, other := s.CreateGrant("FAKE02")

	first := profile(t, s, access)
	require.Equal(t, "150", first.header.Get("Fitbit-Rate-Limit-Limit"))
	require.Equal(t, "149", first.header.Get("Fitbit-Rate-Limit-Remaining"))
	require.Equal(t, "2400", first.header.Get("Fitbit-Rate-Limit-Reset"))
	for range 149 {
		require.Equal(t, http.StatusOK, profile(t, s, access).status)
	}
	over := profile(t, s, access)
	require.Equal(t, http.StatusTooManyRequests, over.status)
	require.Equal(t, "system", over.errorType(t))
	require.Equal(t, "0", over.header.Get("Fitbit-Rate-Limit-Remaining"))
	require.Equal(t, http.StatusOK, profile(t, s, other).status)

	clock.Advance(40 * time.Minute)
	require.Equal(t, http.StatusOK, profile(t, s, access).status)
}

func TestIntrospectShowsTheStateOfAnAccessToken(t *testing.T) {
	clock := newClock()
	s := start(t, authserver.Options{Now: clock.Now})
	refreshToken, access := s.CreateGrant(user)
	_, other := s.CreateGrant("FAKE02")

	body := introspect(t, s, access, other).json(t)
	require.Equal(t, true, body["active"])
	require.Equal(t, "FAKE02", body["user_id"])
	require.Equal(t, s.Client().ID, body["client_id"])
	require.Equal(t, "access_token", body["token_type"])
	require.EqualValues(t, clock.Now().Add(8*time.Hour).UnixMilli(), body["exp"])
	require.Equal(t, map[string]any{"active": false}, introspect(t, s, access, refreshToken).json(t))
	require.Equal(t, "invalid_token", introspect(t, s, "fake-unknown", access).errorType(t))
}

func TestRevokeEndsAllOfTheUsersTokens(t *testing.T) {
	s := start(t, authserver.Options{})
	refreshToken, access := s.CreateGrant(user)
	other, _ := s.CreateGrant("FAKE02")

	a, err := post(t.Context(), s, "/oauth2/revoke", url.Values{"token": {access}})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, a.status)
	require.False(t, s.Audit(user).Alive())
	require.Equal(t, "invalid_grant", mustRefresh(t, s, refreshToken).errorType(t))
	require.Equal(t, "invalid_token", profile(t, s, access).errorType(t))
	require.True(t, s.IsLive(other))
}

func TestRevokeRefusesOnlyWhatRFC7009Refuses(t *testing.T) {
	s := start(t, authserver.Options{})
	unknown, err := post(t.Context(), s, "/oauth2/revoke", url.Values{"token": {"fake-unknown"}})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, unknown.status)
	missing, err := post(t.Context(), s, "/oauth2/revoke", nil)
	require.NoError(t, err)
	require.Equal(t, "invalid_request", missing.errorType(t))
	stranger, err := post(t.Context(), s, "/oauth2/revoke", url.Values{"token": {"fake"}}, func(r *http.Request) {
		r.Header.Del("Authorization")
	})
	require.NoError(t, err)
	require.Equal(t, "invalid_client", stranger.errorType(t))
}
