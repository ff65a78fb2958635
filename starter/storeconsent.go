package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"tokenkeeper/internal/consent"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// put stores a consent and goes on until the vault has it, and tells meanwhile
// why it has not. safe says what an interruption does.
func (c *custodian) put(ctx context.Context, p vault.Location, k consent.PendingConsent, safe string) (superseded bool, err error) {
	told := ""
	return c.Store(ctx, p, k, func(failure error, again time.Duration) {
		if why := failure.Error(); why != told {
			told = why
			c.say("The vault does not take it yet: %s\nIt is tried again until it does. %s", why, safe)
		}
	})
}

// sayStored tells where a consent is now.
func (c *custodian) sayStored(p vault.Location, pair token.Pair, superseded bool) {
	now := time.Now()
	switch {
	case superseded:
		c.say("The vault holds something newer for %s, which was left as it is.", p.Account)
	case pair.AccessToken.Empty():
		c.say("Stored: the refresh token of %s is in %s.", p.Account, p.Names.RefreshToken)
	case pair.Expiry.IsZero():
		c.say("Stored: the tokens of %s are in %s and %s.", p.Account, p.Names.RefreshToken, p.Names.AccessToken)
	default:
		c.say("Stored: the tokens of %s are in %s and %s. The access token expires %s.", p.Account, p.Names.RefreshToken, p.Names.AccessToken, when(pair.Expiry, now))
	}
}

// clientFor is the provider's app: from the file that is named, from the vault,
// or from the person. isNew says that the vault does not hold it.
func (c *custodian) clientFor(ctx context.Context, p vault.Location, found consent.Existing, file string) (client token.Client, isNew bool, err error) {
	switch {
	case file != "":
		client, err = c.readClient(ctx, file)
		return client, client != found.Client, err
	case found.Client.ID != "":
		return found.Client, false, nil
	}
	c.say("The vault has no %s. They are those of your app at %s.", p.Names.Credentials, p.Provider.Title)
	if client.ID, err = c.prompter.readLine(ctx, "Client ID: "); err == nil {
		client.Secret, err = c.prompter.readSecret(ctx, "Client secret (not shown; empty for an app without one): ")
	}
	if errors.Is(err, errNoInput) || err == nil && client.ID == "" {
		return token.Client{}, false, fmt.Errorf("the app's client id and secret are needed, and nobody gave them; type them in, or use --client FILE")
	}
	return client, true, err
}

// readClient reads client_id:client_secret, which may be on two lines.
func (c *custodian) readClient(ctx context.Context, file string) (token.Client, error) {
	text, err := c.read(ctx, file, "client_id:client_secret (not shown): ")
	if err != nil {
		return token.Client{}, fmt.Errorf("--client: %w", err)
	}
	id, secret, found := strings.Cut(strings.Join(strings.Fields(text.Reveal()), ":"), ":")
	if !found || id == "" || strings.ContainsAny(id, `{}[]"'<>/=`) {
		return token.Client{}, errors.New("--client: it holds no client_id:client_secret; write the two with a colon or on two lines")
	}
	return token.Client{ID: id, Secret: token.NewSecret(secret)}, nil
}

// read reads a file that holds a secret; - means stdin.
func (c *custodian) read(ctx context.Context, file, question string) (token.Secret, error) {
	if file == "-" {
		return c.prompter.readAll(ctx, question, consent.MaxTokens)
	}
	f, err := os.Open(file)
	if err != nil {
		return token.Secret{}, err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, consent.MaxTokens+1))
	return token.NewSecret(string(text)), err
}

// noCredentials reports whether the vault lacks the app's client id and secret.
func (c *custodian) noCredentials(ctx context.Context, p vault.Location) bool {
	_, err := c.Vault.Credentials(ctx, p.Names)
	return errors.Is(err, vault.ErrNotFound)
}
