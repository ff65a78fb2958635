package provider_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
)

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
		"no answer":              errors.New("proxy says fake-refresh-token-1"),
	} {
		client := provider.NewClient(roundTripper(func(*http.Request) (*http.Response, error) { return nil, cause }))
		_, err := client.Refresh(t.Context(), lookup(t, "fitbit"), fakeClient, fakeRefresh)
		require.Equal(t, detail, failureOf(t, err, provider.Unreachable).Detail)
	}
}

// freeAddress is an address on loopback where nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}
