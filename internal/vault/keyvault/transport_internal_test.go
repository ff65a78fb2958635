package keyvault

import (
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The vault's client is made with a host, the identity's without. Go's own floor of TLS is
// the same today, so that no handshake tells whether ours is stated.
func TestTheVaultsAndTheIdentitysTransportStateTheSameBounds(t *testing.T) {
	for _, host := range []string{"my-vault.vault.azure.net", ""} {
		edge, ok := newTransport(host, nil).client.Transport.(*http.Transport)
		require.True(t, ok)
		require.EqualValues(t, tls.VersionTLS12, edge.TLSClientConfig.MinVersion)
		require.Equal(t, 256, edge.MaxConnsPerHost)
		require.EqualValues(t, 64<<10, edge.MaxResponseHeaderBytes)
	}
}

// The SDK's body is one reader for every try. Once the request is on its way nothing but
// its connection may touch the bytes that are sent.
func TestEachTryHasABodyOfItsOwn(t *testing.T) {
	var got []string
	vault := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, string(body))
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(http.StatusTemporaryRedirect)
	}))
	t.Cleanup(vault.Close)
	body := strings.NewReader("fake-body")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, vault.URL, io.NopCloser(body))
	require.NoError(t, err)
	r.ContentLength = body.Size()
	r.GetBody = func() (io.ReadCloser, error) {
		t.Error("the SDK's own reader was rewound while it may still have been read")
		return io.NopCloser(bytes.NewReader(nil)), nil
	}
	answer, err := newTransport("", nil).Do(r)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusTemporaryRedirect, answer.StatusCode)
	require.Equal(t, []string{"fake-body"}, got)
	again, err := answer.Request.GetBody()
	require.NoError(t, err)
	whole, err := io.ReadAll(again)
	require.NoError(t, err)
	require.Equal(t, "fake-body", string(whole))
}
