package activities

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// leastForRequest is the time below which a second request of an attempt is not begun.
const leastForRequest = 3 * time.Second

// present sends the refresh token to its provider, in one POST, and returns when. Where the
// provider refuses the client it sends one more: with the vault's client secret where that has
// changed since it was read, else with that of an older version. While a secret is
// rotated, the provider and the vault change it at different times. A refused client has spent nothing. Unless the second answer is about the
// token, the first one counts: a gateway's page says nothing of either.
func (a *Activities) present(ctx context.Context, at vault.Location, c *calling, client token.Client, refresh token.Secret) (token.Pair, time.Time, error) {
	sent := time.Now()
	c.report(c.told.with(sent))
	pair, refusal := a.Client.Refresh(ctx, at.Provider, client, refresh)
	if !refusesClient(refusal) {
		return pair, sent, refusal
	}
	other, isOlder := a.otherClient(ctx, at, client)
	deadline, bounded := ctx.Deadline()
	if other == client || other.ID != client.ID || bounded && time.Until(deadline) < leastForRequest {
		return token.Pair{}, sent, refusal
	}
	again := time.Now()
	pair, err := a.Client.Refresh(ctx, at.Provider, other, refresh)
	second, failed := errors.AsType[*provider.Failure](err)
	count := func(k provider.Kind) { a.Metrics.Answered(ctx, at.Provider.Name, string(k)) } // the other one is the call's
	switch {
	case !failed || second.Kind == provider.InvalidGrant || second.Issued:
		count(provider.InvalidClient)
	case second.Kind == provider.InvalidClient || !second.MaybeSpent:
		count(second.Kind)
		return token.Pair{}, sent, refusal
	case second.MayBeDead:
		count(second.Kind)
		return token.Pair{}, again, stillRefused(refusal, second)
	default:
		count(provider.InvalidClient)
		return token.Pair{}, again, besideRefused(second, refusal)
	}
	if !isOlder {
		return pair, again, err
	}
	secret := cmp.Or(at.Names.Credentials, at.Names.ClientSecret)
	a.Log.WarnContext(ctx, "the provider takes the client secret before the current one only", "account", at.Account.String(), "secret", secret,
		"fix", fmt.Sprintf("finish the rotation at %s, or store in %s what it has for the app; then disable the older versions", at.Provider.Title, secret))
	return pair, again, err
}

// otherClient is the client with another secret than the refused one: the vault's, where that
// has changed since it was read, else the one before. It is the refused client itself where
// there is no other.
func (a *Activities) otherClient(ctx context.Context, at vault.Location, refused token.Client) (other token.Client, isOlder bool) {
	current, err := a.Vault.Credentials(ctx, at.Names)
	if err == nil && current != refused {
		return current, false
	}
	older, ok, err := a.Vault.PreviousCredentials(ctx, at.Names)
	if err != nil {
		a.Log.WarnContext(ctx, "cannot read the client secret before the current one", "account", at.Account.String(), "error", err)
	}
	if !ok {
		return refused, false
	}
	return older, true
}

// stillRefused is the refusal of the client where the second answer, to the client secret
// before it, may be a gateway's or a dead grant's. It opens a window as such an answer does
// (MayBeDead), and then the client is what is to be mended.
func stillRefused(refusal error, second *provider.Failure) error {
	f, _ := errors.AsType[*provider.Failure](refusal)
	both := *f
	both.Detail = strings.TrimPrefix(f.Detail+"; and with the client secret before it "+answerInWords(second), "; ")
	both.MaybeSpent, both.MayBeDead = true, true
	return &both
}

// besideRefused is a failure that time may mend, of a request that followed a refusal of
// the current client secret.
func besideRefused(second *provider.Failure, refusal error) error {
	f, _ := errors.AsType[*provider.Failure](refusal)
	both := *second
	both.Detail = strings.TrimPrefix(second.Detail+"; before that the current client secret was refused", "; ")
	both.Fix = f.Fix
	return &both
}

func refusesClient(err error) bool {
	f, ok := errors.AsType[*provider.Failure](err)
	return ok && f.Kind == provider.InvalidClient
}

// callFailed counts and logs a failed call, leaves word for the next attempt, and
// returns the activity's failure.
func (a *Activities) callFailed(ctx context.Context, p provider.Provider, c *calling, request time.Time, err error) error {
	f, ok := errors.AsType[*provider.Failure](err)
	if !ok {
		f = &provider.Failure{Provider: c.loaded.Account.Provider, Kind: provider.Unreachable, Detail: "the call did not go through", MaybeSpent: true}
	}
	a.Metrics.Answered(ctx, c.loaded.Account.Provider, string(f.Kind))
	a.Log.WarnContext(ctx, "provider refused", "account", c.loaded.Account.String(), "generation", c.loaded.Provenance.Generation, "kind", string(f.Kind), "error", f)

	if at, err := vault.Locate(a.Providers, c.loaded.Account); err == nil && (f.MayBeDead || !f.Kind.Retryable()) {
		a.Vault.ForgetCredentials(at.Names) // it may be the client that is meant
	}

	now := time.Now()
	after := c.answered(f, request, now)
	// What may mean a dead grant is final once no answer can be repeated any more, its own
	// request's included.
	open := c.window(now).IsOpen(now) || f.MayBeDead && after.window(now).IsOpen(now)
	if f.Issued && !c.loaded.NonRotating && c.loaded.Reuse == provider.RevokesGrant && !after.windowBy(true, now).IsOpen(now) {
		return answerLost(c.loaded)
	}
	told := c.told
	told.Issued, told.Doubted = told.Issued || f.Issued, after.doubted
	if f.MaybeSpent && len(after.requests) > len(c.requests) { // not a rate limit that is believed
		told = told.with(request)
	}
	if f.MayBeDead && f.Kind != provider.InvalidClient && p.GrantEnds != "" {
		f.Fix += "; see first that it will last: " + p.GrantEnds
	}
	return c.leaveWord(ctx, told, refreshError(f, open, after.retryDelay(f.RetryAfter, now)))
}
