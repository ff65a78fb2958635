package authserver_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/token"
)

func TestRefreshAnswersAPairAndSpendsTheToken(t *testing.T) {
	s := start(t, authserver.Options{TokenPrefix: "canary-"})
	old, _ := s.CreateGrant(user)
	require.True(t, strings.HasPrefix(old, "canary-"), old)

	a := mustRefresh(t, s, old)
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, "no-store", a.header.Get("Cache-Control"))
	body := a.json(t)
	require.EqualValues(t, 28800, body["expires_in"])
	require.Equal(t, "Bearer", body["token_type"])
	require.Equal(t, user, body["user_id"])
	require.NotEmpty(t, body["scope"])
	require.NotEmpty(t, body["access_token"])
	issued := body["refresh_token"].(string)
	require.NotEqual(t, old, issued)

	require.False(t, s.IsLive(old))
	require.True(t, s.IsLive(issued))
	audit := s.Audit(user)
	require.True(t, audit.Alive())
	require.Equal(t, fingerprint(issued), audit.Live)
	require.Equal(t, 1, audit.Generation)
}

func TestIdenticalRefreshRepeatsTheAnswer(t *testing.T) {
	clock := newClock()
	s := start(t, authserver.Options{Now: clock.Now})
	old, _ := s.CreateGrant(user)
	first := mustRefresh(t, s, old)

	clock.Advance(authserver.DefaultReplayWindow - 1)
	require.True(t, s.Replayable(old))
	require.Equal(t, first.body, mustRefresh(t, s, old).body)

	clock.Advance(1)
	require.False(t, s.Replayable(old))
	late := mustRefresh(t, s, old)
	require.Equal(t, http.StatusBadRequest, late.status)
	require.Equal(t, "invalid_grant", late.errorType(t))
	require.True(t, s.Audit(user).Alive(), "Fitbit does not punish reuse")
}

func TestUsingTheNewAccessTokenEndsTheReplay(t *testing.T) {
	s := start(t, authserver.Options{})
	old, _ := s.CreateGrant(user)
	issued := mustRefresh(t, s, old).json(t)["access_token"].(string)
	require.Equal(t, http.StatusOK, profile(t, s, issued).status)
	require.Equal(t, "invalid_grant", mustRefresh(t, s, old).errorType(t))
}

func TestNoReplayRefusesTheIdenticalRefresh(t *testing.T) {
	s := start(t, authserver.Options{ReplayWindow: authserver.NoReplay})
	old, _ := s.CreateGrant(user)
	mustRefresh(t, s, old)
	require.Equal(t, "invalid_grant", mustRefresh(t, s, old).errorType(t))
}

func TestReuseEndsTheGrantWhereConfigured(t *testing.T) {
	s := start(t, authserver.Options{ReplayWindow: authserver.NoReplay, ReuseRevokes: true})
	old, _ := s.CreateGrant(user)
	issued := mustRefresh(t, s, old).json(t)["refresh_token"].(string)
	mustRefresh(t, s, old)
	require.False(t, s.Audit(user).Alive())
	require.Equal(t, "invalid_grant", mustRefresh(t, s, issued).errorType(t))
}

func TestExpiresInIsTheConfiguredLifetime(t *testing.T) {
	s := start(t, authserver.Options{AccessTokenLifetime: 90 * time.Second})
	old, _ := s.CreateGrant(user)
	require.EqualValues(t, 90, mustRefresh(t, s, old).json(t)["expires_in"])
}

func TestMalformedTokenRequestsAreRefusedAndSpendNothing(t *testing.T) {
	s := start(t, authserver.Options{})
	refreshToken, _ := s.CreateGrant(user)
	cases := []struct {
		name   string
		form   url.Values
		edit   func(*http.Request)
		status int
		want   string
	}{
		{"no grant_type", url.Values{"refresh_token": {refreshToken}}, nil, 400, "invalid_request"},
		{"unknown grant_type", url.Values{"grant_type": {"password"}}, nil, 400, "unsupported_grant_type"},
		{"no refresh_token", url.Values{"grant_type": {"refresh_token"}}, nil, 400, "invalid_request"},
		{"no code", url.Values{"grant_type": {"authorization_code"}}, nil, 400, "invalid_request"},
		{"unknown code", url.Values{"grant_type": {"authorization_code"}, "code": {"fake-code"}}, nil, 400, "invalid_grant"},
		{"everything in the URL", nil, func(r *http.Request) {
			r.URL.RawQuery = url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refreshToken}}.Encode()
		}, 400, "invalid_request"},
		{"a JSON body", refreshForm(refreshToken), func(r *http.Request) {
			r.Header.Set("Content-Type", "application/json")
		}, 400, "invalid_request"},
		{"broken form", nil, func(r *http.Request) { r.URL.RawQuery = "a=%zz" }, 400, "invalid_request"},
		{"no client", refreshForm(refreshToken), func(r *http.Request) { r.Header.Del("Authorization") }, 401, "invalid_client"},
		{"client in the body of a server application", url.Values{
			"grant_type": {"refresh_token"}, "refresh_token": {refreshToken}, "client_id": {s.Client().ID},
		}, func(r *http.Request) { r.Header.Del("Authorization") }, 401, "invalid_client"},
		{"unknown client", refreshForm(refreshToken), func(r *http.Request) {
			r.SetBasicAuth("FAKE99", s.Client().Secret.Reveal())
		}, 401, "invalid_client"},
		{"wrong secret", refreshForm(refreshToken), func(r *http.Request) {
			r.SetBasicAuth(s.Client().ID, "fake-wrong%zz")
		}, 401, "invalid_client"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			edit := c.edit
			if edit == nil {
				edit = func(*http.Request) {}
			}
			a, err := post(t.Context(), s, "/oauth2/token", c.form, edit)
			require.NoError(t, err)
			require.Equal(t, c.status, a.status)
			require.Equal(t, c.want, a.errorType(t))
			require.True(t, s.IsLive(refreshToken))
		})
	}
}

