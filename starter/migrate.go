package main

import (
	"cmp"
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"tokenkeeper/internal/config"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

func newMigrate(environ map[string]string) *cobra.Command {
	var flags accountFlags
	var how asking
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Move an account from a retired provider to its successor",
		Long: `Moves an account from a provider that is retired, such as fitbit, to the one that
took over, such as google-health: the person consents there, the old cron is ended
and a run at work waited for, the new tokens are put under the names that the
account has, and a new cron is started. Whoever reads the access token goes on
reading the same secret.

It may be interrupted at any step and repeated: it does what is left. Its flags
for the consent are those of authorize.`,
		Example: `  starter migrate
  starter migrate --account will --no-browser`,
		Args: noArgs,
	}
	flags.add(cmd)
	how.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, t, err := flags.target(environ, config.LoadStarterWithVault)
		if err == nil {
			err = how.check()
		}
		if err != nil {
			return err
		}
		return s.atVault(cmd, func(ctx context.Context, c *custodian) error {
			return c.migrate(ctx, t, how)
		})
	}
	return cmd
}

// migrate moves an account.
func (c *custodian) migrate(ctx context.Context, from target, how asking) error {
	to, err := c.successorOf(from)
	if err != nil {
		return usageError{err}
	}
	// Whether Temporal answers is to be known before the person is asked.
	err = c.withTemporal(func(ctx context.Context, o *temporalApp) error {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		_, err := o.isKept(ctx, from)
		return err
	})
	if err != nil {
		return err
	}
	end := func() error {
		return c.withTemporal(func(ctx context.Context, o *temporalApp) error {
			stopped, err := o.stopKeeping(ctx, from)
			if err == nil {
				o.say("%s", stoppedInWords(from.Account, stopped))
			}
			return err
		})
	}
	moved, err := c.moved(ctx, to.Location)
	switch {
	case err != nil:
		return err
	case moved:
		c.say("The vault holds a consent at %s under the names of %s already.", to.Provider.Title, from)
		err = end()
	default:
		// The old cron is ended between consent and vault, and that may take a while.
		if err := c.PendingStore.Check(); err != nil {
			return fmt.Errorf("a consent could not be kept on this machine while the old workflow is ended: %w; set XDG_STATE_HOME to a folder that can be written", err)
		}
		how.ready = end
		how.again = from.command("migrate")
		err = c.authorize(ctx, to.Location, how)
	}
	if err != nil {
		return err
	}
	if err := c.withTemporal(func(ctx context.Context, o *temporalApp) error { return o.start(ctx, to, "") }); err != nil {
		c.say("The tokens have moved, and nothing refreshes them yet. Go on with: %s", from.command("migrate"))
		return err
	}
	c.say("%s has moved to %s. %s goes by the same name; what it is good for is %[2]s's API.", from, to.Provider.Title, to.Names.AccessToken)
	return nil
}

// successorOf is the account at the provider that took over, with the secrets
// under the names that it has.
func (c *custodian) successorOf(from target) (target, error) {
	successor := from.Provider.Status.Successor
	if successor == "" {
		return target{}, fmt.Errorf("%s has no successor to move to; use authorize for a new consent there", from.Account.Provider)
	}
	to, err := token.NewAccount(successor, from.Account.Name)
	if err != nil {
		return target{}, err
	}
	if to, err = to.KeptUnder(cmp.Or(from.Account.SecretsOf, from.Account.Provider)); err != nil {
		return target{}, err
	}
	return newTarget(c.providers, to)
}

// moved reports whether the token in force is the new provider's.
func (c *custodian) moved(ctx context.Context, p vault.Location) (bool, error) {
	current, err := c.Current(ctx, p)
	return current.Provider == p.Provider.Name, err
}
