// Package vault keeps an account's tokens in Azure Key Vault so that the newest
// refresh token is always found and never overwritten by an older one.
//
// Key Vault has no compare-and-swap: the last write of a secret wins. Order comes from
// tags, in which every token version states its provenance: its [token.Generation], its
// fingerprint, and the token that was spent for it.
//
// [Vault.Load] finds the newest refresh token, and [Vault.RecordIntent] writes onto it
// which run is about to spend it, after it has proven that the vault takes new versions.
// [Vault.Store] writes an issued pair, the refresh token
// first, and [Vault.StoreConsent] a new consent's. [Vault.PromoteSuccessor] looks for a
// newer refresh token once the provider has refused one. Before a write a pure function
// over the tags decides ([FenceRefresh], [FenceAccess], [FenceConsent]), and all versions
// are listed only where the two current ones leave a doubt.
//
// [Locate] names an account's secrets. [Secrets] is the edge to the service, which
// package keyvault implements.
package vault

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"tokenkeeper/internal/token"
)

// Vault is safe for concurrent use.
type Vault struct {
	secrets Secrets
	proofs  *proofs
}

// New returns a vault over the given secrets.
func New(secrets Secrets) *Vault { return &Vault{secrets, newProofs()} }

// Credentials reads a provider's client id and secret.
func (v *Vault) Credentials(ctx context.Context, n Names) (token.Client, error) {
	s, err := v.secrets.Get(ctx, n.Credentials, "")
	if err != nil {
		return token.Client{}, v.withFix(ctx, err, n.Credentials, "the base64 of client_id:client_secret")
	}
	client, err := parseCredentials(s.Value)
	if err != nil {
		return token.Client{}, &Error{Op: "read", Name: n.Credentials, Kind: ErrMalformed, Detail: err.Error(),
			Fix: "store the base64 of client_id:client_secret in it"}
	}
	return client, nil
}

// PutCredentials stores a provider's client id and secret, unless the vault has the
// same already.
func (v *Vault) PutCredentials(ctx context.Context, n Names, client token.Client) error {
	if client.ID == "" || strings.Contains(client.ID, ":") || !printable(client.ID) || !printable(client.Secret.Reveal()) {
		return &Error{Op: "set", Name: n.Credentials, Kind: ErrMalformed, Detail: "a client id has no colon, and neither it nor its secret has blanks"}
	}
	if current, err := v.Credentials(ctx, n); err == nil && current == client {
		return nil
	}
	value := token.NewSecret(base64.StdEncoding.EncodeToString([]byte(client.ID + ":" + client.Secret.Reveal())))
	for range maxRounds {
		before, err := v.secrets.Get(ctx, n.Credentials, "")
		if err != nil && !unreadable(err) {
			return err
		}
		_, recovered, err := v.set(ctx, n.Credentials, value, before.Properties)
		if err != nil || !recovered {
			return err
		}
	}
	return deletedAgain(n.Credentials)
}

func parseCredentials(value token.Secret) (token.Client, error) {
	text := strings.TrimSpace(value.Reveal())
	decoded, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	id, secret, found := strings.Cut(strings.TrimSpace(string(decoded)), ":")
	problem := ""
	switch {
	case text == "":
		problem = "it is empty"
	case strings.Contains(text, ":"):
		problem = "it looks like client_id:client_secret in the clear, not in base64"
	case err != nil:
		problem = "it is not base64"
	case !found:
		problem = "its base64 holds no colon between client id and client secret"
	case id == "" || !printable(id) || !printable(secret):
		problem = "its base64 does not hold a client id and a client secret in plain text"
	default:
		return token.Client{ID: id, Secret: token.NewSecret(secret)}, nil
	}
	return token.Client{}, errors.New(problem)
}

// withFix adds to a failed read what the operator has to store where. A name that is
// missing may be soft-deleted, which has another fix.
func (v *Vault) withFix(ctx context.Context, err error, name, content string) error {
	var e *Error
	if !errors.As(err, &e) || !absent(err) {
		return err
	}
	fixed := *e
	if deleted, deletedErr := v.secrets.IsDeleted(ctx, name); deletedErr == nil && deleted {
		fixed.Kind, fixed.Fix = ErrDeleted, recoverFix(name)
	} else {
		fixed.Fix = fmt.Sprintf("store %s in it: az keyvault secret set --vault-name VAULT --name %s --file FILE", content, name)
	}
	return &fixed
}

func recoverFix(name string) string {
	return "bring it back with: az keyvault secret recover --vault-name VAULT --name " + name
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) })
}
