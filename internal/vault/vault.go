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
	"errors"
	"fmt"
)

// Vault is safe for concurrent use.
type Vault struct {
	secrets Secrets
	proofs  *proofs
	clients *clients
}

// New returns a vault over the given secrets.
func New(secrets Secrets) *Vault { return &Vault{secrets, newProofs(), newClients()} }

// CountProofs has count called before each version that a load has created: where a vault
// has refused many names, their proofs come beside the stores' versions. It is for before
// the first use.
func (v *Vault) CountProofs(count func()) { v.proofs.count = count }

// withFix adds to a failed read what the operator has to store where. A name that is
// missing may be soft-deleted, which has another fix.
func (v *Vault) withFix(ctx context.Context, err error, name, content, commands string) error {
	var e *Error
	if !errors.As(err, &e) || !absent(err) {
		return err
	}
	fixed := *e
	if deleted, deletedErr := v.secrets.IsDeleted(ctx, name); deletedErr == nil && deleted {
		fixed.Kind, fixed.Fix = ErrDeleted, recoverFix(name)
	} else {
		fixed.Fix = fmt.Sprintf("store %s in it: %s", content, commands)
	}
	return &fixed
}

func recoverFix(name string) string {
	return "bring it back with: az keyvault secret recover --vault-name VAULT --name " + name
}
