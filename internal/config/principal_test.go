package config_test

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/config"
	"tokenkeeper/internal/sim/entra"
	"tokenkeeper/internal/vault/keyvault"
)

func principal(changes map[string]string) map[string]string {
	environ := map[string]string{
		"KEY_VAULT_URL": vaultURL, "TOKENKEEPER_AZURE_CREDENTIAL": "environment",
		"AZURE_TENANT_ID": "11111111-1111-1111-1111-111111111111", "AZURE_CLIENT_ID": "22222222-2222-2222-2222-222222222222",
		"AZURE_CLIENT_SECRET": "fake~azure.secret",
	}
	maps.Copy(environ, changes)
	return environ
}

func TestAServicePrincipalArrives(t *testing.T) {
	apart(t)
	w, err := config.LoadWorker(principal(nil))
	require.NoError(t, err)
	require.Equal(t, keyvault.CredentialEnvironment, w.Vault.Credential)
	require.Equal(t, "22222222-2222-2222-2222-222222222222", w.Vault.ClientID)
	require.Equal(t, "fake~azure.secret", w.Vault.Principal.Secret.Reveal())

	_, text, err := entra.NewCertificate(time.Now().AddDate(1, 0, 0))
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "certificate.pem")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	s, err := config.LoadStarterWithVault(principal(map[string]string{"AZURE_CLIENT_SECRET": "", "AZURE_CLIENT_CERTIFICATE_PATH": file}))
	require.NoError(t, err)
	require.Equal(t, file, s.Vault.Principal.CertificateFile)
	ends, err := s.Vault.CertificateEnds()
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().AddDate(1, 0, 0), ends, time.Hour)
}

func TestEachProblemOfAServicePrincipalNamesItsVariable(t *testing.T) {
	apart(t)
	const file, password = "AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_CLIENT_CERTIFICATE_PASSWORD"
	for name, c := range map[string]struct {
		changes map[string]string
		says    []string
	}{
		"nothing is set": {map[string]string{"AZURE_CLIENT_ID": "", "AZURE_TENANT_ID": "", "AZURE_CLIENT_SECRET": ""}, []string{
			"AZURE_CLIENT_ID is not set, which TOKENKEEPER_AZURE_CREDENTIAL=environment needs; set it to the application's id",
			"AZURE_TENANT_ID is not set, which TOKENKEEPER_AZURE_CREDENTIAL=environment needs; set it to the tenant's id",
			"AZURE_CLIENT_SECRET is not set, which TOKENKEEPER_AZURE_CREDENTIAL=environment needs; set it, or AZURE_CLIENT_CERTIFICATE_PATH",
		}},
		"the name of the application":  {map[string]string{"AZURE_CLIENT_ID": "token keeper"}, []string{"AZURE_CLIENT_ID is not an application's id"}},
		"the name of the tenant":       {map[string]string{"AZURE_TENANT_ID": "contoso.onmicrosoft.com"}, []string{"AZURE_TENANT_ID is not a tenant's id"}},
		"a secret in quotes":           {map[string]string{"AZURE_CLIENT_SECRET": `"fake~azure.secret"`}, []string{"AZURE_CLIENT_SECRET has blanks or quotes"}},
		"a certificate that is absent": {map[string]string{"AZURE_CLIENT_SECRET": "", file: "absent.pem"}, []string{file + ` names "absent.pem", which cannot be read: no such file or directory`}},
		"both":                         {map[string]string{file: "absent.pem"}, []string{"AZURE_CLIENT_SECRET is set, and so is " + file, file + " names"}},
		"a password alone":             {map[string]string{password: "fake-password"}, []string{password + " is set, but " + file + " is not"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.LoadWorker(principal(c.changes))
			found := problems(t, err)
			require.Len(t, found, len(c.says), found)
			for i, says := range c.says {
				require.True(t, strings.HasPrefix(found[i], says), found[i])
			}
			require.NotContains(t, err.Error(), "fake")
		})
	}
}
