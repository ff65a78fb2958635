package lowkey_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/testenv"
	"tokenkeeper/internal/testenv/lowkey"
	"tokenkeeper/internal/testenv/temporal"
	"tokenkeeper/internal/vault"
	"tokenkeeper/internal/vault/keyvault"
)

// What "docker compose up" does with Lowkey Vault, by the same programs with the
// same settings: seed the vault and fetch its certificate, run a worker, refresh.
func TestWholeRefreshesWithLowkeyVault(t *testing.T) {
	emulator := lowkey.ForTest(t)
	dir := t.TempDir()
	worker, err := testenv.BuildWorker(t.Context(), dir)
	require.NoError(t, err)
	system, err := testenv.Start(t.Context(), testenv.Options{Dir: dir, CLI: temporal.ForTest(t), WorkerBinary: worker})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, system.Stop()) })
	certificate := filepath.Join(dir, "lowkey.pem")
	seed := exec.CommandContext(t.Context(), "go", "run", "tokenkeeper/internal/sim/cmd/simseed",
		"-provider-url="+system.Provider.URL(), "-vault-url="+emulator.URL,
		"-vault-api-version="+lowkey.APIVersion, "-cert-file="+certificate)
	printed, err := seed.CombinedOutput()
	require.NoError(t, err, string(printed))
	secrets := dial(t, emulator.URL, certificate)
	start, err := secrets.Get(t.Context(), "RefreshToken", "")
	require.NoError(t, err)

	w, err := system.StartWorker(t.Context(), nil,
		"KEY_VAULT_URL="+emulator.URL,
		"TOKENKEEPER_KEY_VAULT_API_VERSION="+lowkey.APIVersion,
		"TOKENKEEPER_KEY_VAULT_CA_FILE="+certificate)
	require.NoError(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("what the worker printed:\n%s", w.Output())
		}
	})
	var before float64
	for range 2 {
		result := refresh(t, system)
		require.Equal(t, "refreshed", result["outcome"])
		require.Greater(t, result["generation"], before, "also in a vault that was used before")
		before = result["generation"].(float64)
		generation := fmt.Sprint(before)

		refreshed, err := secrets.Get(t.Context(), "RefreshToken", "")
		require.NoError(t, err)
		require.Equal(t, generation, refreshed.Tags["generation"])
		require.True(t, system.Provider.IsLive(refreshed.Value.Reveal()))
		access, err := secrets.Get(t.Context(), "AccessToken", "")
		require.NoError(t, err)
		require.Equal(t, generation, access.Tags["generation"])
		require.WithinRange(t, access.Expires, time.Now(), time.Now().Add(24*time.Hour))
		require.Equal(t, refreshed.Version, result["refreshTokenVersion"])
	}
	require.False(t, system.Provider.IsLive(start.Value.Reveal()), "the refresh token of the start is spent")
}

func refresh(t *testing.T, system *testenv.System) map[string]any {
	t.Helper()
	temporal, err := system.Temporal.Dial()
	require.NoError(t, err)
	defer temporal.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	run, err := temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: "fitbit-token-refresh", TaskQueue: system.TaskQueue(),
	}, "RefreshTokens", struct{}{})
	require.NoError(t, err)
	var result map[string]any
	require.NoError(t, run.Get(ctx, &result))
	return result
}

func dial(t *testing.T, url, certificate string) vault.Secrets {
	t.Helper()
	pem, err := os.ReadFile(certificate)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(pem))
	secrets, err := keyvault.New(keyvault.Options{
		URL: url, Credential: keyvault.CredentialEmulator, RootCAs: roots, APIVersion: lowkey.APIVersion,
	})
	require.NoError(t, err)
	return secrets
}
