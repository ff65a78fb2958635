package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/oauth2"

	"tokenkeeper/internal/token"
)

// AuthorizationRequest is one attempt to have a person consent: what the authorization
// request and the exchange of its code have to agree on (RFC 6749 section 4.1,
// RFC 7636).
type AuthorizationRequest struct {
	// RedirectURI is where the provider sends the person's browser.
	RedirectURI string
	// State comes back with the code and ties the two together. It and Verifier
	// are random, and for one consent only.
	State    string
	Verifier string
	// Scopes are asked for; none means the provider's own.
	Scopes []string
}

// NewAuthorizationRequest makes a Consent with a state and a verifier of its own.
func NewAuthorizationRequest(redirectURI string, scopes []string) AuthorizationRequest {
	return AuthorizationRequest{
		RedirectURI: redirectURI, Scopes: scopes,
		State: oauth2.GenerateVerifier(), Verifier: oauth2.GenerateVerifier(),
	}
}

// URL is the page at p where the person consents. It holds no secret: the
// verifier goes into it as its S256 challenge.
func (c AuthorizationRequest) URL(p Provider, clientID string) (string, error) {
	if p.AuthURL == "" {
		return "", fmt.Errorf("provider %s has no auth_url, where people consent; state it in the providers file", p.Name)
	}
	request := config(p, token.Client{ID: clientID})
	request.RedirectURL = c.RedirectURI
	scopes := c.Scopes
	if len(scopes) == 0 {
		scopes = p.Scopes
	}
	if len(scopes) > 0 {
		request.Scopes = []string{strings.Join(scopes, p.Dialect.scopeSeparator())}
	}
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(c.Verifier)}
	for _, key := range slices.Sorted(maps.Keys(p.AuthParams)) {
		options = append(options, oauth2.SetAuthURLParam(key, p.AuthParams[key]))
	}
	return request.AuthCodeURL(c.State, options...), nil
}

// SplitScopes reads a list of scopes as p writes them, such as that in the query
// of a redirect.
func (p Provider) SplitScopes(list string) []string { return p.Dialect.splitScopes(list) }

// Exchange turns the code of a consent into the grant's first pair, in exactly
// one POST, and judges the answer as that of a refresh. The error is a [*Failure].
//
// A first pair always holds a refresh token, also where refreshes answer without.
func (c *Client) Exchange(ctx context.Context, p Provider, cl token.Client, consent AuthorizationRequest, code token.Secret) (token.Pair, error) {
	request := config(p, cl)
	request.RedirectURL = consent.RedirectURI
	pair, err := c.ask(ctx, p, exchanging, p.Dialect.tokenForm(), func(ctx context.Context) error {
		_, err := request.Exchange(ctx, code.Reveal(), oauth2.VerifierOption(consent.Verifier))
		return err
	})
	var failure *Failure
	switch {
	case errors.As(err, &failure):
		failure.Fix = exchangeFix(p, failure)
		return token.Pair{}, failure
	case pair.RefreshToken.Empty():
		return token.Pair{}, &Failure{
			Provider: p.Name, Op: exchanging, Kind: Malformed, Status: 200, Detail: "no refresh token",
			Fix: noRefreshTokenFix(p),
		}
	}
	return pair, nil
}

// exchangeFix says what a person can do about a code that was not exchanged.
func exchangeFix(p Provider, f *Failure) string {
	switch f.Kind {
	case InvalidGrant:
		return "the code is spent or too old, or belongs to another client or redirect URI; have the person consent again"
	case RequestRejected:
		return fmt.Sprintf("check that the redirect URI is registered with the app at %s, letter by letter", p.Title)
	case InvalidClient, ProviderRetired:
		return f.Fix
	default:
		return "a code is good for one use and some seconds or minutes; have the person consent again"
	}
}

// noRefreshTokenFix says how to be given one.
func noRefreshTokenFix(p Provider) string {
	switch {
	case p.Rotation == NoRotation:
		return fmt.Sprintf("%s gives a refresh token for the first consent only; remove the app's access in the person's account there, and have them consent again", p.Title)
	case len(p.Scopes) == 0:
		return "ask for the scope that stands for offline access at this provider"
	default:
		return fmt.Sprintf("ask for the scope that stands for offline access; the defaults of %s are %s", p.Name, strings.Join(p.Scopes, " "))
	}
}
