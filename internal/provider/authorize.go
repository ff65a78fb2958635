package provider

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/oauth2"

	"tokenkeeper/internal/token"
)

// AuthorizationRequest is one attempt to have an account owner consent: what the
// authorization request and the exchange of its code have to agree on (RFC 6749
// section 4.1, RFC 7636).
type AuthorizationRequest struct {
	// RedirectURI is where the provider sends the account owner's browser.
	RedirectURI string
	// State comes back with the code and ties the two together. It and Verifier
	// are random, and for one consent only.
	State    string
	Verifier string
	// Scopes to request; none means the provider's own.
	Scopes []string
}

// NewAuthorizationRequest makes a request with a new state and a new verifier.
func NewAuthorizationRequest(redirectURI string, scopes []string) AuthorizationRequest {
	return AuthorizationRequest{
		RedirectURI: redirectURI, Scopes: scopes,
		State: oauth2.GenerateVerifier(), Verifier: oauth2.GenerateVerifier(),
	}
}

// URL is the consent page at p. It holds no secret: the verifier goes into it as
// its S256 challenge.
func (r AuthorizationRequest) URL(p Provider, clientID string) (string, error) {
	if p.AuthURL == "" {
		return "", fmt.Errorf("provider %s has no auth_url, the page for consent; state it in the providers file", p.Name)
	}
	request := config(p, token.Client{ID: clientID})
	request.RedirectURL = r.RedirectURI
	scopes := r.Scopes
	if len(scopes) == 0 {
		scopes = p.Scopes
	}
	if len(scopes) > 0 {
		request.Scopes = []string{strings.Join(scopes, p.Dialect.scopeSeparator())}
	}
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(r.Verifier)}
	for _, key := range slices.Sorted(maps.Keys(p.AuthParams)) {
		options = append(options, oauth2.SetAuthURLParam(key, p.AuthParams[key]))
	}
	return request.AuthCodeURL(r.State, options...), nil
}

// SplitScopes reads a list of scopes as p writes them, such as that in the query
// of a redirect.
func (p Provider) SplitScopes(list string) []string { return p.Dialect.splitScopes(list) }

// Exchange turns the code of a consent into the grant's first pair, in exactly
// one POST, and classifies the answer as that of a refresh. The error is a
// [*Failure].
//
// A first pair always holds a refresh token, also where refreshes answer without.
func (c *Client) Exchange(ctx context.Context, p Provider, cl token.Client, consent AuthorizationRequest, code token.Secret) (token.Pair, error) {
	request := config(p, cl)
	request.RedirectURL = consent.RedirectURI
	sent := []token.Secret{code, token.NewSecret(consent.Verifier), cl.Secret}
	pair, failure := c.do(ctx, p, cl, exchanging, sent, p.Dialect.tokenForm(), func(ctx context.Context) error {
		_, err := request.Exchange(ctx, code.Reveal(), oauth2.VerifierOption(consent.Verifier))
		return err
	})
	switch {
	case failure != nil:
	case pair.RefreshProblem != "":
		return token.Pair{}, &Failure{Provider: p.Name, Op: exchanging, Kind: Malformed, Status: http.StatusOK,
			Detail: "a refresh token that " + pair.RefreshProblem, Fix: "ask for fewer scopes"}
	case pair.RefreshToken.Empty():
		failure = &Failure{Provider: p.Name, Op: exchanging, Kind: Malformed, Status: http.StatusOK, Detail: noRefreshToken}
	}
	if failure != nil {
		failure.Fix = exchangeHint(p, consent.Scopes, failure)
		failure.MayBeDead = false // there is no grant yet
		return token.Pair{}, failure
	}
	if pair.GrantEnds.IsZero() && p.GrantLife > 0 {
		pair.GrantEnds = pair.ObtainedAt.Add(p.GrantLife)
	}
	return pair, nil
}
