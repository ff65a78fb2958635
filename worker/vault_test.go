package main_test

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/sim/keyvault"
)

func TestAVaultThatIsAwayIsWaitedFor(t *testing.T) {
	s := newSystem(t)
	account := s.consent()
	s.Vault.Stop()
	w := s.launch()
	for _, l := range w.logged("cannot open the keyset yet", 2) {
		require.Contains(t, l.Error, "vault: get TokenKeeperKeyset: unavailable")
		require.Contains(t, l.Error, "refuses connections); if that lasts, check KEY_VAULT_URL")
		require.NotContains(t, l.Error, "\n")
	}
	require.Equal(t, http.StatusOK, w.status("/healthz"))
	require.Equal(t, http.StatusServiceUnavailable, w.status("/readyz"))
	require.NoError(t, s.Vault.Resume())

	require.NoError(t, w.Ready(t.Context()))
	s.refreshes(account)
}

func TestAVaultThatDoesNotLetTheWorkerInIsWaitedFor(t *testing.T) {
	s := newSystem(t)
	s.Vault.Inject(keyvault.Fault{Kind: keyvault.Denied})
	w := s.launch()
	require.Contains(t, w.logged("cannot open the keyset yet", 1)[0].Error, `grant this identity the role "Key Vault Secrets Officer" on the vault`)
	s.Vault.ClearFaults() // the role has reached the vault
	require.NoError(t, w.Ready(t.Context()))
}

func TestAWorkerThatWaitsForItsVaultStopsWhenItIsTold(t *testing.T) {
	s := newSystem(t)
	s.Vault.Stop()
	w := s.launch()
	w.logged("cannot open the keyset yet", 1)
	require.NoError(t, w.Signal(syscall.SIGTERM))
	require.Empty(t, w.ends(0))
}

func TestAWrongVaultIsNamedOnEveryTry(t *testing.T) {
	other, err := keyvault.Start(keyvault.Options{})
	require.NoError(t, err)
	t.Cleanup(other.Close)
	for name, tc := range map[string]struct {
		variables []string
		says      string
	}{
		"no such host":           {[]string{"KEY_VAULT_URL=https://no-such-vault.invalid"}, "no-such-vault.invalid); if that lasts, check KEY_VAULT_URL"},
		"untrusted certificate":  {[]string{"KEY_VAULT_URL=" + other.URL()}, "is not trusted); check KEY_VAULT_URL and the CA file that vouches for the vault"},
		"a website":              {website(t, http.StatusOK), "answers something else than Key Vault's JSON); if that lasts, check KEY_VAULT_URL"},
		"a page that is missing": {website(t, http.StatusNotFound), "404 Not Found from 127.0.0.1"},
		"a site with a login":    {website(t, http.StatusUnauthorized), "401 Unauthorized from 127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newSystem(t).launch(tc.variables...)
			said := w.logged("cannot open the keyset yet", 2)[1].Error
			require.Contains(t, said, tc.says)
			require.Contains(t, said, "check KEY_VAULT_URL")
			require.NotContains(t, said, "\n")
			require.Equal(t, http.StatusServiceUnavailable, w.status("/readyz"))
		})
	}
}

// A worker shows a real identity only to hosts that are below the domain which
// they ask for.
func TestAHostThatOnlyClaimsToBeAVaultEndsTheWorker(t *testing.T) {
	s := newSystem(t)
	said := s.launch("TOKENKEEPER_AZURE_CREDENTIAL=cli").ends(1)
	require.Contains(t, said, "does not answer as an Azure Key Vault); check KEY_VAULT_URL")
	oneLine(t, said)
}

func TestADeletedKeysetEndsTheWorkerWithTheCommandThatBringsItBack(t *testing.T) {
	s := newSystem(t)
	require.NoError(t, s.work().Stop(patience))
	require.NoError(t, s.Vault.Delete(seal.SecretName))
	said := s.launch().ends(1)
	require.Contains(t, said, "bring it back with: az keyvault secret recover --vault-name VAULT --name TokenKeeperKeyset")
	oneLine(t, said)
}

// website runs something over https that is no vault, and returns the variables
// that lead a worker to it.
func website(t *testing.T, status int) []string {
	t.Helper()
	site := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte("<html>fake-secret-1</html>"))
	}))
	t.Cleanup(site.Close)
	certificate := filepath.Join(t.TempDir(), "site.pem")
	require.NoError(t, os.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: site.Certificate().Raw}), 0o600))
	return []string{"KEY_VAULT_URL=" + site.URL, "TOKENKEEPER_KEY_VAULT_CA_FILE=" + certificate}
}
