// Package lowkey runs Lowkey Vault (github.com/nagyesta/lowkey-vault), an
// independent emulator of Azure Key Vault, so that what holds with the simulated
// vault can be shown to hold with one that does not share the simulator's mistakes.
//
// [Start] runs its jar as the container image does: java -jar, and Spring's
// arguments. [ForTest] is for tests, which are skipped where there is none.
package lowkey

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"

	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/testenv/process"
)

// APIVersion of Key Vault that Lowkey Vault speaks; it refuses others.
const APIVersion = "2025-07-01"

// The variables that say which Lowkey Vault the tests use: one that runs
// already on this machine, or a jar to run. "make test-lowkey-vault" sets one.
const (
	EnvURL = "TOKENKEEPER_LOWKEY_VAULT_URL"
	EnvJar = "TOKENKEEPER_LOWKEY_VAULT_JAR"
)

// Server is a running Lowkey Vault. It takes any bearer token.
type Server struct {
	// URL is what a client on this machine puts into KEY_VAULT_URL.
	URL string
	// CertificatePEM is the certificate that clients must trust.
	CertificatePEM []byte

	process *process.Process
}

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
	server, err := Start(t.Context(), java, jar)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("what Lowkey Vault printed:\n%s", server.process.Output())
		}
	})
	return server
}

// Start runs the jar on free ports until Stop and waits until it answers.
func Start(ctx context.Context, java, jar string) (*Server, error) {
	ports, err := process.FreePorts(2)
	if err != nil {
		return nil, fmt.Errorf("start Lowkey Vault: %w", err)
	}
	s := &Server{URL: "https://localhost:" + strconv.Itoa(ports[0])}
	// The second port gives tokens as a managed identity's endpoint does. It is not
	// used, but its default, 8080, may be taken.
	args := []string{"-jar", jar, "--server.port=" + strconv.Itoa(ports[0]), "--app.token.port=" + strconv.Itoa(ports[1])}
	if s.process, err = process.Run("Lowkey Vault", java, args, os.Environ(), nil); err != nil {
		return nil, err
	}
	err = s.process.Await(ctx, func(ctx context.Context) (err error) {
		s.CertificatePEM, err = keyvault.PresentedCertificate(ctx, s.URL)
		return err
	})
	if err != nil {
		s.process.Kill()
		return nil, err
	}
	return s, nil
}

// Stop ends the process.
func (s *Server) Stop() error { return s.process.Stop(process.StopWithin) }
