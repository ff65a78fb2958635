// Package keyvault implements vault.Secrets over Azure Key Vault.
//
// [New] makes a [Client] from a vault's URL and a credential, and [NewCredential]
// makes the credential that the configuration names. Every error is a
// *vault.Error; which failure becomes which is decided in one place, by a
// function over plain data (judge).
//
// The client repeats a call a few times within half a minute and then gives up:
// the long patience is the workflow's. It never repeats a write of a value whose
// fate is unknown, because Key Vault would make a second version of it; the
// caller reads the versions again instead.
package keyvault

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
)

// Options are for vaults that are not a plain Azure Key Vault; the zero value is
// for one that is.
type Options struct {
	// RootCAs verify the vault's certificate; nil means the system's.
	RootCAs *x509.CertPool
	// APIVersion of the secrets API; empty means the library's default.
	APIVersion string
	// DisableChallengeResourceVerification lets a host that is not below
	// vault.azure.net ask for the vault's tokens. For emulators only.
	DisableChallengeResourceVerification bool
}

// Client reads and writes the secrets of one vault. It may be used from any
// goroutine.
type Client struct {
	secrets *azsecrets.Client
	host    string
}

const (
	// callTimeout bounds one call with its repetitions and its token.
	callTimeout = 30 * time.Second
	// tryTimeout bounds one try: the challenge, the token and the answer.
	tryTimeout = 12 * time.Second
	maxRetries = 2
	retryDelay = 500 * time.Millisecond
	// maxRetryAfter is the longest Retry-After that is waited for inside a call.
	maxRetryAfter = 10 * time.Second
)

// New returns a client for the vault at an https URL. It does not call the vault.
func New(vaultURL string, cred azcore.TokenCredential, opts Options) (*Client, error) {
	host, err := hostOf(vaultURL)
	if err != nil {
		return nil, err
	}
	options := azsecrets.ClientOptions{
		ClientOptions: azcore.ClientOptions{
			APIVersion: opts.APIVersion,
			Retry:      retries(),
		},
		DisableChallengeResourceVerification: opts.DisableChallengeResourceVerification,
	}
	if opts.RootCAs != nil {
		options.Transport = trusting(opts.RootCAs)
	}
	if _, ok := cred.(named); !ok {
		cred = named{TokenCredential: cred}
	}
	secrets, err := azsecrets.NewClient(vaultURL, cred, &options)
	if err != nil {
		return nil, fmt.Errorf("vault: make a client for %s: %w", host, err)
	}
	return &Client{secrets: secrets, host: host}, nil
}

func hostOf(vaultURL string) (string, error) {
	const example = "set KEY_VAULT_URL to the vault's URL, such as https://my-vault.vault.azure.net"
	if vaultURL == "" {
		return "", errors.New("vault: no vault URL; " + example)
	}
	u, err := url.Parse(vaultURL)
	if err != nil || u.Host == "" || u.User != nil {
		// The text may hold a password; it is not repeated.
		return "", errors.New("vault: the vault URL is not a URL of a host; " + example)
	}
	if u.Scheme != "https" {
		return "", fmt.Errorf("vault: the vault URL of %s is not https; %s", u.Host, example)
	}
	return u.Host, nil
}

func trusting(roots *x509.CertPool) *http.Client {
	return &http.Client{Transport: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: tryTimeout, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   10,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   tryTimeout,
		ExpectContinueTimeout: time.Second,
		TLSClientConfig:       &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
	}}
}

// onlySurelyUndone repeats a call only when the vault cannot have carried it out:
// it said "too many requests", or no connection came about.
func onlySurelyUndone(ctx context.Context) context.Context {
	options := retries()
	options.ShouldRetry = func(resp *http.Response, err error) bool {
		if err != nil {
			var dial *net.OpError
			return errors.As(err, &dial) && dial.Op == "dial"
		}
		return resp.StatusCode == http.StatusTooManyRequests
	}
	return policy.WithRetryOptions(ctx, options)
}

func retries() policy.RetryOptions {
	return policy.RetryOptions{
		MaxRetries:    maxRetries,
		TryTimeout:    tryTimeout,
		RetryDelay:    retryDelay,
		MaxRetryDelay: maxRetryAfter,
	}
}
