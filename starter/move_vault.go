package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"tokenkeeper/internal/consent"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
	"tokenkeeper/internal/vault/keyvault"
)

// twoVaults are where an account's tokens are and where they go.
type twoVaults struct {
	from, to consent.Service
	toURL    string
	pace     *pace
}

// openVaults contacts nothing. The other vault is reached with the same identity.
func (s settings) openVaults(_ *cobra.Command, toURL string) (*twoVaults, error) {
	other := s.Vault
	other.URL = toURL
	open := func(options keyvault.Options) (consent.Service, error) {
		secrets, err := keyvault.New(options)
		if err != nil {
			return consent.Service{}, err
		}
		keysets := vault.NewKeysets(secrets)
		return consent.Service{Vault: vault.New(secrets), Keysets: keysets, Keyring: seal.New(keysets)}, nil
	}
	from, err := open(s.Vault)
	if err != nil {
		return nil, err
	}
	to, err := open(other)
	if err != nil {
		return nil, usageError{fmt.Errorf("--to-vault: %w", err)}
	}
	return &twoVaults{from: from, to: to, toURL: toURL, pace: newPace()}, nil
}

// checkVaults refuses an account whose tokens cannot be copied, before anything is touched.
func (m mover) checkVaults(ctx context.Context, t target) error {
	if m.vaults == nil {
		return nil
	}
	_, err := m.vaults.check(ctx, t)
	return err
}

// check returns what is to be copied.
func (v *twoVaults) check(ctx context.Context, t target) (vault.RefreshToken, error) {
	current, err := v.from.Current(ctx, t.Location)
	if err != nil {
		return current, err
	}
	if current.Fingerprint == "" {
		return current, conflictError{fmt.Errorf("the vault of KEY_VAULT_URL holds no usable refresh token of %s in %s; have its owner consent with: %s", t, t.Names.RefreshToken, t.command("authorize"))}
	}
	_, err = v.to.Vault.Credentials(ctx, t.Names)
	if errors.Is(err, vault.ErrNotFound) {
		return current, conflictError{fmt.Errorf("%s has no %s, without which nothing is refreshed there; copy it from the vault of KEY_VAULT_URL first", v.toURL, t.clientSecrets())}
	}
	return current, err
}

// copyTokens puts the current tokens into the other vault, while no run is at work. It does
// nothing where they are there.
func (m mover) copyTokens(ctx context.Context, t target) error {
	v := m.vaults
	if v == nil {
		return nil
	}
	current, err := v.check(ctx, t)
	if err != nil {
		return err
	}
	there, err := v.to.Current(ctx, t.Location)
	if err != nil || there.Fingerprint == current.Fingerprint {
		return err
	}
	if intents := current.Intents(); len(intents) > 0 && t.Provider.Rotation == provider.SingleUse {
		// The other vault's runs would neither know of it nor open what it was issued.
		return conflictError{fmt.Errorf("run %s may have spent generation %d of %s, and stored nothing that was issued for it; refresh it first, and move it then: %s",
			intents[len(intents)-1].RunID, current.Generation, t, t.command("refresh"))}
	}
	pair, err := v.from.Vault.Tokens(ctx, t.Names)
	if err != nil {
		return err
	}
	_, access, err := v.from.Vault.Load(ctx, t.Names, 0)
	if err != nil {
		return err
	}
	if pair.Expiry, pair.GrantEnds = access.Expires, current.GrantEnds; access.Fingerprint != pair.AccessToken.Fingerprint() || pair.Expiry.IsZero() {
		pair.AccessToken = token.Secret{} // the next refresh writes one
	}
	if pair.RefreshToken.Fingerprint() != current.Fingerprint {
		return conflictError{fmt.Errorf("the refresh token of %s changed while it was read; move it again", t)}
	}
	if err := v.pace.wait(ctx); err != nil {
		return err
	}
	storing, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	stored, err := v.to.Store(storing, t.Location, consent.PendingConsent{Pair: pair}, ignoreRetry)
	switch {
	case err != nil:
		return fmt.Errorf("copy the tokens of %s to %s: %w", t, v.toURL, err)
	case stored.Superseded:
		return conflictError{fmt.Errorf("%s has held this token of %s before and holds something newer; see which of the two vaults is right, and disable the other's %s", v.toURL, t, t.Names.RefreshToken)}
	}
	return nil
}

// copySuccessor copies the tokens again where a run here has spent the one that was copied.
// It replaces that one only: what a run there or a new consent has stored is newer.
func (m mover) copySuccessor(ctx context.Context, t target) error {
	v := m.vaults
	if v == nil {
		return nil
	}
	current, err := v.from.Current(ctx, t.Location)
	if err != nil || current.Parent == "" {
		return err
	}
	there, err := v.to.Current(ctx, t.Location)
	if err != nil || there.Fingerprint != current.Parent {
		return err
	}
	return m.copyTokens(ctx, t)
}
