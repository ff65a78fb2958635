package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/spf13/cobra"

	"tokenkeeper/internal/config"
	"tokenkeeper/internal/consent"
)

// consentOptions are the flags of the commands that ask for a consent.
type consentOptions struct {
	scopes      []string // none means the provider's own
	noBrowser   bool
	redirectURL string
	client      string // a file; empty for the vault's credentials
	sameUser    bool   // another account may be the same user's
}

func (o *consentOptions) add(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&o.scopes, "scopes", nil, "what to ask for, with commas between; the provider's own without it")
	cmd.Flags().BoolVar(&o.noBrowser, "no-browser", false, "print the address, and read the one where the browser ended up")
	cmd.Flags().StringVar(&o.redirectURL, "redirect-url", consent.DefaultRedirectURL, "a redirect URL that is registered with your app; on this machine, or use --no-browser")
	cmd.Flags().StringVar(&o.client, "client", "", "take client_id:client_secret from this `file`, in place of the vault's; - means stdin")
}

func (o *consentOptions) check() error {
	u, err := url.Parse(o.redirectURL)
	switch {
	case err != nil || u.Scheme == "" || u.Host == "":
		return usageError{fmt.Errorf("--redirect-url is no address; write one that is registered with your app, such as %s", consent.DefaultRedirectURL)}
	case !o.noBrowser && !consent.IsLoopback(o.redirectURL):
		return usageError{fmt.Errorf("--redirect-url %s is not on this machine over http; add --no-browser, and paste the address where the browser ends up", o.redirectURL)}
	case o.noBrowser && o.client == "-":
		return usageError{errors.New("--client - and --no-browser both read stdin; name a file for --client")}
	}
	return nil
}

func newAuthorize(environ map[string]string) *cobra.Command {
	var options consentOptions
	cmd := &cobra.Command{
		Use:   "authorize",
		Short: "Ask for a consent, and put the tokens into the vault",
		Long: `Opens the provider's consent page in a browser, waits for the answer on this
machine, and puts the tokens into the vault. A new consent takes the place of
the one before. Register the redirect URL with your app at the provider, letter by
letter: ` + consent.DefaultRedirectURL + `, or the one of --redirect-url.

With --no-browser, on a machine without one, it prints the page's address and
reads the address where the browser ends up. That page need not load.

Where the user who consented is behind another account already, it asks before it
stores anything, or wants --same-user: at most providers a user has one grant for each
app, and the newer one ends the older.

The consent is asked for only after the vault has shown that it takes writes. Where
it takes none afterwards, or that question gets no yes, the consent is kept on this
machine, sealed, and the next authorize stores it.`,
		Example: `  starter authorize
  starter authorize --account will --provider google-health
  starter authorize --account will --no-browser`,
	}
	options.add(cmd)
	cmd.Flags().BoolVar(&options.sameUser, sameUserFlag[2:], false, sameUserUsage)
	return accountCommand(cmd, environ, config.LoadStarterWithVault, func(s settings, t target) error {
		if err := options.check(); err != nil {
			return err
		}
		return s.withVault(cmd, func(ctx context.Context, a *vaultApp) error {
			a.warnOfRetirement(t)
			flow := consentFlow{vaultApp: a, target: t, options: options, resumeCommand: t.command("authorize")}
			if err := flow.run(ctx); err != nil {
				return err
			}
			a.goOn(ctx, t)
			return nil
		})
	})
}

func (a *vaultApp) warnOfRetirement(t target) {
	status := t.Provider.Status
	if !status.Retired {
		return
	}
	a.warn("%s is retired (%s)", t.Provider.Title, status.Since)
	if status.Successor != "" {
		a.warn("its successor is %s; move there with: %s", status.Successor, t.command("migrate"))
	}
}
