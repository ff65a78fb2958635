package consent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// Service is where consents are handed in. Its order is: [Service.Preflight], before
// anything is asked of a person; [Service.PendingConsent], for what an earlier attempt left;
// then the Drawer and [Service.Store] for a new one.
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
	// Consent is the one in force and UserID the provider's name for the person
	// who gave it; empty where unknown.
	Consent token.Fingerprint
	UserID  string
}

// Preflight proves that what comes after can succeed: the vault answers and takes
// writes, and the keyset opens. It makes the keyset where there is none, as the
// worker does.
func (d Service) Preflight(ctx context.Context, p vault.Location) (Existing, error) {
	created, err := d.Keyring.Create(ctx)
	if err == nil {
		err = d.Keyring.Ready(ctx)
	}
	if err == nil && !created {
		err = d.Keysets.Touch(ctx)
	}
	if err != nil {
		return Existing{}, err
	}
	var found Existing
	if found.Client, err = d.Vault.Credentials(ctx, p.Names); err != nil && !errors.Is(err, vault.ErrNotFound) {
		return Existing{}, err
	}
	held, _, err := d.Vault.Load(ctx, p.Names)
	if err != nil && !replaceable(err) {
		return Existing{}, err
	}
	found.Consent, found.UserID = held.Consent, held.UserID
	return found, nil
}

// replaceable reports whether a new consent mends what keeps a refresh token from
// being read.
func replaceable(err error) bool {
	for _, kind := range []error{vault.ErrNotFound, vault.ErrDeleted, vault.ErrDisabled, vault.ErrMalformed, vault.ErrOtherProvider} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// ErrOtherPerson: the consent is not from the person whose tokens the vault holds.
var ErrOtherPerson = errors.New("another person consented")

// CheckPerson refuses a consent of another person than before: whoever reads the
// account's access token would be given the wrong person's data.
func CheckPerson(p vault.Location, before, now string) error {
	if before == "" || now == "" || before == now {
		return nil
	}
	return fmt.Errorf("%w: %s holds the tokens of user %s at %s, and this consent is of user %s; nothing was stored. Sign in at %s as the right person and try again, "+
		"or, if the account is to be this person's from now on, end it first with starter revoke", ErrOtherPerson, p.Account, before, p.Provider.Title, now, p.Provider.Title)
}

// PendingConsent is what an earlier attempt left for the account. outdated says that
// another consent came into the vault since, so that this one must not. Where
// nothing could be read when this one was asked for, what is there now may be
// older: the vault room tells.
func (d Service) Pending(ctx context.Context, p vault.Location, found Existing) (k PendingConsent, exists, outdated bool, err error) {
	k, exists, err = d.PendingStore.Load(ctx, p.Account)
	if err != nil || !exists {
		return PendingConsent{}, false, false, err
	}
	own := k.RefreshToken.Fingerprint()
	return k, true, k.Over != "" && found.Consent != "" && found.Consent != k.Over && found.Consent != own, nil
}

// Store stores a consent and, where there are any, its client credentials. It tries
// until the vault has taken them, a person has to mend something, or ctx ends;
// tell hears of each failure that is tried again. superseded says that the vault
// holds something newer.
func (d Service) Store(ctx context.Context, p vault.Location, k PendingConsent, tell func(failure error, again time.Duration)) (superseded bool, err error) {
	for wait := time.Second; ; wait = min(2*wait, 30*time.Second) {
		if k.Client.ID != "" {
			err = d.Vault.PutCredentials(ctx, p.Names, k.Client)
		}
		var receipt vault.Receipt
		if err == nil {
			receipt, err = d.Vault.StoreConsent(ctx, p.Names, p.Account, k.Pair)
		}
		switch {
		case err == nil:
			return receipt.Superseded, nil
		case ctx.Err() != nil:
			return false, cmp.Or(context.Cause(ctx), err)
		case !vault.Retryable(err):
			return false, err
		}
		tell(err, wait)
		select {
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case <-time.After(wait):
		}
		err = nil
	}
}
