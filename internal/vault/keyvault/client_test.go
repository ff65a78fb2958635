package keyvault_test

import (
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	sim "tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/vault"
	"tokenkeeper/internal/vault/keyvault"
)

func emulator(t *testing.T, url string, o keyvault.Options) *keyvault.Client {
	t.Helper()
	o.URL, o.Credential = url, keyvault.CredentialEmulator
	c, err := keyvault.New(o)
	require.NoError(t, err)
	return c
}

func TestNewRefusesAURLWithoutAHost(t *testing.T) {
	for _, url := range []string{"", "my-vault", "https://", "https://me:hidden@my vault/%zz"} {
		_, err := keyvault.New(keyvault.Options{URL: url, Credential: keyvault.CredentialEmulator})
		require.EqualError(t, err, "vault: its URL has no host; set KEY_VAULT_URL")
	}
}

func TestAnUntrustedCertificateIsNamed(t *testing.T) {
	t.Parallel()
	server, _ := start(t, sim.Options{})
	_, err := emulator(t, server.URL(), keyvault.Options{}).Get(t.Context(), name, "")
	require.ErrorIs(t, err, vault.ErrUnavailable)
	require.ErrorContains(t, err, "is not trusted); check KEY_VAULT_URL and the CA file")
}

func TestAnUnknownHostIsNamed(t *testing.T) {
	t.Parallel()
	c := emulator(t, "https://no-such-vault.invalid", keyvault.Options{RootCAs: x509.NewCertPool()})
	_, err := c.Get(t.Context(), name, "")
	require.ErrorIs(t, err, vault.ErrUnavailable)
	require.ErrorContains(t, err, "no-such-vault.invalid")
}

func TestATokenIsNotSentToAHostThatOnlyClaimsToBeAVault(t *testing.T) {
	t.Parallel()
	server, _ := start(t, sim.Options{})
	credential, err := keyvault.NewCredential(keyvault.Options{Credential: keyvault.CredentialEmulator})
	require.NoError(t, err)
	c, err := keyvault.NewWithCredential(keyvault.Options{URL: server.URL(), RootCAs: trust(t, server)}, credential)
	require.NoError(t, err)
	_, err = c.Get(t.Context(), name, "")
	require.ErrorIs(t, err, vault.ErrRejected)
	require.ErrorContains(t, err, "does not answer as an Azure Key Vault")
	require.Equal(t, map[sim.Operation]int{sim.OpChallenge: 1}, server.Counts().ByOperation)
}

func TestTheAPIVersionCanBeChosen(t *testing.T) {
	t.Parallel()
	var asked string
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.Query().Get("api-version")
		_, _ = io.WriteString(w, `{"id":"https://v/secrets/n/1","value":"fake"}`)
	}))
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	_, err := emulator(t, server.URL, keyvault.Options{RootCAs: roots, APIVersion: "2025-07-01"}).Get(t.Context(), name, "")
	require.NoError(t, err)
	require.Equal(t, "2025-07-01", asked)
}

// A gateway in front of the vault, or a wrong URL: the body is not the vault's, and may
// echo what was sent.
func TestAnotherHostsAnswerIsNeitherBelievedNorRepeated(t *testing.T) {
	t.Parallel()
	const echo = `<html>fake-refresh-token-1 Bearer emulator</html>`
	for _, c := range []struct {
		name   string
		status int
		body   string
	}{
		{"page", 200, echo},
		{"not found page", 404, echo},
		{"forbidden page", 403, echo},
		{"challenge without a scheme", 401, echo},
		{"gateway error", 502, echo},
		{"rejection with an echo", 400, `{"error":{"code":"fake-refresh-token-1","message":"fake-refresh-token-1"}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			}))
			defer server.Close()
			roots := x509.NewCertPool()
			roots.AddCert(server.Certificate())
			_, err := emulator(t, server.URL, keyvault.Options{RootCAs: roots}).Get(t.Context(), name, "")
			require.ErrorIs(t, err, vault.ErrUnavailable)
			require.NotContains(t, err.Error(), "fake-refresh-token")
			require.NotContains(t, err.Error(), "emulator")
		})
	}
}
