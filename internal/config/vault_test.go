package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/config"
	"tokenkeeper/internal/vault/keyvault"
)

func TestTheVaultsURLIsTakenHoweverItIsWritten(t *testing.T) {
	apart(t)
	for written, want := range map[string]string{
		"https://my-vault.vault.azure.net":       "https://my-vault.vault.azure.net",
		"https://my-vault.vault.azure.net/":      "https://my-vault.vault.azure.net",
		"\thttps://my-vault.vault.azure.net/ \n": "https://my-vault.vault.azure.net",
		"HTTPS://my-vault.vault.azure.net":       "https://my-vault.vault.azure.net",
		"https://my-vault.vault.azure.cn":        "https://my-vault.vault.azure.cn",
		"https://localhost:8443":                 "https://localhost:8443",
	} {
		w, err := config.LoadWorker(map[string]string{"KEY_VAULT_URL": written})
		require.NoError(t, err, written)
		require.Equal(t, want, w.Vault.URL)
	}
}

func TestAWrongVaultURLIsExplained(t *testing.T) {
	apart(t)
	for name, c := range map[string]struct{ value, says string }{
		"without the scheme":  {"my-vault.vault.azure.net", `has no "https://" in front`},
		"only the name":       {"my-vault", "if it is the vault's name"},
		"plain http":          {"http://my-vault.vault.azure.net", "does not begin with https://"},
		"the portal's page":   {"https://portal.azure.com/#@contoso/resource/subscriptions/x/vaults/my-vault", "is a page of the Azure portal"},
		"a secret identifier": {"https://my-vault.vault.azure.net/secrets/RefreshToken/0123", "end it after the host: https://my-vault.vault.azure.net"},
		"the vault's secrets": {"https://my-vault.vault.azure.net/secrets", "has a path"},
		"a query":             {"https://my-vault.vault.azure.net?api-version=7.6", "goes on after the host"},
		"a password":          {"https://will:fake-password@my-vault.vault.azure.net", "holds a user name"},
		"no host":             {"https://", "is not a URL"},
		"not a URL":           {"https://my vault.vault.azure.net", "is not a URL"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.LoadWorker(map[string]string{"KEY_VAULT_URL": c.value})
			found := problems(t, err)
			require.Len(t, found, 1)
			require.Regexp(t, "^KEY_VAULT_URL ", found[0])
			require.Contains(t, found[0], c.says)
			require.NotContains(t, found[0], "fake-password")
		})
	}
}

func TestTheEmulatorsCredentialNeedsConsentAndNeverGoesToAzure(t *testing.T) {
	apart(t)
	const (
		fine    = ""
		consent = "set TOKENKEEPER_ALLOW_EMULATOR=true"
		azure   = "takes no made-up token"
	)
	for name, c := range map[string]struct{ url, allow, says string }{
		"an emulator, allowed":      {"https://localhost:8443", "true", fine},
		"a container, allowed":      {"https://keyvault:8443", "true", fine},
		"an emulator, not allowed":  {"https://localhost:8443", "", consent},
		"an emulator, forbidden":    {"https://localhost:8443", "false", consent},
		"Azure":                     {"https://my-vault.vault.azure.net", "true", azure},
		"Azure in capitals":         {"https://MY-VAULT.VAULT.AZURE.NET", "true", azure},
		"Azure with the root's dot": {"https://my-vault.vault.azure.net.", "true", azure},
		"Azure with a port":         {"https://my-vault.vault.azure.net:443", "true", azure},
		"Azure in China":            {"https://my-vault.vault.azure.cn", "true", azure},
		"Azure for governments":     {"https://my-vault.vault.usgovcloudapi.net", "true", azure},
		"Managed HSM":               {"https://my-hsm.managedhsm.azure.net", "true", azure},
		"a private endpoint":        {"https://my-vault.privatelink.vaultcore.azure.net", "true", azure},
		"only looks like Azure":     {"https://vault.azure.net.example", "true", fine},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.LoadWorker(map[string]string{
				"KEY_VAULT_URL":                c.url,
				"TOKENKEEPER_AZURE_CREDENTIAL": "emulator",
				"TOKENKEEPER_ALLOW_EMULATOR":   c.allow,
			})
			if c.says == fine {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.says)
		})
	}
}

func TestOnlyCommandsThatTouchSecretsDemandTheVault(t *testing.T) {
	apart(t)
	_, err := config.LoadStarter(nil)
	require.NoError(t, err)
	_, err = config.LoadStarterWithVault(map[string]string{"TEMPORAL_ADDRESS": "temporal", "TOKENKEEPER_AZURE_CREDENTIAL": "hand"})
	found := problems(t, err)
	require.Len(t, found, 3, "all at once: %v", found)
	s, err := config.LoadStarterWithVault(map[string]string{"KEY_VAULT_URL": "https://my-vault.vault.azure.net", "TOKENKEEPER_AZURE_CREDENTIAL": "cli"})
	require.NoError(t, err)
	require.Equal(t, "https://my-vault.vault.azure.net", s.Vault.URL)
	require.Equal(t, keyvault.CredentialCLI, s.Vault.Credential)
}
