package tokens_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
)

// recipes are the blocks of the page in a language.
func recipes(t *testing.T, language string) (blocks []string) {
	t.Helper()
	page, err := os.ReadFile("../docs/recipes.md")
	require.NoError(t, err)
	for _, part := range strings.Split(string(page), "\n```"+language+"\n")[1:] {
		block, _, found := strings.Cut(part, "\n```")
		require.True(t, found)
		blocks = append(blocks, block+"\n")
	}
	require.NotEmpty(t, blocks)
	return blocks
}

// use drives the recipe's class against the simulated vault. Its lines are printed.
const use = `
import os, sys, time
from azure.core.credentials import AccessToken as AzureToken
from azure.keyvault.secrets import SecretClient

class Any:
    def get_token(self, *scopes, **options):
        return AzureToken("fake-azure-token", int(time.time()) + 3600)

client = SecretClient(os.environ["VAULT"], Any(), verify_challenge_resource=False, connection_verify=os.environ["CERTIFICATE"])
ahead = [0.0]
token = AccessToken(client, "will-AccessToken", now=lambda: time.time() + ahead[0])
print(token.get())
print(token.get())
client.set_secret("will-AccessToken", "fake-2", expires_on=__import__("datetime").datetime.fromtimestamp(time.time() + 7200, __import__("datetime").timezone.utc))
print(token.get())
token.refused("fake-other")
print(token.get())
token.refused("fake-1")
print(token.get())
ahead[0] = 7300.0
try:
    token.get()
except RuntimeError as e:
    print("expired" if "Token Keeper has not refreshed it since" in str(e) else e)
`

func TestThePythonRecipe(t *testing.T) {
	python := os.Getenv("TOKENKEEPER_TEST_PYTHON")
	if python == "" {
		python = "python3"
	}
	if exec.Command(python, "-c", "import azure.keyvault.secrets").Run() != nil {
		t.Skip("the Python recipe needs python3 with azure-keyvault-secrets; TOKENKEEPER_TEST_PYTHON names another one")
	}
	v := newVault(t)
	v.store(t, "fake-1", time.Hour)
	certificate := filepath.Join(t.TempDir(), "vault.pem")
	require.NoError(t, os.WriteFile(certificate, v.CertificatePEM(), 0o600))
	run := exec.CommandContext(t.Context(), python, "-c", recipes(t, "python")[0]+use)
	run.Env = append(os.Environ(), "VAULT="+v.URL(), "CERTIFICATE="+certificate)
	printed, err := run.CombinedOutput()
	require.NoError(t, err, string(printed))
	require.Equal(t, []string{"fake-1", "fake-1", "fake-1", "fake-1", "fake-2", "expired"}, strings.Fields(string(printed)))
}

func TestTheKubernetesRecipeIsConsistent(t *testing.T) {
	documents := strings.Split(recipes(t, "yaml")[0], "\n---\n")
	require.Len(t, documents, 2)
	type document struct {
		Kind     string
		Metadata struct{ Name string }
		Spec     map[string]any
	}
	var store, external document
	require.NoError(t, yaml.Unmarshal([]byte(documents[0]), &store))
	require.NoError(t, yaml.Unmarshal([]byte(documents[1]), &external))
	reference := external.Spec["secretStoreRef"].(map[string]any)
	require.Equal(t, store.Kind, reference["kind"])
	require.Equal(t, store.Metadata.Name, reference["name"])
	require.NotContains(t, documents[1], "RefreshToken")
}
