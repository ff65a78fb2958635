package provider

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tokenkeeper/internal/token"
)

// exchange carries one request to the token endpoint and keeps the answer. It
// refuses a second, whoever asks for it (a redirect, a probing library), and
// takes from the transport what it would need to send the first one again.
type exchange struct {
	transport http.RoundTripper
	// form is added to the request's, which x/oauth2 gives no other way to do.
	form   map[string]string
	used   bool
	answer *Answer // nil until one has come
}

// RoundTrip implements [http.RoundTripper].
func (x *exchange) RoundTrip(req *http.Request) (*http.Response, error) {
	if x.used {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, errors.New("a token request is one request")
	}
	x.used = true
	req, err := x.complete(req)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")

	resp, err := x.transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, MaxBody+1))
	_ = resp.Body.Close()
	x.answer = &Answer{
		Status: resp.StatusCode,
		Header: resp.Header,
		Body:   token.NewSecret(string(body)),
		Cut:    err != nil,
		ReadAt: time.Now(),
	}
	whole := *resp
	whole.Body = io.NopCloser(strings.NewReader(string(body)))
	return &whole, nil
}

// complete is the request with our additions to its form. Its body can be read
// once, so that no transport can send it again.
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
