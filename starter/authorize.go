package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/pkg/browser"
	"github.com/spf13/cobra"

	"tokenkeeper/internal/config"
	"tokenkeeper/internal/consent"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// asking is how a person is asked for a consent.
type asking struct {
	scopes      []string // none means the provider's own
	noBrowser   bool
	redirectURL string
	client      string // a file; empty for the vault's credentials

	// ready is called when the consent is kept, before the vault gets it; nil for
	// nothing to do. again is the command that goes on with a kept consent.
	ready func() error
	again string
}

func (q *asking) add(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&q.scopes, "scopes", nil, "what to ask for, with commas between; the provider's own without it")
	cmd.Flags().BoolVar(&q.noBrowser, "no-browser", false, "print the address, and read the one where the browser ended up")
	cmd.Flags().StringVar(&q.redirectURL, "redirect-url", consent.DefaultRedirectURL, "a redirect URL that is registered with your app; on this machine, or use --no-browser")
	cmd.Flags().StringVar(&q.client, "client", "", "take client_id:client_secret from this `file`, in place of the vault's; - means stdin")
}

func (q *asking) check() error {
	u, err := url.Parse(q.redirectURL)
	switch {
	case err != nil || u.Scheme == "" || u.Host == "":
		return usageError{fmt.Errorf("--redirect-url is no address; write one that is registered with your app, such as %s", consent.DefaultRedirectURL)}
	case !q.noBrowser && !consent.IsLoopback(q.redirectURL):
		return usageError{fmt.Errorf("--redirect-url %s is not on this machine over http, so nobody can wait there; add --no-browser and paste the address where the browser ends up", q.redirectURL)}
	case q.noBrowser && q.client == "-":
		return usageError{errors.New("--client - and --no-browser both read stdin; name a file for --client")}
	}
	return nil
}

func newAuthorize(environ map[string]string) *cobra.Command {
	var flags accountFlags
	var how asking
	cmd := &cobra.Command{
		Use:   "authorize",
		Short: "Have a person consent, and put the tokens into the vault",
		Long: `Opens the provider's consent page in a browser, waits for the answer on this
machine, and puts the tokens into the vault. A new consent takes the place of
the one before. Register the redirect URL with your app at the provider, letter by
letter: ` + consent.DefaultRedirectURL + `, or the one of --redirect-url.

With --no-browser, on a machine without one, it prints the page's address and
reads the address where the browser ends up. That page need not load.

Nobody is asked for anything before the vault has shown that it takes writes. Where
it takes none afterwards, the consent is kept on this machine, sealed, and the
next authorize stores it.`,
		Example: `  starter authorize
  starter authorize --account will --provider google-health
  starter authorize --account will --no-browser`,
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
			if t.Provider.Status.Retired {
				c.warnOfRetirement(t)
			}
			how.again = t.command("authorize")
			if err := c.authorize(ctx, t.Location, how); err != nil {
				return err
			}
			c.tellNext(ctx, t)
			return nil
		})
	}
	return cmd
}

func (c *custodian) warnOfRetirement(t target) {
	c.warn("%s is retired (%s)", t.Provider.Title, t.Provider.Status.Since)
	if t.Provider.Status.Successor != "" {
		c.warn("its successor is %s; move there with: %s", t.Provider.Status.Successor, t.command("migrate"))
	}
}

// authorize brings an account's consent into the vault: one that an earlier
// attempt kept, or a new one.
func (c *custodian) authorize(ctx context.Context, p vault.Location, how asking) error {
	found, err := c.Preflight(ctx, p)
	if err != nil {
		return err
	}
	if done, err := c.storeKept(ctx, p, found, how); done || err != nil {
		return err
	}
	client, isNew, err := c.clientFor(ctx, p, found, how.client)
	if err != nil {
		return err
	}
	k := consent.PendingConsent{Over: found.RefreshToken.Consent}
	if isNew {
		k.Client = client
	}
	how.scopes = strings.Fields(strings.Join(how.scopes, " "))
	attempt := provider.NewAuthorizationRequest(how.redirectURL, how.scopes)
	if how.noBrowser {
		redirect, err := c.paste(ctx, p, client, attempt)
		if err != nil {
			return err
		}
		_, err = c.redeem(ctx, p, client, attempt, redirect, k, found.RefreshToken.UserID, how, func() {})
		return err
	}
	return c.inBrowser(ctx, p, client, attempt, k, found.RefreshToken.UserID, how)
}

