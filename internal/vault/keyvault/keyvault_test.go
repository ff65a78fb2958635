package keyvault_test

import (
	"crypto/x509"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	sim "tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/vault/keyvault"
)

const (
	name  = "will-RefreshToken"
	value = "fake-refresh-token-1"
)

// start runs a vault with the given options and a client that trusts it.
func start(t *testing.T, o sim.Options) (*sim.Server, *keyvault.Client) {
	t.Helper()
	server, err := sim.Start(o)
	require.NoError(t, err)
	t.Cleanup(server.Close)
	return server, client(t, server)
}

func client(t *testing.T, server *sim.Server) *keyvault.Client {
	t.Helper()
	return emulator(t, server.URL(), keyvault.Options{RootCAs: trust(t, server)})
}

func trust(t *testing.T, server *sim.Server) *x509.CertPool {
	t.Helper()
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(server.CertificatePEM()))
	return roots
}

func put(t *testing.T, server *sim.Server, name, value string) string {
	t.Helper()
	version, err := server.Put(name, value)
	require.NoError(t, err)
	return version
}

// soon is a time limit for what must not take long.
const soon = time.Minute
