package consent_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/consent"
)

// listening waits at a free port, and counts redirects that answer another state.
func listening(t *testing.T) (*consent.Callback, *atomic.Int32) {
	t.Helper()
	foreign := &atomic.Int32{}
	c, err := consent.Listen("http://localhost:0/callback", state, func(error) { foreign.Add(1) })
	require.NoError(t, err)
	return c, foreign
}

type page struct {
	status int
	text   string
	header http.Header
	at     *url.URL
}

func open(t *testing.T, address string) page {
	t.Helper()
	p, err := get(t.Context(), address)
	require.NoError(t, err)
	return p
}

func get(ctx context.Context, address string) (page, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return page{}, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return page{}, err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	return page{response.StatusCode, string(text), response.Header, response.Request.URL}, err
}

// shown is what the browser shows after Close with an outcome. Close waits for the browser for
// seconds only, which a machine that is starved may take; then there is another try.
func shown(t *testing.T, outcome consent.Outcome) (p page) {
	t.Helper()
	var err error
	for range 3 {
		c, _ := listening(t)
		loaded := make(chan error, 1)
		go func() {
			var failed error
			p, failed = get(t.Context(), c.RedirectURI+"?code=fake-code&state="+state+"&scope=sleep")
			loaded <- failed
		}()
		redirect, failed := c.Wait(t.Context())
		require.NoError(t, failed)
		require.Equal(t, "fake-code", redirect.Code.Reveal())
		require.Equal(t, "sleep", redirect.Scope)
		c.Finish(outcome)
		c.Close()
		if err = <-loaded; err == nil {
			return p
		}
	}
	require.NoError(t, err)
	return p
}

func TestTheBrowserShowsTheOutcome(t *testing.T) {
	for _, tc := range []struct {
		name    string
		outcome consent.Outcome
		status  int
	}{
		{"well", consent.Outcome{Good: true, Title: "Done", Text: "It is <stored>."}, http.StatusOK},
		{"badly", consent.Outcome{Title: "Not done", Text: "It is <lost>."}, http.StatusBadRequest},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := shown(t, tc.outcome)
			require.Equal(t, tc.status, p.status)
			require.Contains(t, p.text, tc.outcome.Title)
			require.Contains(t, p.text, "&lt;")
			require.NotContains(t, p.text, "fake-code")
			require.NotContains(t, p.text, "http", "nothing may be loaded from elsewhere")
			require.Empty(t, p.at.RawQuery, "the code must not stay in the address bar")
			require.Equal(t, "no-store", p.header.Get("Cache-Control"))
			require.Contains(t, p.header.Get("Content-Security-Policy"), "default-src 'none'")
		})
	}
}

func TestARedirectOfAnotherAttemptChangesNothing(t *testing.T) {
	c, foreign := listening(t)
	defer c.Close()
	for _, query := range []string{"?code=fake-code&state=fake-other", "?error=access_denied&state=fake-other", "?code=fake-code", ""} {
		p := open(t, c.RedirectURI+query)
		require.Equal(t, http.StatusBadRequest, p.status)
		require.Contains(t, p.text, "not the answer that is waited for")
	}
	require.Equal(t, int32(4), foreign.Load())
	waiting, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	_, err := c.Wait(waiting)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	// Other addresses, such as a browser's favicon, are nothing.
	u, err := url.Parse(c.RedirectURI)
	require.NoError(t, err)
	u.Path = "/favicon.ico"
	require.Equal(t, http.StatusNotFound, open(t, u.String()).status)
}

func TestARefusalEndsTheWait(t *testing.T) {
	c, _ := listening(t)
	go func() { _, _ = http.Get(c.RedirectURI + "?error=access_denied&state=" + state) }()
	_, err := c.Wait(t.Context())
	require.ErrorIs(t, err, consent.ErrDenied)
	c.Close()
}

func TestTheCallbackBoundsWhatAClientSends(t *testing.T) {
	c, _ := listening(t)
	defer c.Close()
	address, err := url.Parse(c.RedirectURI)
	require.NoError(t, err)
	require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, open(t, c.RedirectURI+"?code="+strings.Repeat("a", 64<<10)).status)

	const long = 2 * time.Minute
	began := time.Now()
	var all []net.Conn
	for _, begins := range []string{"", "GET /callback HTTP/1.1\r\nHost: localhost\r\nX-Drip: "} {
		conn, err := net.Dial("tcp", address.Host)
		require.NoError(t, err)
		defer func() { _ = conn.Close() }()
		_, err = io.WriteString(conn, begins)
		require.NoError(t, err)
		require.NoError(t, conn.SetReadDeadline(began.Add(long)))
		all = append(all, conn)
	}
	for _, conn := range all {
		_, _ = io.Copy(io.Discard, conn)
	}
	require.Less(t, time.Since(began), long, "each connection is closed after ten seconds")
}

func TestATakenPortIsExplained(t *testing.T) {
	c, _ := listening(t)
	defer c.Close()
	_, err := consent.Listen(c.RedirectURI, state, nil)
	require.ErrorContains(t, err, "wait for the browser on port")
	require.ErrorContains(t, err, "--redirect-url")
}

func TestListenTakesLoopbackOnly(t *testing.T) {
	for address, want := range map[string]bool{
		consent.DefaultRedirectURL: true, "http://127.0.0.1:1/": true, "http://[::1]:1/x": true,
		"https://localhost/": false, "http://example.test/": false, "http://localhost.example.test/": false,
		"http://192.0.2.1/": false, "app://callback": false, "%": false,
	} {
		require.Equal(t, want, consent.IsLoopback(address), address)
		if !want {
			_, err := consent.Listen(address, state, nil)
			require.ErrorContains(t, err, "is not on this machine")
		}
	}
}
