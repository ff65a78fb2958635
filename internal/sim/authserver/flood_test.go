package authserver_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/authserver"
)

func TestAGatewayCommitsAndAsksToWait(t *testing.T) {
	const wait = 5 * time.Minute
	for _, tc := range []struct {
		name     string
		provider authserver.Provider
		fault    authserver.Fault
		header   string
		read     func(string) time.Duration
	}{
		{"seconds", authserver.Fitbit(), authserver.Fault{Status: 503, RetryAfter: authserver.Duration(wait)}, "Retry-After", inSeconds},
		{"an HTTP date", authserver.Xero(), authserver.Fault{Status: 429, RetryAfter: authserver.Duration(wait), WaitAs: authserver.AsHTTPDate}, "Retry-After",
			func(s string) time.Duration {
				at, _ := http.ParseTime(s)
				return time.Until(at)
			}},
		{"Unix time", authserver.Oura(), authserver.Fault{Status: 429, RateLimitReset: authserver.Duration(wait), WaitAs: authserver.AsUnixTime}, "RateLimit-Reset",
			func(s string) time.Duration { return time.Until(time.Unix(number(s), 0)) }},
		{"Unix milliseconds", authserver.Fitbit(), authserver.Fault{Status: 429, RateLimitReset: authserver.Duration(wait), WaitAs: authserver.AsUnixMillis}, "Fitbit-Rate-Limit-Reset",
			func(s string) time.Duration { return time.Until(time.UnixMilli(number(s))) }},
		{"as it stands", authserver.Oura(), authserver.Fault{Status: 429, Header: map[string]string{"RateLimit": `"default";r=0;t=300`}}, "RateLimit",
			func(s string) time.Duration { return inSeconds(s[len(s)-3:]) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t, authserver.Options{Provider: tc.provider})
			refreshToken, _ := s.CreateGrant(user)
			tc.fault.Answer, tc.fault.Commit = authserver.Status, true
			require.NoError(t, s.Inject(tc.fault))
			a := as(t, s, tc.provider, askedFor(tc.provider, refreshToken))
			require.Equal(t, tc.fault.Status, a.status)
			require.InDelta(t, wait, tc.read(a.header.Get(tc.header)), float64(patience))
			require.False(t, s.IsLive(refreshToken), "it is spent")
		})
	}
	t.Run("rubbish", func(t *testing.T) {
		s := start(t, authserver.Options{})
		refreshToken, _ := s.CreateGrant(user)
		require.NoError(t, s.Inject(authserver.Fault{Answer: authserver.Status, Status: 503, RetryAfter: authserver.Duration(wait), WaitAs: authserver.AsRubbish}))
		require.Equal(t, "in a while", mustRefresh(t, s, refreshToken).header.Get("Retry-After"))
	})
	t.Run("in the body", func(t *testing.T) {
		s := start(t, authserver.Options{Provider: authserver.Withings()})
		refreshToken, _ := s.CreateGrant(user)
		require.NoError(t, s.Inject(authserver.Fault{Answer: authserver.Status, Status: 429, RetryAfter: authserver.Duration(68 * time.Second)}))
		a := as(t, s, authserver.Withings(), askedFor(authserver.Withings(), refreshToken))
		require.Equal(t, `{"status":601,"body":{"wait_seconds":68},"error":"Too Many Requests"}`, a.body)
		require.Empty(t, a.header.Get("Retry-After"))
	})
}

func number(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64)
	return n
}

func inSeconds(s string) time.Duration { return time.Duration(number(s)) * time.Second }

func TestTooMuch(t *testing.T) {
	s := start(t, authserver.Options{})
	refreshToken, _ := s.CreateGrant(user)
	client := &http.Client{Transport: &http.Transport{MaxResponseHeaderBytes: 20 << 20, DisableKeepAlives: true}}
	ask := func(f authserver.Fault) (*http.Response, []byte) {
		require.NoError(t, s.Inject(f))
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/oauth2/token",
			strings.NewReader(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refreshToken}}.Encode()))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth(s.Client().ID, s.Client().Secret.Reveal())
		response, err := client.Do(r)
		require.NoError(t, err)
		defer func() { _ = response.Body.Close() }()
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		return response, body
	}
	flooded, _ := ask(authserver.Fault{Answer: authserver.FloodHeaders, Commit: true})
	length := 0
	for name, values := range flooded.Header {
		length += len(name) + len(values[0])
	}
	require.Greater(t, length, 9_000_000)
	require.True(t, s.Replayable(refreshToken))

	_, body := ask(authserver.Fault{Answer: authserver.FloodBody})
	require.Greater(t, len(body), 10_000_000)

	_, body = ask(authserver.Fault{Answer: authserver.LongTokens, Size: 1000})
	require.Regexp(t, `"refresh_token":"fake-[0-9a-f]{64}a{1000}"`, string(body))
	_, body = ask(authserver.Fault{Answer: authserver.OddTokens})
	require.Regexp(t, `"access_token":"fake-[0-9a-f]{64}\\n"`, string(body))
	_, truth := ask(authserver.Fault{})
	_, dripped := ask(authserver.Fault{Answer: authserver.Drip, Pause: authserver.Duration(time.Microsecond)})
	require.Equal(t, string(truth), string(dripped))
}

func TestADripHasTakenEffectBeforeItBegins(t *testing.T) {
	s := start(t, authserver.Options{})
	refreshToken, _ := s.CreateGrant(user)
	require.NoError(t, s.Inject(authserver.Fault{Answer: authserver.Drip, Pause: authserver.Duration(time.Hour)}))
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := refresh(ctx, s, refreshToken)
		failed <- err
	}()
	require.Eventually(t, func() bool { return s.Replayable(refreshToken) }, patience, time.Millisecond)
	cancel()
	require.ErrorIs(t, <-failed, context.Canceled)
}
