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
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
	"golang.org/x/oauth2"

	"tokenkeeper/internal/vault/keyvault"
)

// refresher uses azsecrets as it comes, with its own retries.
type refresher struct {
	secrets  *azsecrets.Client
	tokenURL string
}

func refresherFrom(getenv func(string) string) (*refresher, error) {
	pem, err := os.ReadFile(getenv("TOKENKEEPER_KEY_VAULT_CA_FILE"))
	if err != nil {
		return nil, fmt.Errorf("TOKENKEEPER_KEY_VAULT_CA_FILE: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, errors.New("TOKENKEEPER_KEY_VAULT_CA_FILE holds no certificate")
	}
	credential, err := keyvault.NewCredential("emulator", "")
	if err != nil {
		return nil, err
	}
	secrets, err := azsecrets.NewClient(getenv("KEY_VAULT_URL"), credential, &azsecrets.ClientOptions{
		ClientOptions:                        azcore.ClientOptions{Transport: trusting(roots)},
		DisableChallengeResourceVerification: true,
	})
	return &refresher{secrets: secrets, tokenURL: getenv("BASELINE_TOKEN_URL")}, err
}

func trusting(roots *x509.CertPool) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	return &http.Client{Transport: transport}
}

func (r *refresher) refreshAndSay(ctx context.Context, account string) {
	if err := r.refresh(ctx, account); err != nil {
		slog.Error("not refreshed", "account", account, "error", err)
		return
	}
	slog.Info("refreshed", "account", account)
}

// refresh is the whole of the plain way, in its order.
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
