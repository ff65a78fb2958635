package main_test

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/keyvault"
)

func TestACredentialThatIsRefusedForGoodEndsTheWorker(t *testing.T) {
	s := newSystem(t)
	w := s.launch(append(azure(t, http.NotFound), "TOKENKEEPER_AZURE_CREDENTIAL=cli", "PATH="+t.TempDir())...) // where there is no az
	said := w.ends(1)
	require.Contains(t, said, "vault: get TokenKeeperKeyset: credential refused")
	require.Contains(t, said, "run az login")
	oneLine(t, said)
}

// An identity that was just assigned to a machine takes minutes to be known there,
// and a pod may be up before its own.
func TestAnIdentityThatIsNotReadyIsWaitedFor(t *testing.T) {
	for name, further := range map[string][]string{
		"of the machine": nil,
		"user-assigned":  {"AZURE_CLIENT_ID=00000000-0000-0000-0000-000000000001"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSystem(t)
			var assigned atomic.Bool
			w := s.launch(append(azure(t, metadata(&assigned)), append(further, "TOKENKEEPER_AZURE_CREDENTIAL=managed")...)...)
			for _, l := range w.logged("cannot open the keyset yet", 2) {
				require.Contains(t, l.Error, "vault: get TokenKeeperKeyset: ")
				require.Contains(t, l.Error, "give this machine a managed identity")
				require.NotContains(t, l.Error, "\n")
			}
			require.Equal(t, http.StatusOK, w.status("/healthz"))
			require.Equal(t, http.StatusServiceUnavailable, w.status("/readyz"))
			assigned.Store(true)
			require.NoError(t, w.Ready(t.Context()))
		})
	}
}

func TestARefusalOfTheTokenThatPassesIsWaitedFor(t *testing.T) {
	s := newSystem(t)
	s.Vault.Inject(keyvault.Fault{Kind: keyvault.KeyUnresolved, Times: 4})
	w := s.launch()
	require.Contains(t, w.logged("cannot open the keyset yet", 1)[0].Error, "401 Unauthorized")
	require.NoError(t, w.Ready(t.Context()))
	s.refreshes(s.consent())
}

// metadata is a machine's endpoint for the tokens of its identity ("How to use
// managed identities for Azure resources on an Azure VM to acquire an access token").
func metadata(assigned *atomic.Bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.Host != "169.254.169.254" || r.URL.Path != "/metadata/identity/oauth2/token" || r.Header.Get("Metadata") != "true" || !assigned.Load() {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":"invalid_request","error_description":"Identity not found"}`)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{
			"access_token": "fake-azure-token", "resource": r.FormValue("resource"), "token_type": "Bearer",
			"expires_in": "86400", "expires_on": strconv.FormatInt(time.Now().Add(24*time.Hour).Unix(), 10),
		})
	}
}

// azure runs a vault of its own, whose name is Azure's, and returns the variables
// that lead a worker to it. Metadata answers requests that are not the vault's.
func azure(t *testing.T, metadata http.HandlerFunc) []string {
	t.Helper()
	const host = "my-vault.vault.azure.net"
	vault, err := keyvault.Start(keyvault.Options{DNSNames: []string{host}})
	require.NoError(t, err)
	t.Cleanup(vault.Close)
	certificate := filepath.Join(t.TempDir(), "vault.pem")
	require.NoError(t, os.WriteFile(certificate, vault.CertificatePEM(), 0o600))
	proxy := proxyTo(t, vault.URL(), metadata)
	return []string{"KEY_VAULT_URL=https://" + host, "TOKENKEEPER_KEY_VAULT_CA_FILE=" + certificate,
		"HTTPS_PROXY=" + proxy, "HTTP_PROXY=" + proxy, "NO_PROXY=127.0.0.1", "TOKENKEEPER_ALLOW_EMULATOR="}
}

// proxyTo is an HTTP proxy that connects every client to one server, and answers
// requests in the clear itself.
func proxyTo(t *testing.T, server string, clear http.HandlerFunc) string {
	t.Helper()
	target, err := url.Parse(server)
	require.NoError(t, err)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			clear(w, r)
			return
		}
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
