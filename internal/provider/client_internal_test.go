package provider

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/token"
)

// The transport is not exported, and has to trust the test's certificate.
func TestHeadersAreBoundedWithHTTP2AsWell(t *testing.T) {
	var spoken string
	var headers int
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		spoken = r.Proto
		for i := range headers {
			w.Header().Set(fmt.Sprintf("X-Flood-%d", i), strings.Repeat("a", 4<<10))
		}
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	p, err := Builtin().Lookup("fitbit")
	require.NoError(t, err)
	p.TokenURL = server.URL
	transport := freshConnections()
	transport.TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()

	for _, tc := range []struct {
		headers int // of 4 KiB
		detail  string
	}{
		{17, "an answer with more than 64 KiB of headers"},
		{40, "an answer that breaks HTTP/2"},
	} {
		headers = tc.headers
		_, err = NewClient(transport).Refresh(t.Context(), p, token.Client{ID: "FAKE0C"}, token.NewSecret("fake-refresh-token-1"))
		var failure *Failure
		require.ErrorAs(t, err, &failure)
		require.Equal(t, "HTTP/2.0", spoken)
		require.Equal(t, tc.detail, failure.Detail)
		require.True(t, failure.MaybeSpent)
	}
}

// x/oauth2 and net/http are kept from a second request by their settings as well.
func TestAnExchangeIsOneRequestAndChangesNothingOfTheCallers(t *testing.T) {
	sent := 0
	once := &exchange{style: AuthQuery, transport: transportFunc(func(r *http.Request) (*http.Response, error) {
		sent++
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
	})}
	for i := range 2 {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://auth.example.com/token", strings.NewReader("client_secret=fake-secret"))
		require.NoError(t, err)
		resp, err := once.RoundTrip(request)
		require.Equal(t, i == 0, err == nil)
		require.Equal(t, "https://auth.example.com/token", request.URL.String(), "an error of net/http has this URL")
		if resp != nil {
			require.NoError(t, resp.Body.Close())
			require.Same(t, request, resp.Request)
		}
	}
	require.Equal(t, 1, sent)
}

type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Go's own floor is the same today, so that no handshake tells whether ours is stated.
func TestTheFloorOfTLSIsStated(t *testing.T) {
	require.EqualValues(t, tls.VersionTLS12, freshConnections().TLSClientConfig.MinVersion)
}
