// Command simseed does what a person does before the first refresh: it has a
// user of the Fitbit simulator consent and puts the refresh token and the
// client's credentials into a vault that stands in for Azure Key Vault. It waits
// until both answer, and may be run again at any time.
package main

import (
	"context"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"tokenkeeper/internal/sim/authserver"
	simkeyvault "tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/vault/keyvault"
)

// startup is how long the vault and the simulator may take to answer.
const startup = 2 * time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stderr)
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return
	}
	fmt.Fprintln(os.Stderr, "simseed:", err)
	os.Exit(1)
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("simseed", flag.ContinueOnError)
	flags.SetOutput(out)
	providerURL := flags.String("provider-url", "", "base `URL` of the Fitbit simulator")
	vaultURL := flags.String("vault-url", "", "`URL` of the vault, on this machine")
	apiVersion := flags.String("vault-api-version", "", "API `version` that the vault speaks (default: the newest)")
	certFile := flags.String("cert-file", "", "`file` that receives the certificate which the vault presents")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *providerURL == "" || *vaultURL == "" {
		return errors.New("-provider-url and -vault-url are needed")
	}
	ctx, cancel := context.WithTimeout(ctx, startup)
	defer cancel()

	presented, err := simkeyvault.PresentedCertificate(ctx, *vaultURL)
	if err != nil {
		return fmt.Errorf("-vault-url: %w", err)
	}
	if *certFile != "" {
		if err := os.WriteFile(*certFile, presented, 0o644); err != nil {
			return fmt.Errorf("-cert-file: %w", err)
		}
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(presented)
	secrets, err := keyvault.New(keyvault.Options{
		URL: *vaultURL, Credential: keyvault.CredentialEmulator, RootCAs: roots, APIVersion: *apiVersion,
	})
	if err != nil {
		return err
	}
	done, err := seed(ctx, secrets, authserver.Control{URL: *providerURL}, authserver.DefaultClient())
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintln(out, "simseed:", done)
	return nil
}
