package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/token"
)

// edge is where answers of a token endpoint leave the provider: what it asks is
// done by then. It remembers what has passed, and can lose an answer or keep it
// back.
type edge struct {
	URL string

	mu     sync.Mutex
	lose   int           // of the next answers
	hold   chan struct{} // keeps answers back until it is closed; nil for not at all
	passed []passage
}

// passage is one request that the provider has answered.
type passage struct {
	presented token.Fingerprint
	basic     bool // client authentication in the header, not in the body
	status    int
	issued    token.Pair // empty for a refusal
	lost      bool       // the answer did not get through
}

var errLost = errors.New("lost")

// edgeOf puts an edge before a provider's base URL.
func edgeOf(t *testing.T, base string) *edge {
	t.Helper()
	target, err := url.Parse(base)
	require.NoError(t, err)
	e := &edge{}
	proxy := &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ModifyResponse: e.answered,
		// The connection ends without an answer.
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler) // the client is gone
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		// What was asked goes along to answered.
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	t.Cleanup(e.release)
	e.URL = server.URL
	return e
}

// answered sees an answer before the client does.
func (e *edge) answered(answer *http.Response) error {
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	p, err := passageOf(answer, body)
	if err != nil {
		return err
	}
	e.mu.Lock()
	p.lost = e.lose > 0
	e.lose = max(0, e.lose-1)
	hold := e.hold
	e.passed = append(e.passed, p)
	e.mu.Unlock()
	if hold != nil {
		<-hold
	}
	if p.lost {
		return errLost
	}
	return nil
}

func passageOf(answer *http.Response, body []byte) (passage, error) {
	asked, err := answer.Request.GetBody()
	if err != nil {
		return passage{}, err
	}
	text, err := io.ReadAll(asked)
	if err != nil {
		return passage{}, err
	}
	form, err := url.ParseQuery(string(text))
	if err != nil {
		return passage{}, err
	}
	var pair struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if err := json.Unmarshal(body, &pair); err != nil {
		return passage{}, err
	}
	_, _, basic := answer.Request.BasicAuth()
	return passage{
		presented: token.NewSecret(form.Get("refresh_token")).Fingerprint(),
		basic:     basic,
		status:    answer.StatusCode,
		issued:    token.Pair{AccessToken: token.NewSecret(pair.Access), RefreshToken: token.NewSecret(pair.Refresh)},
	}, nil
}

// loseNext has the next answer get lost.
func (e *edge) loseNext() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lose++
}

// keepBack keeps the answers from now on back until release.
func (e *edge) keepBack() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.hold = make(chan struct{})
}

// release lets go of what is kept back, and of what comes from now on.
func (e *edge) release() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.hold != nil {
		close(e.hold)
		e.hold = nil
	}
}

// passages are the requests so far, in the order of their answers.
func (e *edge) passages() []passage {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]passage(nil), e.passed...)
}
