package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"tokenkeeper/internal/config"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/vault"
)

func newRevoke(environ map[string]string) *cobra.Command {
	var options bulkOptions
	cmd := &cobra.Command{
		Use:   "revoke",
		Short: "End an account: its workflow, its grant, its tokens",
		Long: `Ends an account in this order: its cron or Schedule is ended and a run at work
waited for; the provider is told that the grant is over; the two current tokens
in the vault are disabled. Nothing is deleted: versions and histories stay.

It asks first. It can be repeated, and does what is left. Where the provider has no
endpoint to revoke at, it says what the user does there, and exits with 3.

--accounts ends many. One that fails leaves the others alone, and one that has no
token any more and is not kept alive is left alone. ` + accountsFile,
		Example: `  starter revoke --account will
  starter revoke --accounts leavers.txt --dry-run`,
	}
	cmd.Flags().BoolVar(&options.yes, "yes", false, "do not ask")
	cmd.Flags().StringVar(&options.file, "accounts", "", "end the accounts in this `FILE`")
	cmd.Flags().BoolVar(&options.dryRun, "dry-run", false, "with --accounts: show what would be done, and touch nothing")
	output := outputFlag(cmd, "text")
	return accountCommand(cmd, environ, config.LoadStarterWithVault, func(s settings, t target) error {
		if options.asJSON = *output == "json"; options.dryRun && options.file == "" {
			return errDryRunOfOne
		}
		return s.withVault(cmd, func(ctx context.Context, a *vaultApp) error {
			if options.file != "" {
				return a.revokeMany(ctx, cmd, s, t, options)
			}
			if t.Provider.Status.Successor != "" {
				// Where Temporal is away, what was asked for is ended, as far as that goes without.
				_ = a.withTemporal(func(ctx context.Context, o *temporalApp) (err error) {
					t, err = o.whereItIsNow(ctx, s, t)
					return err
				})
			}
			if !options.yes {
				a.say("This ends %s: its workflow, its grant at %s, and its tokens in the vault. Only a new consent brings it back.", t, t.Provider.Title)
				if err := a.confirm(ctx, t, "revoke "+t.String(), "--yes"); err != nil {
					return err
				}
			}
			return a.revoke(ctx, t)
		})
	})
}

// revoke goes on where the workflow cannot be ended: a run that finds no token
// fails and says so. It leaves the tokens readable until the provider has
// answered, because a later attempt needs them to end the grant.
func (a *vaultApp) revoke(ctx context.Context, t target) error {
	if err := a.refusePending(ctx, t, "revoke", vault.RefreshToken{}); err != nil {
		return err
	}
	var left []string // to do
	unfinished := func(err error, steps ...string) error {
		return fmt.Errorf("%w; left to do: %s; run it again", err, strings.Join(append(left, steps...), ", "))
	}
	if err := a.endRefreshes(t); err != nil {
		if ctx.Err() != nil {
			return errInterrupted
		}
		a.warn("its workflow was not ended: %v", err)
		left = append(left, "end its workflow")
	}
	byHand, err := a.revokeGrant(ctx, t)
	if err != nil {
		a.say("Its tokens stay in the vault as they are, so that the grant can still be ended.")
		return unfinished(err, "end the grant", "disable its tokens")
	}
	disabled, err := a.Vault.Disable(ctx, t.Names)
	if err != nil {
		return unfinished(err, "disable its tokens")
	}
	if disabled {
		a.say("Disabled: the current versions of %s and %s. Nothing was deleted.", t.Names.RefreshToken, t.Names.AccessToken)
	} else {
		a.say("Its tokens in the vault were disabled or absent before.")
	}
	detail := ""
	if byHand {
		detail = "to be ended at the provider by hand"
	}
	a.audit(ctx, auditRevoke, t.String(), detail)
	switch {
	case len(left) > 0:
		return fmt.Errorf("left to do: %s; run it again", strings.Join(left, ", "))
	case byHand && !disabled:
		return needsAttention{byHandBefore(t)}
	case byHand:
		return needsAttention{fmt.Sprintf("the grant is not ended yet; have the user remove the app's access in their account at %s", t.Provider.Title)}
	}
	return nil
}

// byHandBefore is said where an earlier revocation left the grant to the user.
func byHandBefore(t target) string {
	return fmt.Sprintf("its tokens were disabled before, and whether the grant has ended only the user can see; have them remove the app's access in their account at %s, if they have not", t.Provider.Title)
}

// wasLeftToUser reports whether an earlier revocation has disabled the account's tokens at
// a provider that no program can ask to end a grant. One without any had no grant here.
func (a *vaultApp) wasLeftToUser(ctx context.Context, t target) (bool, error) {
	if t.Provider.RevokeURL != "" {
		return false, nil
	}
	_, _, err := a.Vault.Load(ctx, t.Names, 0)
	if vault.Retryable(err) {
		return false, err
	}
	return errors.Is(err, vault.ErrDisabled), nil
}

// refusePending ends a command where a consent of the account is saved on this
// machine: the file is all that is left of its grant. One that the vault's consent has
// outdated does not count.
func (a *vaultApp) refusePending(ctx context.Context, t target, command string, current vault.RefreshToken) error {
	pending, found, err := a.PendingStore.Load(ctx, t.Account)
	if err != nil || !found || pending.IsOutdated(current) {
		return err
	}
	return conflictError{fmt.Errorf("%s %s: a consent that the vault has not taken is kept in %s, and only it can end its grant; nothing was touched; store it first with: %s, or remove the file to give the consent up",
		command, t, a.PendingStore.Path(t.Account), t.command("authorize"))}
}

// revokeGrant has the provider end the grant. byHand reports that only the user
// can end it; an error may pass.
func (a *vaultApp) revokeGrant(ctx context.Context, t target) (byHand bool, err error) {
	pair, err := a.Vault.Tokens(ctx, t.Names)
	if err != nil {
		return false, err
	}
	if pair.RefreshToken.Empty() && pair.AccessToken.Empty() {
		a.say("The vault has no readable token of %s, so there is nothing to show to %s.", t, t.Provider.Title)
		return a.wasLeftToUser(ctx, t)
	}
	client, err := a.Vault.Credentials(ctx, t.Names)
	if errors.Is(err, vault.ErrNotFound) || errors.Is(err, vault.ErrDisabled) || errors.Is(err, vault.ErrMalformed) {
		a.warn("%v", err)
		return true, nil
	}
	if err != nil {
		return false, err
	}
	revoking, cancel := context.WithTimeout(ctx, exchangeTimeout)
	defer cancel()
	err = a.oauth.Revoke(revoking, t.Provider, client, pair)
	var failure *provider.Failure
	switch {
	case err == nil:
		a.say("%s has ended the grant.", t.Provider.Title)
	case errors.Is(err, provider.ErrNoRevocation):
		a.say("%s %v.", t.Provider.Title, err)
		return true, nil
	case errors.As(err, &failure) && failure.Kind == provider.ProviderRetired:
		a.say("%s is retired, and its grants with it.", t.Provider.Title)
	case errors.As(err, &failure) && !failure.Kind.Retryable():
		a.warn("%v", err)
		return true, nil
	default:
		return false, err
	}
	return false, nil
}