func TestErrorsEchoSecretsAsTheRealOnesDo(t *testing.T) {
	s := start(t, authserver.Options{})
	require.Contains(t, mustRefresh(t, s, "fake-refresh-token-1").body, "Refresh token invalid: fake-refresh-token-1.")
	a, err := post(t.Context(), s, "/oauth2/token", refreshForm("fake"), func(r *http.Request) {
		r.Header.Set("Authorization", "Basic ZmFrZQ==")
	})
	require.NoError(t, err)
	require.Contains(t, a.body, "Basic ZmFrZQ==")
}

func TestClientCredentialsMayBePercentEncoded(t *testing.T) {
	client := authserver.Client{ID: "FAKE 1", Secret: token.NewSecret("fake:secret/1")}
	s := start(t, authserver.Options{Client: client})
	refreshToken, _ := s.CreateGrant(user)
	a, err := post(t.Context(), s, "/oauth2/token", refreshForm(refreshToken), func(r *http.Request) {
		r.SetBasicAuth(url.QueryEscape(client.ID), url.QueryEscape(client.Secret.Reveal()))
	})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, a.status)
}

func TestPublicClientNamesItselfInTheBody(t *testing.T) {
	s := start(t, authserver.Options{Client: authserver.Client{ID: "FAKEPUB"}})
	refreshToken, _ := s.CreateGrant(user)
	form := refreshForm(refreshToken)
	require.Equal(t, "invalid_client", mustRefresh(t, s, refreshToken).errorType(t))
	form.Set("client_id", "FAKEPUB")
	a, err := post(t.Context(), s, "/oauth2/token", form)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, a.status)
}

func TestEveryPresentedTokenIsCountedAndLogged(t *testing.T) {
	clock := newClock()
	s := start(t, authserver.Options{Now: clock.Now})
	old, _ := s.CreateGrant(user)
	issued := mustRefresh(t, s, old).json(t)["refresh_token"].(string)
	mustRefresh(t, s, old)
	clock.Advance(time.Hour)
	mustRefresh(t, s, old)
	other, _ := s.CreateGrant("FAKE02")
	mustRefresh(t, s, other)
	mustRefresh(t, s, "fake-unknown")
	s.CreateGrant(user)
	mustRefresh(t, s, issued)

	mine := authserver.Counts{Refreshes: 1, Replays: 1, Reuses: 1, Refusals: 1, Calls: map[authserver.Endpoint]int{authserver.Token: 4}}
	require.Equal(t, mine, s.Stats().Users[user])
	all := authserver.Counts{Refreshes: 2, Replays: 1, Reuses: 1, Refusals: 2, Calls: map[authserver.Endpoint]int{authserver.Token: 6}}
	require.Equal(t, all, s.Stats().Total)

	begin := newClock().Now()
	a, b := fingerprint(old), fingerprint(issued)
	require.Equal(t, []authserver.Event{
		{Time: begin, User: user, Outcome: grant.Rotated, Presented: a, Issued: b, Generation: 1, Sent: begin},
		{Time: begin, User: user, Outcome: grant.Replayed, Presented: a, Issued: b, Generation: 1, Sent: begin},
		{Time: begin.Add(time.Hour), User: user, Outcome: grant.Reused, Presented: a, Sent: begin.Add(time.Hour)},
		{Time: begin.Add(time.Hour), User: user, Outcome: grant.Ended, Presented: b, Sent: begin.Add(time.Hour)},
	}, s.Events(user))
	require.Len(t, s.Events(""), 6)
	require.Empty(t, s.Events("FAKE03"))
}

func refreshForm(refreshToken string) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refreshToken}}
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
