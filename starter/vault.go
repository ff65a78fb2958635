package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"tokenkeeper/internal/consent"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/vault"
	"tokenkeeper/internal/vault/keyvault"
)

// vaultApp carries out the commands that read or write secrets, at one vault and
// with the operator's own identity.
type vaultApp struct {
	consent.Service
	oauth    *provider.Client
	prompter *prompter
	auditor  auditor
	printer
	// withTemporal is that of the settings.
	withTemporal func(do func(context.Context, *temporalApp) error) error
}

// withVault prepares a vaultApp, without contacting anything, and acts with it.
func (s settings) withVault(cmd *cobra.Command, do func(context.Context, *vaultApp) error) error {
	secrets, err := keyvault.New(s.Vault)
	if err != nil {
		return err
	}
	audit, err := s.auditor()
	if err != nil {
		return err
	}
	keysets := vault.NewKeysets(secrets)
	keyring := seal.New(keysets)
	id := sha256.Sum256([]byte(s.Vault.URL)) // a URL is no folder's name on every system
	pending := consent.PendingStore{Dir: filepath.Join(filepath.Dir(audit.file), "consents", hex.EncodeToString(id[:8])), Keyring: keyring}
	err = do(cmd.Context(), &vaultApp{
		Service:  consent.Service{Vault: vault.New(secrets), Keysets: keysets, Keyring: keyring, PendingStore: pending},
		oauth:    provider.NewClient(nil),
		prompter: newPrompter(cmd),
		auditor:  audit,
		printer:  newPrinter(cmd),

		withTemporal: func(do func(context.Context, *temporalApp) error) error { return s.withTemporal(cmd, do) },
	})
	if errors.Is(err, context.Canceled) && cmd.Context().Err() != nil {
		return errInterrupted
	}
	return err
}

// endRefreshes ends what refreshes the account, waits for a run at work, and
// reports what there was.
func (a *vaultApp) endRefreshes(t target) error {
	return a.withTemporal(func(ctx context.Context, o *temporalApp) error {
		ended, err := o.stopKeeping(ctx, t)
		switch {
		case err != nil:
			return err
		case len(ended) == 0:
			o.say("Nothing keeps %s alive.", t)
		default:
			o.say("Ended: %s.", strings.Join(ended, " and "))
		}
		return nil
	})
}

// isRefreshed reports whether a workflow or a Schedule refreshes the account, and in
// which words it goes on.
func (a *vaultApp) isRefreshed(t target) (is bool, next string, err error) {
	err = a.withTemporal(func(ctx context.Context, o *temporalApp) error {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		is, next, err = o.isKept(ctx, t)
		return err
	})
	return is, next, err
}

// goOn has a run at work go on with a stored consent, and names the command that
// follows. That Temporal does not answer is no failure of the consent.
func (a *vaultApp) goOn(ctx context.Context, t target) {
	start, refresh := t.command("start"), t.command("refresh")
	refreshed, next := false, ""
	hurried, err := a.hurryRuns(t)
	if err == nil && !hurried {
		refreshed, next, err = a.isRefreshed(t)
	}
	switch {
	case ctx.Err() != nil:
	case hurried:
		a.say("A run is at work, and was signalled to start over with it. See how it goes with: %s", t.command("status"))
	case err != nil:
		a.say("Next: start its cron with: %s (or, where it runs already, refresh at once with: %s)", start, refresh)
	case refreshed:
		a.say("%s goes on with it. Refresh at once with: %s", next, refresh)
	default:
		a.say("Next: start its cron with: %s", start)
	}
}

// hurryRuns signals the account's runs at work, and reports whether there was one.
func (a *vaultApp) hurryRuns(t target) (hurried bool, err error) {
	err = a.withTemporal(func(ctx context.Context, o *temporalApp) error {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		hurried, err = o.hurryRuns(ctx, t)
		return err
	})
	return hurried, err
}

// agree has the operator type the account's name. It returns errNoInput where no one can be
// asked.
func (a *vaultApp) agree(ctx context.Context, t target) (agreed bool, err error) {
	answer, err := a.prompter.readLine(ctx, fmt.Sprintf("Type %s to go on: ", t.named()))
	return err == nil && answer == t.named(), err
}

// confirm ends an operation that the operator does not agree to. flag is the one that
// answers in advance.
func (a *vaultApp) confirm(ctx context.Context, t target, operation, flag string) error {
	agreed, err := a.agree(ctx, t)
	switch {
	case errors.Is(err, errNoInput):
		return usageError{fmt.Errorf("%s: not confirmed, nothing was touched; type the account's name when asked, or add %s", operation, flag)}
	case err != nil:
		return err
	case !agreed:
		return fmt.Errorf("%s: the answer is not %s; nothing was touched", operation, t.named())
	}
	return nil
}
