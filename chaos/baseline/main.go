// Command baseline refreshes tokens the plain way: load two secrets, call the
// provider, set the refresh token and then the access token, at every full period.
// The fault campaign and the benchmark measure Token Keeper against it. It is the
// usual way to write it, without mistakes and without Temporal.
//
// The environment configures it: KEY_VAULT_URL and TOKENKEEPER_KEY_VAULT_CA_FILE
// as for the worker, BASELINE_TOKEN_URL, BASELINE_ACCOUNTS (names between
// commas) and BASELINE_PERIOD.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
	"golang.org/x/oauth2"

	"tokenkeeper/internal/vault/keyvault"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	period, err := time.ParseDuration(os.Getenv("BASELINE_PERIOD"))
	if err != nil || period <= 0 {
		slog.Error("BASELINE_PERIOD is not a duration such as 5s")
		os.Exit(2)
	}
	r, err := newRefresher()
	if err != nil {
		slog.Error("cannot start", "error", err)
		os.Exit(2)
	}
	accounts := strings.Split(os.Getenv("BASELINE_ACCOUNTS"), ",")
	var all sync.WaitGroup
	for i, account := range accounts {
		offset := period * time.Duration(i) / time.Duration(len(accounts))
		// A signal does not cut off a refresh that has begun.
		all.Go(func() { every(ctx, period, offset, func() { r.refreshAndLog(context.WithoutCancel(ctx), account) }) })
	}
	all.Wait()
}

// every does something at every full period of the wall clock, plus an offset.
// Like a cron it does not catch up on what it missed while it did not run.
func every(ctx context.Context, period, offset time.Duration, do func()) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(untilNext(time.Now(), period, offset)):
			do()
		}
	}
}

func untilNext(now time.Time, period, offset time.Duration) time.Duration {
	next := now.Truncate(period).Add(offset)
	if !next.After(now) {
		next = next.Add(period)
	}
	return next.Sub(now)
}

// refresher uses azsecrets as it comes, with its own retries.
type refresher struct {
	secrets  *azsecrets.Client
	tokenURL string
}

func newRefresher() (*refresher, error) {
	pem, err := os.ReadFile(os.Getenv("TOKENKEEPER_KEY_VAULT_CA_FILE"))
	if err != nil {
		return nil, fmt.Errorf("TOKENKEEPER_KEY_VAULT_CA_FILE: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, errors.New("TOKENKEEPER_KEY_VAULT_CA_FILE holds no certificate")
	}
	credential, err := keyvault.NewCredential(keyvault.Options{Credential: keyvault.CredentialEmulator})
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	secrets, err := azsecrets.NewClient(os.Getenv("KEY_VAULT_URL"), credential, &azsecrets.ClientOptions{
		ClientOptions:                        azcore.ClientOptions{Transport: &http.Client{Transport: transport}},
		DisableChallengeResourceVerification: true,
	})
	return &refresher{secrets: secrets, tokenURL: os.Getenv("BASELINE_TOKEN_URL")}, err
}

func (r *refresher) refreshAndLog(ctx context.Context, account string) {
	began := time.Now()
	if err := r.refresh(ctx, account); err != nil {
		slog.Error("not refreshed", "account", account, "error", err)
		return
	}
	slog.Info("refreshed", "account", account, "took", time.Since(began))
}

func (r *refresher) refresh(ctx context.Context, account string) error {
	refreshToken, err := r.load(ctx, account+"-RefreshToken")
	if err != nil {
		return err
	}
	credentials, err := r.load(ctx, "FitbitCredentials")
	if err != nil {
		return err
	}
	pair, err := r.call(ctx, credentials, refreshToken)
	if err != nil {
		return err
	}
	if err := r.set(ctx, account+"-RefreshToken", pair.RefreshToken); err != nil {
		return err
	}
	return r.set(ctx, account+"-AccessToken", pair.AccessToken)
}

func (r *refresher) load(ctx context.Context, name string) (string, error) {
	secret, err := r.secrets.GetSecret(ctx, name, "", nil)
	if err != nil || secret.Value == nil {
		return "", err
	}
	return *secret.Value, nil
}

func (r *refresher) set(ctx context.Context, name, value string) error {
	_, err := r.secrets.SetSecret(ctx, name, azsecrets.SetSecretParameters{Value: &value}, nil)
	return err
}

// call presents the refresh token. Its error says no more than the status: an
// answer's body may echo the token.
func (r *refresher) call(ctx context.Context, credentials, refreshToken string) (*oauth2.Token, error) {
	decoded, err := base64.StdEncoding.DecodeString(credentials)
	if err != nil {
		return nil, errors.New("FitbitCredentials is not base64")
	}
	id, secret, _ := strings.Cut(string(decoded), ":")
	client := oauth2.Config{
		ClientID: id, ClientSecret: secret,
		Endpoint: oauth2.Endpoint{TokenURL: r.tokenURL, AuthStyle: oauth2.AuthStyleInHeader},
	}
	pair, err := client.TokenSource(ctx, &oauth2.Token{RefreshToken: refreshToken}).Token()
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) {
		return nil, fmt.Errorf("the provider answers %s", refused.Response.Status)
	}
	return pair, err
}
