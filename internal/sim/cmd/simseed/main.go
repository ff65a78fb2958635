// Command simseed does what a user does before the first refresh: it consents at
// the Fitbit simulator and puts the refresh token and the client's credentials into
// an emulated Azure Key Vault. It waits until both answer, and may be run again at
// any time.
package main

import (
	"context"
	"crypto/x509"
	"encoding/base64"
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
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
	"tokenkeeper/internal/vault/keyvault"
)

const (
	// The secrets of the default account at Fitbit, as the original article names
	// them.
	refreshTokenSecret = "RefreshToken"
	credentialsSecret  = "FitbitCredentials"

	user = "DEMO42"

	// startWithin is how long the vault and the simulator may take to answer, and
	// retryEvery how often they are asked until then.
	startWithin = 2 * time.Minute
	retryEvery  = 500 * time.Millisecond
)

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
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()

	presented, err := await(ctx, noAnswer, func() ([]byte, error) { return simkeyvault.PresentedCertificate(ctx, *vaultURL) })
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

// seed leaves the vault with the client's credentials and a refresh token that
// the provider takes, and returns a sentence that describes what it did. A refresh token
// that still works stays: replacing it would end its grant.
func seed(ctx context.Context, secrets vault.Secrets, provider authserver.Control, client authserver.Client) (string, error) {
	credentials := base64.StdEncoding.EncodeToString([]byte(client.ID + ":" + client.Secret.Reveal()))
	held, err := readSecret(ctx, secrets, credentialsSecret)
	if err != nil {
		return "", err
	}
	if held.Reveal() != credentials {
		if _, err := secrets.Set(ctx, credentialsSecret, token.NewSecret(credentials), vault.Properties{}); err != nil {
			return "", err
		}
	}
	refreshToken, err := readSecret(ctx, secrets, refreshTokenSecret)
	if err != nil {
		return "", err
	}
	usable, err := isUsable(ctx, provider, refreshToken)
	if err != nil {
		return "", fmt.Errorf("ask the provider about the refresh token: %w", err)
	}
	if usable {
		return "the vault holds a refresh token that works; nothing to do", nil
	}
	fresh, _, err := provider.CreateGrant(ctx, user)
	if err != nil {
		return "", fmt.Errorf("consent at the provider: %w", err)
	}
	if _, err := secrets.Set(ctx, refreshTokenSecret, token.NewSecret(fresh), vault.Properties{}); err != nil {
		return "", err
	}
	return fmt.Sprintf("user %s consented; the vault holds %s and %s", user, refreshTokenSecret, credentialsSecret), nil
}

// readSecret returns an empty value for a secret that is not there.
func readSecret(ctx context.Context, secrets vault.Secrets, name string) (token.Secret, error) {
	held, err := await(ctx, vault.Retryable, func() (vault.Secret, error) { return secrets.Get(ctx, name, "") })
	if errors.Is(err, vault.ErrNotFound) {
		return token.Secret{}, nil
	}
	return held.Value, err
}

// isUsable reports whether the provider would answer the refresh token with a pair.
func isUsable(ctx context.Context, provider authserver.Control, refreshToken token.Secret) (bool, error) {
	return await(ctx, func(error) bool { return true }, func() (bool, error) {
		live, err := provider.IsLive(ctx, refreshToken.Reveal())
		if err != nil || live {
			return live, err
		}
		return provider.Replayable(ctx, refreshToken.Reveal())
	})
}

func noAnswer(err error) bool { return errors.Is(err, simkeyvault.ErrNoAnswer) }

// await repeats ask while it fails with an error that passes, as those of a server
// that is still starting do, until the context ends.
func await[T any](ctx context.Context, passes func(error) bool, ask func() (T, error)) (T, error) {
	for {
		answer, err := ask()
		if err == nil || !passes(err) {
			return answer, err
		}
		select {
		case <-ctx.Done():
			return answer, err
		case <-time.After(retryEvery):
		}
	}
}
