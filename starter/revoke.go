package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"tokenkeeper/internal/config"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

func newRevoke(environ map[string]string) *cobra.Command {
	var flags accountFlags
	var yes bool
	cmd := &cobra.Command{
		Use:   "revoke",
		Short: "End an account: its workflow, its grant, its tokens",
		Long: `Ends an account in this order: its cron or Schedule is ended and a run at work
waited for; the provider is told that the grant is over; the two current tokens
in the vault are disabled. Nothing is deleted: versions and histories stay.

It asks first. It can be repeated, and does what is left. Where the provider has no
way to be told, it says what the person does there, and exits with 3.`,
		Example: `  starter revoke --account will`,
		Args:    noArgs,
	}
	flags.add(cmd)
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, t, err := flags.target(environ, config.LoadStarterWithVault)
		if err != nil {
			return err
		}
		return s.atVault(cmd, func(ctx context.Context, c *custodian) error {
			if !yes {
				if err := c.confirm(ctx, t.Location); err != nil {
					return err
				}
			}
			return c.revoke(ctx, t, func() error {
				return c.withTemporal(func(ctx context.Context, o *temporalApp) error {
					stopped, err := o.stopKeeping(ctx, t)
					if err == nil {
						o.say("%s", stoppedInWords(t.Account, stopped))
					}
					return err
				})
			})
		})
	}
	return cmd
}

// confirm has the person write the account's name.
func (c *custodian) confirm(ctx context.Context, p vault.Location) error {
	name := p.Account.Provider + "/" + p.Account.Name
	c.say("This ends %s: its workflow, its grant at %s, and its tokens in the vault. Only a new consent brings it back.", p.Account, p.Provider.Title)
	answer, err := c.prompter.readLine(ctx, fmt.Sprintf("Write %s to go on: ", name))
	switch {
	case errors.Is(err, errNoInput):
		return usageError{errors.New("nobody answered, and nothing was touched; use --yes where nobody is there to ask")}
	case err != nil:
		return err
	case answer != name:
		return fmt.Errorf("that is not %s; nothing was touched", name)
	}
	return nil
}

func stoppedInWords(a token.Account, stopped []string) string {
	if len(stopped) == 0 {
		return fmt.Sprintf("Nothing keeps %s alive.", a)
	}
	return fmt.Sprintf("Ended: %s.", strings.Join(stopped, " and "))
}

// revoke ends an account. Where the workflow cannot be ended it goes on: a run
// that finds no token tells of it. Where the provider cannot be told now, the
// tokens stay readable, or nobody could tell it later.
func (c *custodian) revoke(ctx context.Context, t target, stop func() error) error {
	p := t.Location
	if _, kept, err := c.PendingStore.Load(ctx, p.Account); err != nil {
		return err
	} else if kept {
		return fmt.Errorf("a consent of %s is kept on this machine, in %s, because the vault has not taken it, and only it can end its grant; nothing was touched. Store it with: %s, and revoke then",
			p.Account, c.PendingStore.Path(p.Account), t.command("authorize"))
	}
	var left []string
	if err := stop(); err != nil {
		if ctx.Err() != nil {
			return errInterrupted
		}
		c.warn("its workflow was not ended: %v", err)
		left = append(left, "end its workflow")
	}
	person, err := c.revokeGrant(ctx, p)
	if err != nil {
		c.say("Its tokens stay in the vault as they are, so that the grant can still be ended.")
		return fmt.Errorf("%w; left to do: %s; run it again", err, strings.Join(append(left, "end the grant", "disable its tokens"), ", "))
	}
	disabled, err := c.Vault.Disable(ctx, p.Names)
	if err != nil {
		return fmt.Errorf("%w; left to do: %s; run it again", err, strings.Join(append(left, "disable its tokens"), ", "))
	}
	if disabled {
		c.say("Disabled: the current versions of %s and %s. Nothing was deleted.", p.Names.RefreshToken, p.Names.AccessToken)
	} else {
		c.say("Its tokens in the vault were disabled or absent before.")
	}
	if len(left) > 0 {
		return fmt.Errorf("left to do: %s; run it again", strings.Join(left, ", "))
	}
	if person != "" {
		return needsAttention{person}
	}
	return nil
}

// revokeGrant tells the provider that the grant is over. person is what is left to
// a person, where the program cannot do it; an error may pass.
func (c *custodian) revokeGrant(ctx context.Context, p vault.Location) (person string, err error) {
	pair, err := c.Vault.Tokens(ctx, p.Names)
	if err != nil {
		return "", err
	}
	if pair.RefreshToken.Empty() && pair.AccessToken.Empty() {
		c.say("The vault has no readable token of %s, so there is nothing to show to %s.", p.Account, p.Provider.Title)
		return "", nil
	}
	byHand := fmt.Sprintf("the grant is not ended yet; have the person remove the app's access in their account at %s", p.Provider.Title)
	client, err := c.Vault.Credentials(ctx, p.Names)
	if errors.Is(err, vault.ErrNotFound) || errors.Is(err, vault.ErrDisabled) || errors.Is(err, vault.ErrMalformed) {
		c.warn("%v", err)
		return byHand, nil
	}
	if err != nil {
		return "", err
	}
	telling, cancel := context.WithTimeout(ctx, exchangeTime)
	defer cancel()
	err = c.client.Revoke(telling, p.Provider, client, pair)
	var failure *provider.Failure
	switch {
	case err == nil:
		c.say("%s has ended the grant.", p.Provider.Title)
		return "", nil
	case errors.Is(err, provider.ErrNoRevocation):
		c.say("%s %v.", p.Provider.Title, err)
		return byHand, nil
	case errors.As(err, &failure) && failure.Kind == provider.ProviderRetired:
		c.say("%s is retired, and its grants with it.", p.Provider.Title)
		return "", nil
	case errors.As(err, &failure) && !failure.Kind.Retryable():
		c.warn("%v", err)
		return byHand, nil
	}
	return "", err
}
