// Package consent brings a user's consent from the provider into the vault.
//
// An authorization code is good for one exchange, and its tokens exist in one
// process until the vault has them. So the order is: [Service.Preflight] proves
// that the vault takes writes, before a consent is asked for; [Callback] waits on
// this machine for the provider's redirect, or [ReadPasted] reads one that the
// user copied; [PendingStore] saves the tokens on disk, sealed with the vault's
// keyset; [Service.Store] retries until the vault has them.
//
// [ParseTokens] reads a refresh token that was issued elsewhere, for the last two.
package consent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// Service stores consents in one vault.
type Service struct {
	Vault        *vault.Vault
	Keysets      *vault.Keysets
	Keyring      *seal.Keyring
	PendingStore PendingStore
}

// Existing is what the vault holds for an account before a new consent.
type Existing struct {
	// Client is the provider's app; its ID is empty where the vault has none.
	Client token.Client
	// RefreshToken is as Service.Current returns it.
	RefreshToken vault.RefreshToken
	// OtherProvider describes a usable token of another provider under the account's
	// names; nil for none. A new consent is stored on top of it.
	OtherProvider error
}

// Preflight proves that the vault answers, takes writes, and has a keyset that
// opens. It creates the keyset where there is none, as the worker does.
func (s Service) Preflight(ctx context.Context, l vault.Location) (Existing, error) {
	created, err := s.Keyring.Create(ctx)
	if err == nil {
		err = s.Keyring.Ready(ctx)
	}
	if err == nil && !created {
		err = s.Keysets.Touch(ctx)
	}
	if err != nil {
		return Existing{}, err
	}
	client, err := s.Vault.Credentials(ctx, l.Names)
	if err != nil && !errors.Is(err, vault.ErrNotFound) {
		return Existing{}, err
	}
	existing := Existing{Client: client}
	existing.RefreshToken, err = s.load(ctx, l)
	if errors.Is(err, vault.ErrOtherProvider) {
		existing.OtherProvider, err = err, nil
	}
	return existing, err
}

// Current returns the account's usable refresh token. It is zero where the vault
// holds none: absent, deleted, disabled, malformed, or another provider's. A new
// consent mends each of these.
func (s Service) Current(ctx context.Context, l vault.Location) (vault.RefreshToken, error) {
	current, err := s.load(ctx, l)
	if errors.Is(err, vault.ErrOtherProvider) {
		return vault.RefreshToken{}, nil
	}
	return current, err
}

// load is Current, with ErrOtherProvider for another provider's token.
func (s Service) load(ctx context.Context, l vault.Location) (vault.RefreshToken, error) {
	current, _, err := s.Vault.Load(ctx, l.Names, 0)
	for _, unusable := range []error{vault.ErrNotFound, vault.ErrDeleted, vault.ErrDisabled, vault.ErrMalformed} {
		if errors.Is(err, unusable) {
			return vault.RefreshToken{}, nil
		}
	}
	return current, err
}

// ErrOtherUser: the consent is of another user than the tokens in the vault.
var ErrOtherUser = errors.New("another user consented")

// CheckUser refuses a consent of another user than before, whose data every
// reader of the access token would get. An empty id is unknown and passes.
func CheckUser(l vault.Location, before, now string) error {
	if before == "" || now == "" || before == now {
		return nil
	}
	return fmt.Errorf("%w: the vault's tokens of %s are user %s's, this consent is user %s's; nothing was stored; sign in at %s as the former, or first run: %s",
		ErrOtherUser, l.Account, before, now, l.Provider.Title, l.Names.Command("revoke"))
}

// MissingScopes are the scopes that were requested and not granted. An answer that
// names none grants all (RFC 6749 section 5.1).
func MissingScopes(requested, granted []string) []string {
	if len(granted) == 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(requested), func(s string) bool { return slices.Contains(granted, s) })
}

// Store stores a consent and, where it has any, its client credentials. It retries
// until the vault has taken both, the failure is permanent, or ctx ends; onRetry
// gets each failure and the wait that follows.
func (s Service) Store(ctx context.Context, l vault.Location, p PendingConsent, onRetry func(failure error, wait time.Duration)) (stored vault.Receipt, err error) {
	for wait := time.Second; ; wait = min(2*wait, 30*time.Second) {
		stored, err = s.storeOnce(ctx, l, p)
		switch {
		case err == nil:
			return stored, nil
		case ctx.Err() != nil:
			return vault.Receipt{}, cmp.Or(context.Cause(ctx), err)
		case !vault.Retryable(err):
			return vault.Receipt{}, err
		}
		onRetry(err, wait)
		select {
		case <-ctx.Done():
			return vault.Receipt{}, context.Cause(ctx)
		case <-time.After(wait):
		}
	}
}

func (s Service) storeOnce(ctx context.Context, l vault.Location, p PendingConsent) (vault.Receipt, error) {
	if p.Client.ID != "" {
		if err := s.Vault.PutCredentials(ctx, l.Names, p.Client); err != nil {
			return vault.Receipt{}, err
		}
	}
	return s.Vault.StoreConsent(ctx, l.Names, l.Account, p.Pair)
}
