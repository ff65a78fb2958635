package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/pkg/browser"

	"tokenkeeper/internal/consent"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
)

// slowStore is how long the browser waits for the vault before it shows that the
// consent is not in the vault yet.
const slowStore = 3 * time.Second

// authorization asks an account owner for one consent: in a browser of this machine, or in
// another one, whose address is pasted afterwards.
type authorization struct {
	printer
	prompter *prompter
	target   target
	client   token.Client
	request  provider.AuthorizationRequest
	// noBrowser: the address is pasted.
	noBrowser bool
}

func newAuthorization(p printer, prompter *prompter, t target, options consentOptions, client token.Client) authorization {
	return authorization{
		printer: p, prompter: prompter, target: t, client: client, noBrowser: options.noBrowser,
		request: provider.NewAuthorizationRequest(options.redirectURL, strings.Fields(strings.Join(options.scopes, " "))),
	}
}

// useRedirect does with the redirect what the consent was asked for. It calls arrived when
// the tokens are there, where more is left to do with them.
type useRedirect func(ctx context.Context, redirect consent.Redirect, arrived func()) error

// run asks for the consent and uses it. The browser shows the outcome of that.
func (a *authorization) run(ctx context.Context, use useRedirect, outcome func(error) consent.Outcome) (err error) {
	if a.noBrowser {
		err = a.byPaste(ctx, use)
	} else {
		err = a.byBrowser(ctx, use, outcome)
	}
	if errors.Is(err, consent.ErrDenied) {
		return fmt.Errorf("%w at %s; nothing was stored; run it again to ask once more", err, a.target.Provider.Title)
	}
	return err
}

// byBrowser opens the consent page, waits for the redirect, and shows the
// outcome in the browser.
func (a *authorization) byBrowser(ctx context.Context, use useRedirect, outcome func(error) consent.Outcome) error {
	callback, err := consent.Listen(a.request.RedirectURI, a.request.State, func(err error) {
		a.warn("the browser came back with something else: %v; still waiting for the answer", err)
	})
	if err != nil {
		return err
	}
	defer callback.Close()
	a.request.RedirectURI = callback.RedirectURI
	address, err := a.request.URL(a.target.Provider, a.client.ID)
	if err != nil {
		return err
	}
	a.say("Opening the consent page of %s for %s. If no browser opens, open this address yourself:\n\n  %s\n", a.target.Provider.Title, a.target, address)
	go func() {
		browser.Stdout, browser.Stderr = io.Discard, io.Discard
		_ = browser.OpenURL(address) // may block until the browser ends; the address was printed
	}()

	redirect, err := callback.Wait(ctx)
	if err != nil && ctx.Err() != nil {
		a.say("Interrupted before the consent. Nothing was stored.")
		return errInterrupted
	}
	if err == nil {
		var slow *time.Timer
		err = use(ctx, redirect, func() {
			slow = time.AfterFunc(slowStore, func() {
				callback.Finish(consent.Outcome{Good: true, Title: "Your consent has arrived", Text: "It is not in the vault yet. See the window of the program that asked for it, and leave that open."})
			})
		})
		if slow != nil {
			slow.Stop()
		}
	}
	callback.Finish(outcome(err))
	return err
}

// byPaste prints the consent page's address, and reads the redirect.
func (a *authorization) byPaste(ctx context.Context, use useRedirect) error {
	address, err := a.request.URL(a.target.Provider, a.client.ID)
	if err != nil {
		return err
	}
	a.say("Open this address in a browser and consent at %s for %s:\n\n  %s\n", a.target.Provider.Title, a.target, address)
	a.say("The browser then goes to %s, which need not load.", a.request.RedirectURI)
	redirect, err := a.readPastedRedirect(ctx)
	if err == nil {
		err = use(ctx, redirect, func() {})
	}
	return err
}

// readPastedRedirect asks again until the address is right.
func (a *authorization) readPastedRedirect(ctx context.Context) (consent.Redirect, error) {
	for {
		text, err := a.prompter.readLine(ctx, "Paste the whole address that it shows: ")
		switch {
		case ctx.Err() != nil:
			a.say("\nInterrupted before the consent. Nothing was stored.")
			return consent.Redirect{}, errInterrupted
		case errors.Is(err, errNoInput):
			return consent.Redirect{}, errors.New("no address was pasted; nothing was stored")
		case err != nil:
			return consent.Redirect{}, err
		}
		redirect, err := consent.ReadPasted(text, a.request.RedirectURI, a.request.State)
		if err == nil || errors.Is(err, consent.ErrDenied) {
			return redirect, err
		}
		a.warn("%v", err)
	}
}
