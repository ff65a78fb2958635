package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"path/filepath"

	"github.com/spf13/cobra"

	"tokenkeeper/internal/config"
	"tokenkeeper/internal/consent"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
	"tokenkeeper/internal/vault/keyvault"
)

// custodian carries out the commands that touch secrets: at one vault, with the
// identity of whoever runs them.
type custodian struct {
	consent.Service
	vaultURL  string
	providers provider.Table
	client    *provider.Client
	prompter  *prompter
	printer
	// next tells what a person does after a consent was stored.
	next func(context.Context, token.Account)
}

// atVault makes everything ready without calling anybody, and acts.
func atVault(cmd *cobra.Command, environ map[string]string, do func(context.Context, *custodian) error) error {
	cfg, err := config.LoadStarterWithVault(environ)
	providers, providersErr := provider.Load(cfg.ProvidersFile)
	if err := errors.Join(err, providersErr); err != nil {
		return err
	}
	secrets, err := keyvault.New(cfg.Vault)
	if err != nil {
		return err
	}
	state, err := consent.StateDir(environ)
	if err != nil {
		return err
	}
	keysets := vault.NewKeysets(secrets)
	keyring := seal.New(keysets)
	c := &custodian{
		Service: consent.Service{
			Vault: vault.New(secrets), Keysets: keysets, Keyring: keyring,
			PendingStore: consent.PendingStore{Dir: filepath.Join(state, "consents", folderOf(cfg.Vault.URL)), Keyring: keyring},
		},
		vaultURL: cfg.Vault.URL, providers: providers, client: provider.NewClient(nil), prompter: newPrompter(cmd),
		printer: printer{out: cmd.OutOrStdout(), notes: cmd.OutOrStdout(), warnings: cmd.ErrOrStderr()},
	}
	c.next = func(ctx context.Context, a token.Account) { c.tellNext(ctx, cmd, environ, a) }
	err = do(cmd.Context(), c)
	if errors.Is(err, context.Canceled) && cmd.Context().Err() != nil {
		return errInterrupted
	}
	return err
}

// folderOf is a folder's name for each vault: a URL is none everywhere.
func folderOf(vaultURL string) string {
	sum := sha256.Sum256([]byte(vaultURL))
	return hex.EncodeToString(sum[:8])
}

// tellNext says what comes after a consent, which depends on whether somebody
// isKept the account alive already. That Temporal is away is no failure.
func (c *custodian) tellNext(ctx context.Context, cmd *cobra.Command, environ map[string]string, a token.Account) {
	start := shell(append([]string{"starter", "start"}, flagsFor(a)...)...)
	refresh := shell(append([]string{"starter", "refresh"}, flagsFor(a)...)...)
	kept := false
	err := withTemporal(cmd, environ, func(ctx context.Context, o *temporalApp) error {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		var err error
		kept, err = o.isKept(ctx, a)
		return err
	})
	switch {
	case ctx.Err() != nil:
	case err != nil:
		c.say("Next: start its cron with: %s (or, where it runs already, refresh at once with: %s)", start, refresh)
	case kept:
		c.say("Its workflow goes on with it. Refresh at once with: %s", refresh)
	default:
		c.say("Next: start its cron with: %s", start)
	}
}
