package provider

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"tokenkeeper/internal/token"
)

// exchange carries one request to the token endpoint and keeps the answer. It
// refuses a second, whoever asks for it (a redirect, a probing library), and
// takes from the transport what it would need to send the first one again.
type exchange struct {
	transport http.RoundTripper
	used      bool
	answer    *Answer // nil until one has come
}

// RoundTrip implements [http.RoundTripper].
func (x *exchange) RoundTrip(req *http.Request) (*http.Response, error) {
	if x.used {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, errors.New("a refresh is one request")
	}
	x.used = true
	req = req.Clone(req.Context())
	req.GetBody = nil // without it no transport can replay the body
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
