package provider_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
)

func TestOnlyTheProvidersOwnFinalWordProvesThatNothingIsSpent(t *testing.T) {
	cut := answer(400, deadBody)
	cut.Cut = true
	for _, tc := range []struct {
		name           string
		provider       string
		answer         provider.Answer
		spent, isIssue bool
	}{
		{"invalid_grant", "google-health", answer(400, deadBody), false, false},
		{"Fitbit's invalid_grant", "fitbit", answer(400, fitbitError("invalid_grant", "")), false, false},
		{"invalid_grant with 403", "fitbit", answer(403, deadBody), false, false},
		{"invalid_client", "xero", answer(401, `{"error":"invalid_client"}`), false, false},
		{"invalid_request", "oura", answer(400, `{"error":"invalid_request"}`), false, false},
		{"Withings' words with 200", "withings", answer(200, withingsError(503, "Invalid Params: invalid client_id")), false, false},
		{"Strava's words", "strava", answer(400, stravaError("RefreshToken", "refresh_token")), false, false},

		{"invalid_grant with 404", "fitbit", answer(404, deadBody), true, false},
		{"invalid_grant with 500", "fitbit", answer(500, deadBody), true, false},
		{"invalid_client with 503", "fitbit", answer(503, `{"error":"invalid_client"}`), true, false},
		{"invalid_grant with 429", "fitbit", answer(429, deadBody), true, false},
		{"invalid_grant cut short", "fitbit", cut, true, false},
		{"503", "fitbit", answer(503, "", "Retry-After", "300"), true, false},
		{"429", "fitbit", answer(429, "", "Retry-After", "300"), true, false},
		{"Withings' 601", "withings", answer(200, withingsError(601, "Same arguments in less than 10 seconds")), true, false},
		{"temporarily_unavailable", "xero", answer(400, `{"error":"temporarily_unavailable"}`), true, false},
		{"410", "fitbit", answer(410, ""), true, false},
		{"a redirect", "fitbit", answer(302, ""), true, false},
		{"a firewall's page", "fitbit", answer(403, wafPage), true, false},
		{"an access token's error", "fitbit", answer(401, fitbitError("expired_token", "")), true, false},

		// Answers of success without a usable pair.
		{"a page with 200", "fitbit", answer(200, wafPage), true, false},
		{"a page that names a token", "fitbit", answer(200, `<p>"access_token":"a"</p>`), true, false},
		{"nothing", "fitbit", answer(204, ""), true, false},
		{"no tokens", "fitbit", answer(200, `{"expires_in":28800}`), true, false},
		{"empty tokens", "fitbit", answer(200, pairBody("", "")), true, false},
		{"invalid_grant with 200", "fitbit", answer(200, deadBody), true, false},
		{"an error with 200 beside a token", "fitbit", answer(200, `{"error":"invalid_grant","refresh_token":"`+echoed+`"}`), true, false},
		{"truncated before a token", "fitbit", answer(200, `{"expires_in":28800,"access_to`), true, false},
		{"truncated in a token", "fitbit", answer(200, `{"access_token":"fake-`), true, true},
		{"no refresh token", "whoop", answer(200, `{"access_token":"a"}`), true, true},
		{"no access token", "fitbit", answer(200, `{"refresh_token":"r"}`), true, true},
		{"an odd refresh token", "fitbit", answer(200, pairBody("a", "r\n")), true, true},
		{"an envelope cut short", "withings", answer(200, `{"status":0,"body":{"access_token": "a`), true, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, failure := provider.Classify(lookup(t, tc.provider), tc.answer)
			require.NotNil(t, failure)
			require.Equal(t, tc.spent, failure.MaybeSpent, "%v", failure)
			require.Equal(t, tc.isIssue, failure.Issued, "%v", failure)
		})
	}
}

