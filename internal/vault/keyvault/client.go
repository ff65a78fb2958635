// Package keyvault implements vault.Secrets over Azure Key Vault.
//
// [New] makes a [Client] from the configuration's [Options], and [NewCredential] the
// credential that they name. Every error is a *vault.Error; classify, a function over
// plain data, decides its kind.
//
// The client repeats a call a few times within half a minute; longer retries are the
// workflow's. It never repeats a write of a value whose outcome is unknown, for Key
// Vault would make a second version of it; the caller rereads the versions instead.
package keyvault

import (
	"context"
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

// Options name a vault and the credential for it. Package config reads and checks
// them.
type Options struct {
	URL string // https and a host, with nothing after it
	// Credential is one of NewCredential's kinds. With CredentialEmulator a host
	// outside of Azure's domains may ask for tokens.
	Credential string
	ClientID   string         // names the identity; see NewCredential
	Principal  Principal      // for CredentialEnvironment
	RootCAs    *x509.CertPool // verify the vault's certificate; nil means the system's
	APIVersion string         // of the secrets API; empty means the library's default
	// Throttled is told of each 429 and the wait that it asks for, also of those after
	// which a call is repeated. It may be nil.
	Throttled func(wait time.Duration)
}

// Client reads and writes the secrets of one vault. It is safe for concurrent use.
type Client struct {
	secrets *azsecrets.Client
	host    string
}

const (
	callTimeout   = 30 * time.Second // of one call with its retries and its token
	tryTimeout    = 12 * time.Second // of one try: the challenge, the token and the answer
	maxRetries    = 2
	retryDelay    = 500 * time.Millisecond
	maxRetryAfter = 10 * time.Second // the longest Retry-After that is waited for inside a call
)

// New returns a client with the credential that the options name. It calls neither
// the vault nor Entra.
func New(o Options) (*Client, error) {
	credential, err := NewCredential(o)
	if err != nil {
		return nil, err
	}
	return NewWithCredential(o, credential)
}

// NewWithCredential is New with a credential that the caller has made.
func NewWithCredential(o Options, credential azcore.TokenCredential) (*Client, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" {
		return nil, errors.New("vault: its URL has no host; set KEY_VAULT_URL") // quotes nothing: it may hold a password
	}
	options := azsecrets.ClientOptions{
		ClientOptions: azcore.ClientOptions{
			APIVersion: o.APIVersion,
			Retry:      retries(),
			Transport:  newTransport(u.Hostname(), o.RootCAs),
			// Of each try, below the library's own repetitions.
			PerRetryPolicies: []policy.Policy{throttled(o.Throttled)},
		},
		DisableChallengeResourceVerification: o.Credential == CredentialEmulator,
	}
	if _, ok := credential.(named); !ok {
		credential = named{TokenCredential: credential}
	}
	secrets, err := azsecrets.NewClient(o.URL, credential, &options)
	if err != nil {
		return nil, fmt.Errorf("vault: make a client for %s: %w", u.Host, err)
	}
	return &Client{secrets: secrets, host: u.Host}, nil
}

// onlySurelyUndone repeats a call only when the vault cannot have carried it out: it
// answered "too many requests", or no connection was made.
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
