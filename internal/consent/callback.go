package consent

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultRedirectURL is on this machine (RFC 8252 section 7.3). Its port is fixed
// because most providers compare redirect URLs as a whole; its host is a name
// because some providers accept no address.
const DefaultRedirectURL = "http://localhost:8976/callback"

// Callback receives the provider's redirect on this machine. It accepts one
// redirect with the right state, and shows the [Outcome] in the browser.
type Callback struct {
	// RedirectURI is the one to send to the provider.
	RedirectURI string

	state     string
	path      string
	server    *http.Server
	onForeign func(error)

	accepted  atomic.Bool
	redirects chan callbackResult

	finish   sync.Once
	finished chan struct{} // closed when outcome is set
	outcome  Outcome
	show     sync.Once
	shown    chan struct{} // closed when the browser has the outcome
}

type callbackResult struct {
	Redirect
	err error
}

// IsLoopback reports whether a redirect URL leads to this machine over plain
// http, so that a Callback can wait there.
func IsLoopback(redirectURL string) bool {
	u, err := url.Parse(redirectURL)
	if err != nil || u.Scheme != "http" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// Listen waits at a loopback redirect URL; port 0 means a free port. onForeign gets
// the error of each redirect that does not answer this state; those change nothing.
func Listen(redirectURL, state string, onForeign func(error)) (*Callback, error) {
	u, err := url.Parse(redirectURL)
	if err != nil || !IsLoopback(redirectURL) {
		return nil, fmt.Errorf("%s is not on this machine", redirectURL)
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	listeners, port, err := listen(u.Hostname(), port)
	if err != nil {
		return nil, err
	}
	u.Host = net.JoinHostPort(u.Hostname(), port)
	c := &Callback{
		RedirectURI: u.String(), state: state, path: u.EscapedPath(), onForeign: onForeign,
		redirects: make(chan callbackResult, 1), finished: make(chan struct{}), shown: make(chan struct{}),
	}
	if c.path == "" {
		c.path = "/"
	}
	c.server = &http.Server{
		Handler:           http.HandlerFunc(c.serve),
		ReadHeaderTimeout: headerTimeout, IdleTimeout: headerTimeout, MaxHeaderBytes: maxHeaders,
		ErrorLog: log.New(io.Discard, "", 0), // the terminal is the operator's
	}
	for _, l := range listeners {
		go func() { _ = c.server.Serve(l) }() // ends with Close; Wait ends with its context
	}
	return c, nil
}

// The bounds of a request: a browser's has a few kilobytes of headers, and the code in
// the address is short. No body is read. The answer may take as long as the consent does.
const (
	headerTimeout = 10 * time.Second
	maxHeaders    = 32 << 10
)

// listen listens on loopback only. The name localhost stands for both address
// families, and browsers differ in which one they try first.
func listen(host, port string) ([]net.Listener, string, error) {
	network, first := "tcp", host
	if host == "localhost" {
		network, first = "tcp4", "127.0.0.1"
	}
	l, err := net.Listen(network, net.JoinHostPort(first, port))
	if err != nil {
		return nil, "", fmt.Errorf("wait for the browser on port %s: %w; free the port, name another registered URL with --redirect-url, or use --no-browser", port, err)
	}
	_, port, _ = net.SplitHostPort(l.Addr().String())
	if host == "localhost" {
		if second, err := net.Listen("tcp6", net.JoinHostPort("::1", port)); err == nil {
			return []net.Listener{l, second}, port, nil
		}
	}
	return []net.Listener{l}, port, nil
}

// Wait returns the redirect, once it has arrived.
func (c *Callback) Wait(ctx context.Context) (Redirect, error) {
	select {
	case r := <-c.redirects:
		return r.Redirect, r.err
	case <-ctx.Done():
		return Redirect{}, context.Cause(ctx)
	}
}

// Finish sets what the browser shows. Only the first call counts.
func (c *Callback) Finish(o Outcome) {
	c.finish.Do(func() {
		c.outcome = o
		close(c.finished)
	})
}

// closeTimeout bounds how long Close waits for the browser to read the outcome.
const closeTimeout = 3 * time.Second

// Close stops listening, after a browser that was redirected has the outcome.
func (c *Callback) Close() {
	c.Finish(Outcome{Title: "Nothing was stored", Text: "The program that asked for your consent has ended. Start it again to go on."})
	if c.accepted.Swap(true) {
		select {
		case <-c.shown:
		case <-time.After(closeTimeout):
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if err := c.server.Shutdown(ctx); err != nil {
		_ = c.server.Close()
	}
}

func (c *Callback) serve(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method != http.MethodGet:
		http.Error(w, "this page is only read", http.StatusMethodNotAllowed)
	case r.URL.EscapedPath() == c.path:
		c.serveRedirect(w, r)
	case r.URL.EscapedPath() == c.resultPath():
		c.serveResult(w, r)
	default:
		http.NotFound(w, r)
	}
}

// resultPath differs from the redirect's path, so that the code leaves the address
// bar and a reload repeats nothing.
func (c *Callback) resultPath() string {
	if c.path == "/" {
		return "/result"
	}
	return c.path + "/result"
}

func (c *Callback) serveRedirect(w http.ResponseWriter, r *http.Request) {
	redirect, err := ReadRedirect(r.URL.Query(), c.state)
	if errors.Is(err, ErrOtherAttempt) || errors.Is(err, ErrNoAnswer) {
		c.onForeign(err)
		Outcome{Title: "This is not the answer that is waited for",
			Text: "The program still waits: go on in the window that it opened, or open the address that it printed."}.write(w, http.StatusBadRequest)
		return
	}
	if !c.accepted.Swap(true) {
		c.redirects <- callbackResult{redirect, err}
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	http.Redirect(w, r, c.resultPath(), http.StatusSeeOther)
}

func (c *Callback) serveResult(w http.ResponseWriter, r *http.Request) {
	select {
	case <-c.finished:
	case <-r.Context().Done():
		return
	}
	status := http.StatusOK
	if !c.outcome.Good {
		status = http.StatusBadRequest
	}
	c.outcome.write(w, status)
	c.show.Do(func() { close(c.shown) })
}

//go:embed page.html
var pageHTML string

// Outcome is what the user's browser shows at the end. It holds no secret.
type Outcome struct {
	Good  bool
	Title string
	Text  string
}

// write sends the page, which loads nothing and is not cached.
func (o Outcome) write(w http.ResponseWriter, status int) {
	var page bytes.Buffer
	if err := template.Must(template.New("page").Parse(pageHTML)).Execute(&page, o); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	w.WriteHeader(status)
	_, _ = w.Write(page.Bytes()) // the browser may be gone
}
