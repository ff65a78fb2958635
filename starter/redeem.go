package main

import (
	"context"
	"strings"
	"time"

	"tokenkeeper/internal/consent"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// exchangeTime bounds the exchange of a code, which nothing interrupts: the code
// may be spent, and the pair in the answer.
const exchangeTime = 30 * time.Second

// redeem exchanges the code and stores the pair, which from its arrival on is on
// disk, sealed, until it is in the vault. slow is called where that takes time.
func (c *custodian) redeem(ctx context.Context, p vault.Location, client token.Client, attempt provider.AuthorizationRequest, redirect consent.Redirect, k consent.PendingConsent, before string, how asking, slow func()) (superseded bool, err error) {
	steady := context.WithoutCancel(ctx)
	exchanging, cancel := context.WithTimeout(steady, exchangeTime)
	defer cancel()
	if k.Pair, err = c.client.Exchange(exchanging, p.Provider, client, attempt, redirect.Code); err != nil {
		return false, err
	}
	if len(k.Scopes) == 0 {
		k.Scopes = p.Provider.SplitScopes(redirect.Scope)
	}
	if err := consent.CheckUser(p, before, k.UserID); err != nil {
		return false, err
	}
	safe := "Ctrl-C loses nothing: it is kept sealed in " + c.PendingStore.Path(p.Account) + "."
	keepErr := c.PendingStore.Save(steady, p.Account, k)
	if keepErr != nil {
		c.warn("this consent cannot be kept on this machine until the vault has it: %v", keepErr)
		safe = "Do not end this program: nobody else holds the consent."
	}
	c.sayGranted(p, attempt, k.Scopes)
	unhurried := time.AfterFunc(slowStore, slow)
	defer unhurried.Stop()
	if superseded, err = c.hand(ctx, p, k, how, safe); err != nil {
		c.sayLeft(p, how, keepErr == nil)
	}
	return superseded, err
}

// hand brings a consent that is kept into the vault.
func (c *custodian) hand(ctx context.Context, p vault.Location, k consent.PendingConsent, how asking, safe string) (superseded bool, err error) {
	if how.ready != nil {
		err = how.ready()
	}
	if err == nil {
		superseded, err = c.put(ctx, p, k, safe)
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return false, errInterrupted
	case err != nil:
		return false, err
	}
	c.sayStored(p, k.Pair, superseded)
	return superseded, c.PendingStore.Delete(p.Account)
}

// slowStore is how long the browser waits for the vault before it is told.
const slowStore = 3 * time.Second

// sayLeft tells what is left of a consent that the vault did not take.
func (c *custodian) sayLeft(p vault.Location, how asking, kept bool) {
	if !kept {
		c.say("The consent is lost with this program. Run it again.")
		return
	}
	c.say("The vault has not taken the consent of %s. It is kept, sealed, in %s. To store it, run: %s", p.Account, c.PendingStore.Path(p.Account), how.again)
}

// sayGranted tells what a person granted, and what not.
func (c *custodian) sayGranted(p vault.Location, attempt provider.AuthorizationRequest, granted []string) {
	asked := attempt.Scopes
	if len(asked) == 0 {
		asked = p.Provider.Scopes
	}
	if len(granted) > 0 {
		c.say("Granted: %s.", strings.Join(granted, " "))
	}
	if missing := consent.MissingScopes(asked, granted); len(missing) > 0 {
		c.warn("not granted: %s; what needs them will not work; run it again and leave nothing out at %s, or ask for less with --scopes", strings.Join(missing, " "), p.Provider.Title)
	}
}

// storeKept stores what an earlier attempt had to leave; done says that there was
// something, and that no new consent is needed.
func (c *custodian) storeKept(ctx context.Context, p vault.Location, found consent.Existing, how asking) (done bool, err error) {
	k, exists, err := c.PendingStore.Load(ctx, p.Account)
	if err != nil || !exists {
		return false, err
	}
	at := when(k.ObtainedAt, time.Now())
	if k.IsOutdated(found.RefreshToken.Consent) {
		c.say("A consent of %s, %s, was kept here because the vault did not take it. Another one has come since, so it is dropped.", p.Account, at)
		return false, c.PendingStore.Delete(p.Account)
	}
	if found.Client.ID != "" {
		k.Client = token.Client{} // what the vault holds by now is no older
	}
	c.say("Storing the consent of %s that was kept here, %s, because the vault did not take it.", p.Account, at)
	if _, err := c.hand(ctx, p, k, how, "Ctrl-C loses nothing: it stays kept."); err != nil {
		c.sayLeft(p, how, true)
		return false, err
	}
	return true, nil
}
