package main

import (
	"cmp"
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"tokenkeeper/internal/config"
	"tokenkeeper/internal/token"
)

func newMigrate(environ map[string]string) *cobra.Command {
	var options consentOptions
	var bulk bulkOptions
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Move an account from a retired provider to its successor",
		Long: `Moves an account from a provider that is retired, such as fitbit, to the one that
took over, such as google-health: the user consents there, the old cron is ended
and a run at work waited for, the new tokens are put under the names that the
account has, and a new cron is started. Readers of the access token go on reading
the same secret.

It may be interrupted at any step and repeated: it does what is left. Its flags
for the consent are those of authorize.

--accounts moves many whose users have consented at the successor by other means,
such as a page of your own: its rows have the old provider, or that of --provider, and the
tokens that the successor issued. An account that has moved is left alone. ` + rowsFile,
		Example: `  starter migrate
  starter migrate --account will --no-browser
  starter migrate --accounts tokens.csv --yes`,
	}
	options.add(cmd)
	cmd.Flags().StringVar(&bulk.file, "accounts", "", "move the many accounts in this `file` of tokens; - means stdin")
	cmd.Flags().BoolVar(&bulk.yes, "yes", false, "with --accounts: do not ask")
	cmd.Flags().BoolVar(&bulk.dryRun, "dry-run", false, "with --accounts: show what would be done, and touch nothing")
	output := outputFlag(cmd, "text")
	cmd.Flags().BoolVar(&options.sameUser, sameUserFlag[2:], false, sameUserUsage)
	return accountCommand(cmd, environ, config.LoadStarterWithVault, func(s settings, from target) error {
		if err := options.check(); err != nil {
			return err
		}
		if bulk.file != "" {
			bulk.asJSON = *output == "json"
			if err := refuseBeside(cmd, "account", "secrets-of", "client", "no-browser", "scopes", "redirect-url"); err != nil {
				return err
			}
			return s.withVault(cmd, func(ctx context.Context, a *vaultApp) error { return a.migrateMany(ctx, cmd, s, from, options, bulk) })
		}
		if bulk.dryRun {
			return errDryRunOfOne
		}
		to, err := successorOf(s, from)
		if err != nil {
			return usageError{err}
		}
		return s.withVault(cmd, func(ctx context.Context, a *vaultApp) error {
			return a.migrate(ctx, from, to, options, token.Pair{})
		})
	})
}

// successorOf is the account at the provider that took over, with its secrets
// under the names that they have.
func successorOf(s settings, from target) (target, error) {
	successor := from.Provider.Status.Successor
	if successor == "" {
		return target{}, fmt.Errorf("%s has no successor to move to; use authorize for a new consent there", from.Account.Provider)
	}
	return newTarget(s.providers, successor, from.Account.Name, cmp.Or(from.Account.SecretsOf, from.Account.Provider))
}

// migrate does the steps that are left: end the old workflow, store a consent at
// the new provider, start the new cron. The consent is the one that issued pair; where
// that is empty, the user is asked for one.
func (a *vaultApp) migrate(ctx context.Context, from, to target, options consentOptions, pair token.Pair) error {
	// Temporal must answer before a consent is asked for.
	if _, _, err := a.isRefreshed(from); err != nil {
		return err
	}
	current, err := a.Current(ctx, to.Location)
	if err != nil {
		return err
	}
	again := from.command("migrate")
	if current.Provider == to.Provider.Name {
		a.say("The vault holds a consent at %s under the names of %s already.", to.Provider.Title, from)
		err = a.endRefreshes(from)
	} else {
		// Ending the old workflow may take a while, and the consent must survive that.
		if err := a.PendingStore.Check(); err != nil {
			return fmt.Errorf("check that the consent can be saved on this machine: %w; set XDG_STATE_HOME to a writable folder", err)
		}
		flow := consentFlow{vaultApp: a, target: to, options: options, resumeCommand: again,
			beforeStore: func() error { return a.endRefreshes(from) }}
		if pair.RefreshToken.Empty() {
			err = flow.run(ctx)
		} else {
			err = flow.storeGiven(ctx, pair)
		}
	}
	if err != nil {
		return err
	}
	if _, err = a.hurryRuns(to); err == nil {
		err = a.withTemporal(func(ctx context.Context, o *temporalApp) error {
			_, err := o.start(ctx, to, "")
			return err
		})
	}
	if err != nil {
		a.say("The tokens have moved, and nothing refreshes them yet. Go on with: %s", again)
		return err
	}
	a.audit(ctx, auditMigrate, from.String(), "to "+to.String())
	a.say("%s has moved to %s. %s keeps its name, and is now for %[2]s's API.", from, to.Provider.Title, to.Names.AccessToken)
	return nil
}
