package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"path/filepath"

	"github.com/spf13/cobra"

	"tokenkeeper/internal/consent"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/seal"
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
	// withTemporal is that of the settings.
	withTemporal func(do func(context.Context, *temporalApp) error) error
}

// atVault makes everything ready without calling anybody, and acts.
func (s settings) atVault(cmd *cobra.Command, do func(context.Context, *custodian) error) error {
	secrets, err := keyvault.New(s.Vault)
	if err != nil {
		return err
	}
	state, err := consent.StateDir(s.environ)
	if err != nil {
		return err
	}
	keysets := vault.NewKeysets(secrets)
	keyring := seal.New(keysets)
	c := &custodian{
		Service: consent.Service{
			Vault: vault.New(secrets), Keysets: keysets, Keyring: keyring,
			PendingStore: consent.PendingStore{Dir: filepath.Join(state, "consents", folderOf(s.Vault.URL)), Keyring: keyring},
		},
		vaultURL: s.Vault.URL, providers: s.providers, client: provider.NewClient(nil), prompter: newPrompter(cmd),
		printer:      printer{out: cmd.OutOrStdout(), notes: cmd.OutOrStdout(), warnings: cmd.ErrOrStderr()},
		withTemporal: func(do func(context.Context, *temporalApp) error) error { return s.withTemporal(cmd, do) },
	}
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
func (c *custodian) tellNext(ctx context.Context, t target) {
	start := t.command("start")
	refresh := t.command("refresh")
	kept := false
	err := c.withTemporal(func(ctx context.Context, o *temporalApp) error {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		var err error
		kept, err = o.isKept(ctx, t)
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