// inBrowser waits for the browser to come back, and shows in it how it ended.
func (c *custodian) inBrowser(ctx context.Context, p vault.Location, client token.Client, attempt provider.AuthorizationRequest, k consent.PendingConsent, before string, how asking) error {
	callback, err := consent.Listen(attempt.RedirectURI, attempt.State, func(err error) {
		c.warn("the browser came back with something else: %v; still waiting for the answer", err)
	})
	if err != nil {
		return err
	}
	defer callback.Close()
	attempt.RedirectURI = callback.RedirectURI
	address, err := attempt.URL(p.Provider, client.ID)
	if err != nil {
		return err
	}
	c.say("Opening the consent page of %s for %s. If no browser opens, open this address yourself:\n\n  %s\n", p.Provider.Title, p.Account, address)
	go c.openBrowser(address)

	redirect, err := callback.Wait(ctx)
	if err != nil && ctx.Err() != nil {
		c.say("Interrupted before the consent. Nothing was stored.")
		return errInterrupted
	}
	superseded := false
	if err == nil {
		superseded, err = c.redeem(ctx, p, client, attempt, redirect, k, before, how, func() {
			callback.Finish(consent.Outcome{Good: true, Title: "Your consent has arrived", Text: "It is not in the vault yet. See the window of the program that asked for it, and leave that open."})
		})
	}
	switch {
	case err != nil:
		callback.Finish(consent.Outcome{Title: "Nothing was stored", Text: "The window of the program that asked for your consent says why: " + summaryOf(err)})
		return notConsented(p, err)
	case superseded:
		callback.Finish(consent.Outcome{Good: true, Title: "Your consent has arrived", Text: "The vault holds a newer one already. You can close this page."})
	default:
		callback.Finish(consent.Outcome{Good: true, Title: "Thank you, that is all",
			Text: fmt.Sprintf("Your consent at %s is in the vault. You can close this page.", p.Provider.Title)})
	}
	return nil
}

// summaryOf is an error in a few words for the page.
func summaryOf(err error) string {
	var failure *provider.Failure
	switch {
	case errors.Is(err, consent.ErrDenied):
		return "the consent was refused."
	case errors.Is(err, consent.ErrOtherUser):
		return "another person consented before."
	case errors.As(err, &failure):
		return "the provider did not take the code (" + string(failure.Kind) + ")."
	}
	return "see there."
}

// openBrowser opens the system's browser. It may return only when that ends.
func (c *custodian) openBrowser(address string) {
	browser.Stdout, browser.Stderr = io.Discard, io.Discard
	_ = browser.OpenURL(address) // the address was printed
}

// paste has the person bring the redirect, as often as it takes.
func (c *custodian) paste(ctx context.Context, p vault.Location, client token.Client, attempt provider.AuthorizationRequest) (consent.Redirect, error) {
	address, err := attempt.URL(p.Provider, client.ID)
	if err != nil {
		return consent.Redirect{}, err
	}
	c.say("Open this address in a browser and consent at %s for %s:\n\n  %s\n", p.Provider.Title, p.Account, address)
	c.say("The browser then goes to %s, which need not load.", attempt.RedirectURI)
	for {
		text, err := c.prompter.readLine(ctx, "Paste the whole address that it shows: ")
		switch {
		case ctx.Err() != nil:
			c.say("\nInterrupted before the consent. Nothing was stored.")
			return consent.Redirect{}, errInterrupted
		case errors.Is(err, errNoInput):
			return consent.Redirect{}, errors.New("no address was pasted; nothing was stored")
		case err != nil:
			return consent.Redirect{}, err
		}
		redirect, err := consent.ReadPasted(text, attempt.RedirectURI, attempt.State)
		if err == nil {
			return redirect, nil
		}
		if errors.Is(err, consent.ErrDenied) {
			return consent.Redirect{}, notConsented(p, err)
		}
		c.warn("%v", err)
	}
}

func notConsented(p vault.Location, err error) error {
	if errors.Is(err, consent.ErrDenied) {
		return fmt.Errorf("%w at %s; nothing was stored; run it again to ask once more", err, p.Provider.Title)
	}
	return err
}
