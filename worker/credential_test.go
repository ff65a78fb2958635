package main_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/keyvault"
)

func TestACredentialThatIsRefusedForGoodEndsTheWorker(t *testing.T) {
	s := newSystem(t)
	const host = "my-vault.vault.azure.net"
	vault, err := keyvault.Start(keyvault.Options{DNSNames: []string{host}})
	require.NoError(t, err)
	t.Cleanup(vault.Close)
	certificate := filepath.Join(t.TempDir(), "vault.pem")
	require.NoError(t, os.WriteFile(certificate, vault.CertificatePEM(), 0o600))

	w := s.launch("KEY_VAULT_URL=https://"+host, "TOKENKEEPER_KEY_VAULT_CA_FILE="+certificate,
		"HTTPS_PROXY="+proxyTo(t, vault.URL()), "NO_PROXY=127.0.0.1",
		"TOKENKEEPER_AZURE_CREDENTIAL=cli", "PATH="+t.TempDir()) // where there is no az
	said := w.ends(1)
	require.Contains(t, said, "vault: get TokenKeeperKeyset: credential refused")
	require.Contains(t, said, "run az login")
	oneLine(t, said)
}

// proxyTo is an HTTP proxy that connects every client to one server.
func proxyTo(t *testing.T, server string) string {
	t.Helper()
	target, err := url.Parse(server)
	require.NoError(t, err)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		far, err := net.Dial("tcp", target.Host)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		w.WriteHeader(http.StatusOK)
		near, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			_ = far.Close()
			return
		}
		go func() {
			_, _ = io.Copy(far, near)
			_ = far.Close()
		}()
		_, _ = io.Copy(near, far)
		_ = near.Close()
	}))
	t.Cleanup(proxy.Close)
	return proxy.URL
}
