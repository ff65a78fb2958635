package provider

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2"

	"tokenkeeper/internal/token"
)

// Client makes the requests that concern a grant. It is safe for concurrent use.
type Client struct {
	transport http.RoundTripper
}

// NewClient makes a Client that sends through transport; nil means one that
// opens a new connection for every request.
func NewClient(transport http.RoundTripper) *Client {
	if transport == nil {
		transport = freshConnections()
	}
	return &Client{transport: transport}
}

// freshConnections never reuses a connection. A provider may close an idle one
// while a refresh goes out on it, which leaves unknown whether the token is spent;
// a handshake every few hours costs less.
func freshConnections() *http.Transport {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
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
			Detail: "there is no refresh token to spend; nothing was sent", Fix: hint(p, InvalidGrant, ""),
		}
	}
	form := mergeForm(p.Dialect.tokenForm(), p.RefreshParams)
	pair, failure := c.do(ctx, p, refreshing, form, func(ctx context.Context) error {
		_, err := config(p, cl).TokenSource(ctx, &oauth2.Token{RefreshToken: rt.Reveal()}).Token()
		return err
	})
	if failure != nil {
		return token.Pair{}, failure
	}
	return pair, nil
}

// do has x/oauth2 make one token request, with form added to its own, and
// classifies the answer.
func (c *Client) do(ctx context.Context, p Provider, op string, form map[string]string, request func(context.Context) error) (token.Pair, *Failure) {
	once := &exchange{transport: c.transport, form: form}
	err := request(context.WithValue(ctx, oauth2.HTTPClient, &http.Client{Transport: once}))
	if once.answer == nil {
		return token.Pair{}, transportError(p, op, err, once.maybeSent())
	}
	pair, failure := Classify(p, *once.answer)
	if failure != nil {
		failure.Op = op
	}
	return pair, failure
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
// public one and names itself in the body (RFC 6749 section 3.2.1).
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

// exchange is a transport for one request, whose answer it keeps. It refuses a
// second one (a redirect, a library that probes) and withholds from the inner
// transport what it would need to send the first one again.
type exchange struct {
	transport http.RoundTripper
	form      map[string]string // added to the request's form, for which x/oauth2 has no option
	used      bool
	answer    *Answer // nil until one has come
	// The transport was asked for a connection, and had one. Both are set by callbacks.
	connecting, connected atomic.Bool
}

// maybeSent reports whether any of the request may have left. It is false where the
// transport never had a connection: no address, no route, no TLS. A transport that
// reports nothing of its connections is taken to have sent it.
func (x *exchange) maybeSent() bool {
	return x.used && (x.connected.Load() || !x.connecting.Load())
}

// watch has the transport report its connections.
func (x *exchange) watch(req *http.Request) *http.Request {
	return req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		GetConn: func(string) { x.connecting.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { x.connected.Store(true) },
	}))
}

// RoundTrip implements [http.RoundTripper].
func (x *exchange) RoundTrip(req *http.Request) (*http.Response, error) {
	if x.used {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, errors.New("a token request is one request")
	}
	req, err := x.complete(req)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")

	if err := req.Context().Err(); err != nil {
		_ = req.Body.Close()
		return nil, err
	}
	x.used = true
	resp, err := x.transport.RoundTrip(x.watch(req))
	if err != nil {
		return nil, err
	}
	read, err := io.ReadAll(io.LimitReader(resp.Body, MaxBody+1))
	_ = resp.Body.Close()
	body := string(read)
	x.answer = &Answer{
		Status: resp.StatusCode,
		Header: resp.Header,
		Body:   token.NewSecret(body),
		Cut:    err != nil,
		ReadAt: time.Now(),
	}
	whole := *resp
	whole.Body = io.NopCloser(strings.NewReader(body))
	return &whole, nil
}

// complete adds x.form to the request's. The body of the result can be read once,
// so that no transport can send it again.
func (x *exchange) complete(req *http.Request) (*http.Request, error) {
	req = req.Clone(req.Context())
	req.GetBody = nil
	if len(x.form) == 0 {
		return req, nil
	}
	body, err := io.ReadAll(req.Body)
	_ = req.Body.Close()
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, errors.New("a token request's form is not one")
	}
	for key, value := range x.form {
		form.Set(key, value)
	}
	encoded := form.Encode()
	req.Body, req.ContentLength = io.NopCloser(strings.NewReader(encoded)), int64(len(encoded))
	return req, nil
}
