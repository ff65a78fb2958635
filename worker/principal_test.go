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

	"tokenkeeper/internal/sim/entra"
	"tokenkeeper/internal/sim/keyvault"
)

const (
	entraTenant      = "00000000-0000-0000-0000-000000000000" // that of the simulated vault
	entraApplication = "22222222-2222-2222-2222-222222222222"
	entraSecret      = secretPrefix + "azure-secret"
)

// homeServer is a machine outside of Azure: its vault and its Entra are found under their
// public names. It returns the variables of a worker there.
func homeServer(t *testing.T) (*entra.Server, []string) {
	t.Helper()
	directory, err := entra.Start(entra.Application{TenantID: entraTenant, ClientID: entraApplication, Secret: entraSecret})
	require.NoError(t, err)
	t.Cleanup(directory.Close)
	const host = "my-vault.vault.azure.net"
	vault, err := keyvault.Start(keyvault.Options{DNSNames: []string{host}})
	require.NoError(t, err)
	t.Cleanup(vault.Close)
	address, err := url.Parse(vault.URL())
	require.NoError(t, err)
	authorities := filepath.Join(t.TempDir(), "authorities.pem")
	require.NoError(t, os.WriteFile(authorities, append(directory.CertificatePEM(), vault.CertificatePEM()...), 0o600))
	proxy := router(t, map[string]string{host + ":443": address.Host, entra.Host + ":443": directory.Address()})
	return directory, []string{"KEY_VAULT_URL=https://" + host, "TOKENKEEPER_KEY_VAULT_CA_FILE=" + authorities, "SSL_CERT_FILE=" + authorities,
		"HTTPS_PROXY=" + proxy, "NO_PROXY=127.0.0.1", "TOKENKEEPER_ALLOW_EMULATOR=", "TOKENKEEPER_AZURE_CREDENTIAL=environment",
		"AZURE_TENANT_ID=" + entraTenant, "AZURE_CLIENT_ID=" + entraApplication, "AZURE_CLIENT_SECRET=" + entraSecret}
}

// router is an HTTP proxy that connects to the servers that stand for others.
func router(t *testing.T, servers map[string]string) string {
	t.Helper()
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		far, err := net.Dial("tcp", servers[r.Host])
		if err != nil || r.Method != http.MethodConnect {
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

func TestAWorkerOutsideOfAzureUsesAServicePrincipal(t *testing.T) {
	s := newSystem(t)
	directory, variables := homeServer(t)
	w := s.launch(variables...)
	require.NoError(t, w.Ready(t.Context()))
	require.Positive(t, directory.Issued())
	require.Contains(t, w.Output(), `"msg":"starting","version":"`)
}

func TestASecretThatHasExpiredEndsTheWorkerWithItsVariable(t *testing.T) {
	s := newSystem(t)
	directory, variables := homeServer(t)
	directory.Change(func(a *entra.Application) { a.SecretExpired = true })
	said := s.launch(variables...).ends(1)
	require.Contains(t, said, "vault: get TokenKeeperKeyset: credential refused (401 Unauthorized, invalid_client, AADSTS7000222 to the request for a token); AZURE_CLIENT_SECRET has expired; make one with: az ad app credential reset")
	oneLine(t, said)
}

func TestAVaultOfAnotherTenantEndsTheWorkerWithTheVariable(t *testing.T) {
	s := newSystem(t)
	_, variables := homeServer(t)
	said := s.launch(append(variables, "AZURE_TENANT_ID="+entraApplication)...).ends(1)
	require.Contains(t, said, "credential refused (the vault is of another tenant than the service principal); set AZURE_TENANT_ID to the vault's")
	oneLine(t, said)
}

func TestTheVersionIsPrinted(t *testing.T) {
	t.Parallel()
	code, printed := execute(t, nil, "--version")
	require.Zero(t, code)
	require.Regexp(t, `^worker version \S.* \(go1\S* \w+/\w+\)\n$`, printed)
}

func TestTwoWorkersHaveTwoIdentities(t *testing.T) {
	s := newSystem(t)
	first, second := s.work().logged("starting", 1)[0], s.work().logged("starting", 1)[0]
	require.NotEmpty(t, first.Identity)
	require.NotEqual(t, first.Identity, second.Identity)
	require.Regexp(t, `^\d+@.+@.+@[A-Z2-7]{6}$`, first.Identity)
	require.Contains(t, s.temporalCLI("task-queue", "describe", "--task-queue", s.TaskQueue()), first.Identity)
}
