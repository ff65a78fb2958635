package lowkey

import (
	"os"
	"path/filepath"
	"testing"

	"tokenkeeper/internal/sim/keyvault"
)

// The variables that say which Lowkey Vault the tests use: one that runs
// already on this machine, or a jar to run. "make test-lowkey-vault" sets one.
const (
	EnvURL = "TOKENKEEPER_LOWKEY_VAULT_URL"
	EnvJar = "TOKENKEEPER_LOWKEY_VAULT_JAR"
)

// ForTest returns a Lowkey Vault that lives as long as the test. It skips the
// test where no variable names one, or where there is no Java to run it.
func ForTest(t testing.TB) *Server {
	t.Helper()
	if url := os.Getenv(EnvURL); url != "" {
		certificate, err := keyvault.PresentedCertificate(t.Context(), url)
		if err != nil {
			t.Fatalf("%s: %v", EnvURL, err)
		}
		return &Server{URL: url, CertificatePEM: certificate}
	}
	jar := os.Getenv(EnvJar)
	if jar == "" {
		t.Skip("this test needs Lowkey Vault; run it with: make test-lowkey-vault")
	}
	java, err := FindJava(t.Context())
	if err != nil {
		t.Skip(err)
	}
	printed, err := os.Create(filepath.Join(t.TempDir(), "lowkey-vault.log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = printed.Close()
		if content, err := os.ReadFile(printed.Name()); err == nil && t.Failed() {
			t.Logf("what Lowkey Vault printed:\n%s", content)
		}
	})
	server, err := Start(t.Context(), java, jar, printed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return server
}
