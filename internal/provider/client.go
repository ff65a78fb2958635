package provider

import (
	"context"
	"maps"
	"net"
	"net/http"
	"time"

	"golang.org/x/oauth2"

	"tokenkeeper/internal/token"
)

// Client refreshes grants. It is safe for concurrent use.
type Client struct {
	transport http.RoundTripper
}

// NewClient makes a Client that sends through transport; nil means one that
// opens a connection of its own for every refresh.
func NewClient(transport http.RoundTripper) *Client {
	if transport == nil {
		transport = freshConnections()
	}
	return &Client{transport: transport}
}

// freshConnections never reuses a connection. A provider may close an idle one
// at the very moment that a refresh goes out on it, and nobody can then tell
// whether the token is spent; a handshake every few hours costs less.
func freshConnections() *http.Transport {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second,
		ForceAttemptHTTP2:   true,
		DisableKeepAlives:   true,
	}
}

// Refresh spends rt at p for a new pair, in exactly one POST: no redirect is
// followed and nothing is sent again. ctx bounds all of it. The error is a
// [*Failure]; after one that is [Unreachable] or [Malformed] the token may be
// spent, and only the same refresh inside the provider's replay window gets the
// answer back.
//
// golang.org/x/oauth2 makes the request. What it makes of the answer is not
// used: it puts the old refresh token where the answer has none, and whole
// bodies into its errors.
func (c *Client) Refresh(ctx context.Context, p Provider, cl token.Client, rt token.Secret) (token.Pair, error) {
	if rt.Empty() {
		return token.Pair{}, &Failure{
			Provider: p.Name, Kind: RequestRejected,
			Detail: "there is no refresh token to spend; nothing was sent",
			Fix:    "have the person consent at " + p.Title + " and store the refresh token in the vault",
		}
	}
	return c.ask(ctx, p, refreshing, merged(p.Dialect.tokenForm(), p.RefreshParams), func(ctx context.Context) error {
		_, err := config(p, cl).TokenSource(ctx, &oauth2.Token{RefreshToken: rt.Reveal()}).Token()
		return err
	})
}

// ask has x/oauth2 make one token request, with form beside what it sends, and
// judges the answer.
func (c *Client) ask(ctx context.Context, p Provider, op string, form map[string]string, request func(context.Context) error) (token.Pair, error) {
	once := &exchange{transport: c.transport, form: form}
	err := request(context.WithValue(ctx, oauth2.HTTPClient, &http.Client{Transport: once}))
	if once.answer == nil {
		failure := noAnswer(p, err)
		failure.Op = op
		return token.Pair{}, failure
	}
	pair, failure := Classify(p, *once.answer)
	if failure != nil {
		failure.Op = op
		return token.Pair{}, failure
	}
	return pair, nil
}

// merged is one map of all; later ones win.
func merged(forms ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, m := range forms {
		maps.Copy(all, m)
	}
	return all
}

// config states the style of client authentication always, because x/oauth2
// would find it out by sending the refresh token twice. A client without a
// secret is a public one and names itself in the body (RFC 6749 section 3.2.1).
func config(p Provider, cl token.Client) *oauth2.Config {
	style := oauth2.AuthStyleInHeader
	if p.AuthStyle == AuthBody || cl.Secret.Empty() {
		style = oauth2.AuthStyleInParams
	}
	return &oauth2.Config{
		ClientID:     cl.ID,
		ClientSecret: cl.Secret.Reveal(),
		Endpoint:     oauth2.Endpoint{AuthURL: p.AuthURL, TokenURL: p.TokenURL, AuthStyle: style},
	}
}
