package keyvault

import (
	"crypto/tls"
	"net/http"
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