func TestOnlyARequestThatNeverHadAConnectionIsProvenUnsent(t *testing.T) {
	hang := func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}
	drop := func(w http.ResponseWriter, _ *http.Request) {
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = conn.Close()
		}
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	soon := func() context.Context {
		ctx, cancelSoon := context.WithTimeout(t.Context(), 200*time.Millisecond)
		t.Cleanup(cancelSoon)
		return ctx
	}
	untilAsked, giveUp := context.WithCancel(t.Context())
	hangOnce := func(w http.ResponseWriter, r *http.Request) {
		giveUp()
		hang(w, r)
	}
	silent := silentAddress(t)

	for _, tc := range []struct {
		name     string
		ctx      func() context.Context
		handle   http.HandlerFunc
		tokenURL string // empty: the handler's
		sent     bool
	}{
		{"cancelled before it began", func() context.Context { return cancelled }, hang, "", false},
		{"refused", t.Context, hang, "http://" + freeAddress(t), false},
		{"no such name", t.Context, hang, "http://token.invalid/token", false},
		{"a peer without TLS", t.Context, hang, "https", false},
		{"a handshake without an answer", soon, hang, "https://" + silent, false},
		{"given up without an answer", func() context.Context { return untilAsked }, hangOnce, "", true},
		{"closed", t.Context, drop, "", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, _ := endpoint(t, tc.handle)
			switch tc.tokenURL {
			case "":
			case "https":
				p.TokenURL = "https" + p.TokenURL[len("http"):]
			default:
				p.TokenURL = tc.tokenURL
			}
			_, err := provider.NewClient(nil).Refresh(tc.ctx(), p, fakeClient, fakeRefresh)
			require.Equal(t, tc.sent, failureOf(t, err, provider.Unreachable).MaybeSpent, "%v", err)
		})
	}
}

// silentAddress accepts connections and says nothing.
func silentAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

func TestAnUntrustedCertificateProvesThatNothingWasSent(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	p := lookup(t, "fitbit")
	p.TokenURL = server.URL
	_, err := provider.NewClient(nil).Refresh(t.Context(), p, fakeClient, fakeRefresh)
	require.False(t, failureOf(t, err, provider.Unreachable).MaybeSpent)
}

func TestWithHTTP2ARequestThatWasSentMayHaveBeenTaken(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	p := lookup(t, "fitbit")
	p.TokenURL = server.URL
	_, err := provider.NewClient(server.Client().Transport).Refresh(t.Context(), p, fakeClient, fakeRefresh)
	require.True(t, failureOf(t, err, provider.Unreachable).MaybeSpent)
}

func TestATransportThatReportsNothingMayHaveSentIt(t *testing.T) {
	client := provider.NewClient(roundTripper(func(*http.Request) (*http.Response, error) {
		return nil, &net.OpError{Op: "read", Err: syscall.ECONNRESET}
	}))
	_, err := client.Refresh(t.Context(), lookup(t, "fitbit"), fakeClient, fakeRefresh)
	require.True(t, failureOf(t, err, provider.Unreachable).MaybeSpent)
}

func TestWithoutARequestNothingIsSpent(t *testing.T) {
	_, err := provider.NewClient(nil).Refresh(t.Context(), lookup(t, "fitbit"), fakeClient, token.Secret{})
	require.False(t, failureOf(t, err, provider.RequestRejected).MaybeSpent)
}

// A proxy that refuses has not passed anything on.
func TestAProxyThatRefusesProvesThatNothingWasSent(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }))
	t.Cleanup(proxy.Close)
	client := provider.NewClient(&http.Transport{
		Proxy:           func(*http.Request) (*url.URL, error) { return url.Parse(proxy.URL) },
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
	})
	_, err := client.Refresh(t.Context(), lookup(t, "fitbit"), fakeClient, fakeRefresh)
	require.False(t, failureOf(t, err, provider.Unreachable).MaybeSpent)
	require.True(t, errors.As(err, new(*provider.Failure)))
}
