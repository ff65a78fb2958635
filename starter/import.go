package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tokenkeeper/internal/config"
	"tokenkeeper/internal/consent"
)

func newImport(environ map[string]string) *cobra.Command {
	var flags accountFlags
	var file, client string
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Put a refresh token that you have into the vault",
		Long: `Puts a refresh token that came from elsewhere into the vault, as the consent of
an account: a refresh token alone, or a provider's JSON answer with one in it.
It is read from stdin, which a terminal does not show, or from a file. There is
no flag for it: other users of a machine see the arguments of a program.

Whatever is in flight for the account yields to it. Nobody else may go on using
the token: at most providers it works once. Of a JSON answer, the access token is
taken as well where expires_at says until when.`,
		Example: `  starter import --account will < refresh-token.txt
  starter import --account will --file tokens.json`,
		Args: noArgs,
	}
	flags.add(cmd)
	cmd.Flags().StringVar(&file, "file", "-", "read the token from this `file`; - means stdin")
	cmd.Flags().StringVar(&client, "client", "", "store client_id:client_secret from this `file` as well; - means stdin")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, t, err := flags.target(environ, config.LoadStarterWithVault)
		if err != nil {
			return err
		}
		if file == client {
			return usageError{errors.New("--file and --client cannot both be stdin; name a file for one of them")}
		}
		return s.atVault(cmd, func(ctx context.Context, c *custodian) error {
			return c.importTokens(ctx, t, file, client)
		})
	}
	return cmd
}

func (c *custodian) importTokens(ctx context.Context, t target, file, clientFile string) error {
	p, a := t.Location, t.Account
	found, err := c.Preflight(ctx, p)
	if err != nil {
		return err
	}
	k := consent.PendingConsent{Over: found.RefreshToken.Consent}
	if clientFile != "" {
		if k.Client, err = c.readClient(ctx, clientFile); err != nil {
			return err
		}
	}
	text, err := c.read(ctx, file, "Refresh token, or a JSON answer (not shown): ")
	if err != nil {
		return fmt.Errorf("read the token: %w", err)
	}
	if k.Pair, err = consent.ParseTokens(text.Reveal(), time.Now()); err != nil {
		return fmt.Errorf("what was read is no token: %w", err)
	}
	if err := consent.CheckUser(p, found.RefreshToken.UserID, k.UserID); err != nil {
		return err
	}
	// What was piped in may be nowhere else.
	kept := c.PendingStore.Save(ctx, p.Account, k) == nil
	safe := "Ctrl-C ends it; then import again."
	if kept {
		safe = "Ctrl-C loses nothing: it is kept sealed in " + c.PendingStore.Path(a) + "."
	}
	superseded, err := c.put(ctx, p, k, safe)
	if err == nil && kept {
		err = c.PendingStore.Delete(a)
	}
	switch {
	case err != nil && kept:
		c.say("The token is kept, sealed, in %s. To store it, run: %s", c.PendingStore.Path(a), t.command("authorize"))
		if ctx.Err() != nil {
			return errInterrupted
		}
		return err
	case ctx.Err() != nil:
		c.say("Interrupted. The token may not be in the vault; import it again.")
		return errInterrupted
	case err != nil:
		return err
	case superseded:
		return fmt.Errorf("this token of %s was in the vault before, and something newer is there; nothing was changed", a)
	}
	c.sayStored(p, k.Pair, superseded)
	if c.noCredentials(ctx, p) {
		c.warn("the vault has no %s, without which nothing is refreshed; import again with --client FILE", p.Names.Credentials)
	}
	c.tellNext(ctx, t)
	return nil
}
