package provider

import (
	"context"
	"crypto/tls"
	"maps"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"golang.org/x/oauth2"

	"tokenkeeper/internal/token"
)

// Client makes the requests that concern a grant. It is safe for concurrent use.
type Client struct {
	transport http.RoundTripper
	userAgent string
}

// NewClient makes a Client that sends through transport; nil means one that
// opens a new connection for every request.
func NewClient(transport http.RoundTripper) *Client {
	if transport == nil {
		transport = freshConnections()
	}
	return &Client{transport: transport, userAgent: userAgent()}
}

// userAgent names the program and its revision, and nothing of the machine. Firewalls of
// providers refuse Go's own.
func userAgent() string {
	const name = "token-keeper"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return name
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" && setting.Value != "" {
			return name + "/" + setting.Value[:min(12, len(setting.Value))]
		}
	}
	return name
}

// freshConnections never reuses a connection. A provider may close an idle one
// while a refresh goes out on it, which leaves unknown whether the token is spent;
// a handshake every few hours costs less.
func freshConnections() *http.Transport {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: 10 * time.Second,
		ForceAttemptHTTP2:   true,
		DisableKeepAlives:   true,
		// Its own default is 10 MiB, which a few dozen accounts of one provider that runs
		// wild would turn into an end of the worker for want of memory.
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// Refresh spends rt at p for a new pair, in exactly one POST: no redirect is
// followed and nothing is sent again. ctx bounds all of it. The error is a
// [*Failure]; after one with MaybeSpent the token may be spent, and only the same
// refresh inside the provider's replay window gets the answer back.
//
// golang.org/x/oauth2 makes the request. Its reading of the answer is not used:
// it puts the old refresh token where the answer has none, and whole bodies into
// its errors.
func (c *Client) Refresh(ctx context.Context, p Provider, cl token.Client, rt token.Secret) (token.Pair, error) {
	if rt.Empty() {
		return token.Pair{}, &Failure{
			Provider: p.Name, Op: refreshing, Kind: RequestRejected,
			Detail: "there is no refresh token to spend; nothing was sent", Fix: hint(p, Answer{}, InvalidGrant, reason{}),
		}
	}
	form := mergeForm(p.Dialect.tokenForm(), p.RefreshParams)
	pair, failure := c.do(ctx, p, cl, refreshing, []token.Secret{rt, cl.Secret}, form, func(ctx context.Context) error {
		_, err := config(p, cl).TokenSource(ctx, &oauth2.Token{RefreshToken: rt.Reveal()}).Token()
		return err
	})
	if failure != nil {
		return token.Pair{}, failure
	}
	return pair, nil
}

// do has x/oauth2 make one token request of these secrets, with form added to its own,
// and classifies the answer.
func (c *Client) do(ctx context.Context, p Provider, cl token.Client, op string, sent []token.Secret, form map[string]string, request func(context.Context) error) (token.Pair, *Failure) {
	once := c.once(p, sent)
	once.form = form
	err := request(context.WithValue(ctx, oauth2.HTTPClient, &http.Client{
		Transport:     once,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}))
	if once.answer == nil {
		return token.Pair{}, transportError(p, op, err, once.maybeSent())
	}
	if op != refreshing {
		p.DeadAnswers = nil // they are about refreshes
	}
	pair, failure := Classify(p, *once.answer)
	if failure == nil {
		return pair, nil
	}
	failure.Op = op
	if failure.Kind == InvalidClient {
		failure.Fix += headerHint(p, cl)
	}
	return token.Pair{}, failure
}

// once is a transport for one request of these secrets to p.
func (c *Client) once(p Provider, sent []token.Secret) *exchange {
	return &exchange{transport: c.transport, userAgent: c.userAgent, style: p.AuthStyle, sent: sent}
}

// mergeForm merges forms; later ones win.
func mergeForm(forms ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, form := range forms {
		maps.Copy(all, form)
	}
	return all
}

// config always states the style of client authentication, because x/oauth2
// detects it by sending the refresh token twice. A client without a secret is a
// public one and names itself among the parameters (RFC 6749 section 3.2.1).
func config(p Provider, cl token.Client) *oauth2.Config {
	style := oauth2.AuthStyleInParams
	if p.AuthStyle.inHeader(cl) {
		style = oauth2.AuthStyleInHeader
	}
	return &oauth2.Config{
		ClientID:     cl.ID,
		ClientSecret: cl.Secret.Reveal(),
		Endpoint:     oauth2.Endpoint{AuthURL: p.AuthURL, TokenURL: p.TokenURL, AuthStyle: style},
	}
}
