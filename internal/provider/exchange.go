package provider

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"tokenkeeper/internal/token"
)

// exchange is a transport for one request, whose answer it keeps. It refuses a
// second one (a redirect, a library that probes) and withholds from the inner
// transport what it would need to send the first one again.
type exchange struct {
	transport http.RoundTripper
	userAgent string
	style     AuthStyle
	sent      []token.Secret
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
func (x *exchange) RoundTrip(asked *http.Request) (*http.Response, error) {
	if x.used {
		if asked.Body != nil {
			_ = asked.Body.Close()
		}
		return nil, errors.New("a token request is one request")
	}
	req, err := x.complete(asked)
	if err != nil {
		return nil, err
	}
	if err := req.Context().Err(); err != nil {
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
		Sent:   x.sent,
	}
	whole := *resp
	whole.Request = asked // its URL holds no secret
	whole.Body = io.NopCloser(strings.NewReader(body))
	return &whole, nil
}

// complete returns the request that is sent: with x.form in its form, and the client
// where the style has it. Its body can be read once, so that no transport can send it
// again.
func (x *exchange) complete(asked *http.Request) (*http.Request, error) {
	var body []byte
	if asked.Body != nil {
		var err error
		body, err = io.ReadAll(asked.Body)
		_ = asked.Body.Close()
		if err != nil {
			return nil, err
		}
	}
	req := asked.Clone(asked.Context())
	req.GetBody = nil
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", x.userAgent)
	if len(body) == 0 {
		req.Body, req.ContentLength = http.NoBody, 0
		return req, nil
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, errors.New("a token request's form is not one")
	}
	for key, value := range x.form {
		form.Set(key, value)
	}
	encoded := x.style.encode(req, form)
	req.Body, req.ContentLength = io.NopCloser(strings.NewReader(encoded)), int64(len(encoded))
	return req, nil
}

// inHeader reports whether the client goes into the Authorization header.
func (s AuthStyle) inHeader(cl token.Client) bool { return s == AuthHeader && !cl.Secret.Empty() }

// encode returns the body of a request for its form, and moves what the style has
// elsewhere. Only for AuthQuery does anything go into the URL: the client alone, because
// a URL is logged where no body is.
func (s AuthStyle) encode(req *http.Request, form url.Values) (body string) {
	switch s {
	case AuthJSON:
		fields := map[string]string{}
		for key := range form {
			fields[key] = form.Get(key)
		}
		encoded, _ := json.Marshal(fields) // strings always marshal
		req.Header.Set("Content-Type", "application/json")
		return string(encoded)
	case AuthQuery:
		query := req.URL.Query()
		for _, key := range []string{"client_id", "client_secret"} {
			if form.Has(key) {
				query.Set(key, form.Get(key))
				form.Del(key)
			}
		}
		req.URL.RawQuery = query.Encode() // of the clone
	}
	return form.Encode()
}
