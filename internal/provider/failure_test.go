package provider_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
)

func TestOnlyFailuresThatMayPassAreRetryable(t *testing.T) {
	for kind, want := range map[provider.Kind]bool{
		provider.Unreachable:     true,
		provider.Unavailable:     true,
		provider.RateLimited:     true,
		provider.Malformed:       true,
		provider.Unexpected:      true,
		provider.InvalidGrant:    false,
		provider.InvalidClient:   false,
		provider.RequestRejected: false,
		provider.ProviderRetired: false,
	} {
		require.Equal(t, want, kind.Retryable(), kind)
	}
}

func TestFinalKindsAreFailureTypes(t *testing.T) {
	for kind, want := range map[provider.Kind]string{
		provider.InvalidGrant:    "InvalidGrant",
		provider.InvalidClient:   "InvalidClient",
		provider.RequestRejected: "RequestRejected",
		provider.ProviderRetired: "ProviderRetired",
		provider.Unavailable:     "",
		provider.Malformed:       "",
	} {
		require.Equal(t, want, kind.FailureType(), kind)
	}
}

func TestAFixReadsWellAfterAnyMessage(t *testing.T) {
	_, failure := provider.Classify(lookup(t, "fitbit"), answer(400, deadBody))
	require.Equal(t, "have the account owner consent again at Fitbit (starter authorize)", failure.Fix)
}

func TestFailuresTellWhatWhyAndTheFix(t *testing.T) {
	unnamed := lookup(t, "google-health")
	for _, tc := range []struct {
		name     string
		provider provider.Provider
		answer   provider.Answer
		want     string
	}{
		{"a dead grant", lookup(t, "fitbit"), answer(400, fitbitError("invalid_grant", "")),
			"provider: refresh at fitbit: grant dead (400 Bad Request, invalid_grant); unless a newer token is found, have the account owner consent again at Fitbit (starter authorize)"},
		{"a wrong client", lookup(t, "fitbit"), answer(401, fitbitError("invalid_client", "")),
			"provider: refresh at fitbit: client refused (401 Unauthorized, invalid_client); check the client id and secret in the vault's FitbitCredentials (base64 of client_id:client_secret) against the app's registration at Fitbit"},
		{"a rejected request", unnamed, answer(400, `{"error":"invalid_scope"}`),
			"provider: refresh at google-health: request rejected (400 Bad Request, invalid_scope); if it goes on, check scopes, refresh_params and auth_style of google-health in the providers file, or have the account owner consent again at Google Health (starter authorize)"},
		{"Google's grant is dead", lookup(t, "google-health"), answer(400, deadBody),
			"provider: refresh at google-health: grant dead (400 Bad Request, invalid_grant); unless a newer token is found, have the account owner consent again at Google Health (starter authorize); see first that it will last: Google Health ends a refresh token after 7 days while the app's consent screen is in testing, after six months without use, and when the account owner has granted more than 100 to one client"},
		{"retired with a successor", lookup(t, "fitbit"), answer(410, ""),
			"provider: refresh at fitbit: retired (410 Gone); Fitbit has ended this API in autumn 2026; grants do not move, so the account owner must consent anew at its successor, provider google-health"},
		{"retired without a successor", unnamed, answer(410, ""),
			"provider: refresh at google-health: retired (410 Gone); Google Health has ended this API; look up its successor and correct token_url of google-health in the providers file"},
		{"rate limited", lookup(t, "fitbit"), answer(429, "", "Retry-After", "2100"),
			"provider: refresh at fitbit: rate limited (429 Too Many Requests, retry after 35m0s)"},
		{"an access token's error", lookup(t, "fitbit"), answer(401, fitbitError("expired_token", "")),
			"provider: refresh at fitbit: unexpected answer (401 Unauthorized, expired_token); if it goes on, check that token_url of fitbit is its token endpoint, because the answer speaks of an access token, which a refresh does not send; or have the account owner consent again at Fitbit (starter authorize)"},
		{"a status without a name", unnamed, answer(499, `{}`),
			"provider: refresh at google-health: unexpected answer (499, no known OAuth error code); if it goes on, have the account owner consent again at Google Health (starter authorize), or check that token_url of google-health is its token endpoint and that nothing between refuses the worker"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, failure := provider.Classify(tc.provider, tc.answer)
			require.EqualError(t, failure, tc.want)
		})
	}
}

func TestNoAnswerIsUnreachableAndSaysWhy(t *testing.T) {
	hang := func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the client left
		<-r.Context().Done()
	}
	drop := func(w http.ResponseWriter, linger int) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		if linger == 0 {
			_ = conn.(*net.TCPConn).SetLinger(0) // closes with a reset
		}
		_ = conn.Close()
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	soon, cancelSoon := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancelSoon()

	for _, tc := range []struct {
		name   string
		ctx    context.Context
		handle http.HandlerFunc
		change func(*provider.Provider)
		detail string
	}{
		{"cancelled", cancelled, hang, nil, "cancelled"},
		{"too late", soon, hang, nil, "no answer in time"},
		{"reset", t.Context(), func(w http.ResponseWriter, _ *http.Request) { drop(w, 0) }, nil, "connection reset"},
		{"closed", t.Context(), func(w http.ResponseWriter, _ *http.Request) { drop(w, 1) }, nil, "connection closed without an answer"},
		{"refused", t.Context(), hang, func(p *provider.Provider) { p.TokenURL = "http://" + freeAddress(t) }, "connection refused"},
		{"no TLS there", t.Context(), hang, func(p *provider.Provider) { p.TokenURL = strings.Replace(p.TokenURL, "http:", "https:", 1) }, "TLS failed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, _ := endpoint(t, tc.handle)
			if tc.change != nil {
				tc.change(&p)
			}
			_, err := provider.NewClient(nil).Refresh(tc.ctx, p, fakeClient, fakeRefresh)
			failure := failureOf(t, err, provider.Unreachable)
			require.Equal(t, tc.detail, failure.Detail)
			require.Zero(t, failure.Status)
		})
	}
}

func TestAnUntrustedCertificateIsToldAsTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	p := lookup(t, "fitbit")
	p.TokenURL = server.URL
	_, err := provider.NewClient(nil).Refresh(t.Context(), p, fakeClient, fakeRefresh)
	failure := failureOf(t, err, provider.Unreachable)
	require.Equal(t, "TLS failed", failure.Detail)
	require.Contains(t, failure.Fix, "certificate authorities")
}

func TestFaultsOfTheNetworkItself(t *testing.T) {
	for detail, cause := range map[string]error{
		"host name not resolved": &net.OpError{Op: "dial", Err: &net.DNSError{Name: "api.fitbit.com", IsNotFound: true}},
		"no route to the host":   &net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH},
		"too many open files, so that no connection can be opened": &net.OpError{Op: "dial", Err: os.NewSyscallError("socket", syscall.EMFILE)},
		"no answer": errors.New("proxy says fake-refresh-token-1"),
	} {
		client := provider.NewClient(roundTripper(func(*http.Request) (*http.Response, error) { return nil, cause }))
		_, err := client.Refresh(t.Context(), lookup(t, "fitbit"), fakeClient, fakeRefresh)
		require.Equal(t, detail, failureOf(t, err, provider.Unreachable).Detail)
	}
}

// freeAddress is a loopback address without a listener.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}
