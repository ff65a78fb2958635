package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

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
		account, err := flags.account()
		if err == nil {
			err = how.check()
		}
		if err != nil {
			return err
		}
		at := func(do func(context.Context, *operator) error) error { return atTemporal(cmd, environ, do) }
		return atVault(cmd, environ, func(ctx context.Context, c *custodian) error {
			return c.migrate(ctx, account, how, at)
		})
	}
	return cmd
}

// migrate moves an account. at acts at Temporal.
func (c *custodian) migrate(ctx context.Context, from token.Account, how asking, at func(func(context.Context, *operator) error) error) error {
	p, err := c.successorOf(from)
	if err != nil {
		return usageError{err}
	}
	// Whether Temporal answers is to be known before the person is asked.
	err = at(func(ctx context.Context, o *operator) error {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		_, err := o.keeps(ctx, from)
		return err
	})
	if err != nil {
		return err
	}
	end := func() error {
		return at(func(ctx context.Context, o *operator) error {
			stopped, err := o.stopKeeping(ctx, from)
			if err == nil {
				o.say("%s", stoppedInWords(from, stopped))
			}
			return err
		})
	}
	moved, err := c.moved(ctx, p)
	switch {
	case err != nil:
		return err
	case moved:
		c.say("The vault holds a consent at %s under the names of %s already.", p.Provider.Title, from)
		err = end()
	default:
		// The old cron is ended between consent and vault, and that may take a while.
		if err := c.PendingStore.Check(); err != nil {
			return fmt.Errorf("a consent could not be kept on this machine while the old workflow is ended: %w; set XDG_STATE_HOME to a folder that can be written", err)
		}
		how.ready = end
		how.again = shell(append([]string{"starter", "migrate"}, flagsFor(from)...)...)
		err = c.authorize(ctx, p, how)
	}
	if err != nil {
		return err
	}
	if err := at(func(ctx context.Context, o *operator) error { return o.start(ctx, p.Account, "") }); err != nil {
		c.say("The tokens have moved, and nothing refreshes them yet. Go on with: %s", shell(append([]string{"starter", "migrate"}, flagsFor(from)...)...))
		return err
	}
	c.say("%s has moved to %s. %s goes by the same name; what it is good for is %[2]s's API.", from, p.Provider.Title, p.Names.AccessToken)
	return nil
}

// successorOf is the account at the provider that took over, with the secrets
// under the names that it has.
func (c *custodian) successorOf(from token.Account) (vault.Location, error) {
	old, err := vault.Locate(c.providers, from)
	if err != nil {
		return vault.Location{}, err
	}
	successor := old.Provider.Status.Successor
	if successor == "" {
		return vault.Location{}, fmt.Errorf("%s has no successor to move to; use authorize for a new consent there", from.Provider)
	}
	to, err := token.NewAccount(successor, from.Name)
	if err != nil {
		return vault.Location{}, err
	}
	kept := from.SecretsOf
	if kept == "" {
		kept = from.Provider
	}
	if to, err = to.KeptUnder(kept); err != nil {
		return vault.Location{}, err
	}
	return vault.Locate(c.providers, to)
}

// moved reports whether the token in force is the new provider's.
func (c *custodian) moved(ctx context.Context, p vault.Location) (bool, error) {
	current, err := c.Current(ctx, p)
	return current.Provider == p.Provider.Name, err
}
