// Package vault keeps an account's tokens in Azure Key Vault so that the newest
// refresh token is always found and never overwritten by an older one.
//
// Key Vault has no compare-and-swap, so order comes from tags: every token
// version says which [token.Generation] it is and which token it descends from.
// [Vault.Load] finds the newest and leaves an intent record on it before it is
// spent; [Vault.Store] writes the refresh token first, then the access token,
// behind the fence of [FenceRefresh], and looks again afterwards.
//
// Secrets is the edge to the service; package keyvault implements it.
package vault

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"tokenkeeper/internal/token"
)

// Vault is safe for use by several goroutines.
type Vault struct {
	secrets Secrets
	now     func() time.Time
}

// New keeps tokens in the given secrets.
func New(secrets Secrets) *Vault { return &Vault{secrets: secrets, now: time.Now} }

// ErrMalformed: a secret is there and its value cannot be what it should be.
var ErrMalformed = errors.New("malformed")

// ErrOtherProvider: a refresh token is there, and another provider issued it.
var ErrOtherProvider = errors.New("another provider's token")

// RecordIntent leaves the intent record on the refresh token that run is about to
// spend: when, and by which run. It is also the proof that the vault takes
// writes, without which nothing may be spent.
func (v *Vault) RecordIntent(ctx context.Context, n Names, a token.Account, h RefreshToken, run Run) error {
	return v.tag(ctx, n.RefreshToken, h.Version, withIntent(h, a, run, v.now()))
}

// tag replaces a version's tags.
func (v *Vault) tag(ctx context.Context, name, version string, tags map[string]string) error {
	if len(tags) > maxTags {
		return &Error{Op: "tag", Name: name, Kind: ErrRejected, Detail: fmt.Sprintf("it carries %d tags and Key Vault takes %d", len(tags), maxTags),
			Fix: "remove some of your own tags from it"}
	}
	return v.secrets.SetTags(ctx, name, version, tags)
}

// access reads what the access token says of itself. An access token that is
// absent, deleted or disabled says nothing, and that is no error.
func (v *Vault) access(ctx context.Context, n Names) (AccessTokenInfo, error) {
	s, err := v.secrets.Get(ctx, n.AccessToken, "")
	if err != nil {
		if absent(err) || errors.Is(err, ErrDisabled) {
			return AccessTokenInfo{}, nil
		}
		return AccessTokenInfo{}, err
	}
	return accessFrom(s), nil
}

// Credentials reads a provider's client id and secret.
func (v *Vault) Credentials(ctx context.Context, n Names) (token.Client, error) {
	s, err := v.secrets.Get(ctx, n.Credentials, "")
	if err != nil {
		return token.Client{}, v.explain(ctx, err, n.Credentials, "the base64 of client_id:client_secret")
	}
	client, err := parseCredentials(s.Value)
	if err != nil {
		return token.Client{}, &Error{Op: "read", Name: n.Credentials, Kind: ErrMalformed, Detail: err.Error(),
			Fix: "store the base64 of client_id:client_secret in it"}
	}
	return client, nil
}

// PutCredentials stores a provider's client id and secret, unless the vault holds
// the same already.
func (v *Vault) PutCredentials(ctx context.Context, n Names, client token.Client) error {
	if client.ID == "" || strings.Contains(client.ID, ":") || !printable(client.ID) || !printable(client.Secret.Reveal()) {
		return &Error{Op: "set", Name: n.Credentials, Kind: ErrMalformed, Detail: "a client id has no colon, and neither it nor its secret has blanks"}
	}
	if held, err := v.Credentials(ctx, n); err == nil && held == client {
		return nil
	}
	value := token.NewSecret(base64.StdEncoding.EncodeToString([]byte(client.ID + ":" + client.Secret.Reveal())))
	for range maxRounds {
		_, again, err := v.set(ctx, n.Credentials, value, Properties{})
		if err != nil || !again {
			return err
		}
	}
	return deletedAgain(n.Credentials)
}

func parseCredentials(value token.Secret) (token.Client, error) {
	text := strings.TrimSpace(value.Reveal())
	if text == "" {
		return token.Client{}, errors.New("it is empty")
	}
	if strings.Contains(text, ":") {
		return token.Client{}, errors.New("it looks like client_id:client_secret in the clear, not in base64")
	}
	decoded, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return token.Client{}, errors.New("it is not base64")
	}
	id, secret, found := strings.Cut(strings.TrimSpace(string(decoded)), ":")
	if !found {
		return token.Client{}, errors.New("its base64 holds no colon between client id and client secret")
	}
	if id == "" || !printable(id) || !printable(secret) {
		return token.Client{}, errors.New("its base64 does not hold a client id and a client secret in plain text")
	}
	return token.Client{ID: id, Secret: token.NewSecret(secret)}, nil
}

// current reads the current refresh token.
func (v *Vault) current(ctx context.Context, name string) (RefreshToken, error) {
	h, err := v.read(ctx, name, "")
	if err != nil {
		return RefreshToken{}, v.explain(ctx, err, name, "the refresh token from the provider's consent")
	}
	return h, nil
}

func (v *Vault) read(ctx context.Context, name, version string) (RefreshToken, error) {
	s, err := v.secrets.Get(ctx, name, version)
	if err != nil {
		return RefreshToken{}, err
	}
	h := heldFrom(s)
	if !h.usable() {
		return RefreshToken{}, &Error{Op: "read", Name: name, Kind: ErrMalformed, Detail: "it " + h.problem.Error(),
			Fix: "store the refresh token from the provider's consent in it, and nothing else"}
	}
	return h, nil
}

// explain adds to a failed read what a person has to put where. A name that is
// missing may be soft-deleted, which wants another fix.
func (v *Vault) explain(ctx context.Context, err error, name, content string) error {
	var e *Error
	if !errors.As(err, &e) || !absent(err) {
		return err
	}
	explained := *e
	if deleted, lookErr := v.secrets.IsDeleted(ctx, name); lookErr == nil && deleted {
		explained.Kind = ErrDeleted
		explained.Fix = fmt.Sprintf("bring it back with: az keyvault secret recover --vault-name VAULT --name %s", name)
		return &explained
	}
	explained.Fix = fmt.Sprintf("store %s in it: az keyvault secret set --vault-name VAULT --name %s --file FILE", content, name)
	return &explained
}

func absent(err error) bool { return errors.Is(err, ErrNotFound) || errors.Is(err, ErrDeleted) }

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) })
}
