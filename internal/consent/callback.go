package consent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// DefaultRedirectURL is on this machine (RFC 8252 section 7.3). Its port is fixed
// because most providers compare redirect URLs as a whole, and its host is the
// name because some take no address.
const DefaultRedirectURL = "http://localhost:8976/callback"

// Callback waits on this machine for the person's browser to come back. It
// answers one redirect of the right state, and shows what came of it.
type Callback struct {
	// RedirectURI is what the provider is to be told.
	RedirectURI string

	state    string
	path     string
	serving  *http.Server
	came     chan CallbackResult
	once     sync.Once
	finished chan struct{}
	finish   sync.Once
	outcome  Outcome
	shown    chan struct{}
	show     sync.Once
	strange  func(error)
}

// CallbackResult is how the provider sent the browser back.
type CallbackResult struct {
	Redirect
	Err error
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

// Listen waits at a redirect URL that IsLoopback; port 0 means a free port.
// strange is told of redirects that do not belong to this state, which change
// nothing.
func Listen(redirectURL, state string, strange func(error)) (*Callback, error) {
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
		RedirectURI: u.String(), state: state, path: u.EscapedPath(), strange: strange,
		came: make(chan CallbackResult, 1), finished: make(chan struct{}), shown: make(chan struct{}),
	}
	if c.path == "" {
		c.path = "/"
	}
	c.serving = &http.Server{Handler: http.HandlerFunc(c.serve), ReadHeaderTimeout: 10 * time.Second}
	for _, l := range listeners {
		// Serve returns when Close ends it, and then has nothing to say.
		go func() { _ = c.serving.Serve(l) }()
	}
	return c, nil
}

// listen listens on loopback only. The name stands for both families: which one
// a browser tries first is its own affair.
func listen(host, port string) ([]net.Listener, string, error) {
	if host != "localhost" {
		l, err := net.Listen("tcp", net.JoinHostPort(host, port))
		if err != nil {
			return nil, "", inUse(port, err)
		}
		return []net.Listener{l}, portOf(l), nil
	}
	first, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return nil, "", inUse(port, err)
	}
	port = portOf(first)
	if second, err := net.Listen("tcp6", net.JoinHostPort("::1", port)); err == nil {
		return []net.Listener{first, second}, port, nil
	}
	return []net.Listener{first}, port, nil // a machine without IPv6
}

func portOf(l net.Listener) string {
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

func inUse(port string, err error) error {
	return fmt.Errorf("cannot wait for the browser on port %s (%w); end what uses the port, name another of the app's redirect URLs with --redirect-url, or use --no-browser", port, err)
}

// Wait returns the redirect, when it has come.
func (c *Callback) Wait(ctx context.Context) (Redirect, error) {
	select {
	case r := <-c.came:
		return r.Redirect, r.Err
	case <-ctx.Done():
		return Redirect{}, context.Cause(ctx)
	}
}

// Finish shows the person how it ended. Only the first call counts.
func (c *Callback) Finish(o Outcome) {
	c.finish.Do(func() {
		c.outcome = o
		close(c.finished)
	})
}

// patience is how long Close waits for a browser that came back to read the end.
const patience = 3 * time.Second

// Close stops listening, once a browser that came back has seen the result.
func (c *Callback) Close() {
	c.Finish(Outcome{Title: "Nothing was stored", Text: "The program that asked for your consent has ended. Start it again to go on."})
	came := true
	c.once.Do(func() { came = false })
	if came {
		select {
		case <-c.shown:
		case <-time.After(patience):
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := c.serving.Shutdown(ctx); err != nil {
		_ = c.serving.Close()
	}
}

func (c *Callback) serve(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method != http.MethodGet:
		http.Error(w, "this page is only read", http.StatusMethodNotAllowed)
	case r.URL.EscapedPath() == c.path:
		c.back(w, r)
	case r.URL.EscapedPath() == c.resultPath():
		c.result(w, r)
	default:
		http.NotFound(w, r)
	}
}

// resultPath is apart from the callback's, so that the code leaves the address
// bar and a reload asks for nothing twice.
func (c *Callback) resultPath() string {
	if c.path == "/" {
		return "/result"
	}
	return c.path + "/result"
}

func (c *Callback) back(w http.ResponseWriter, r *http.Request) {
	redirect, err := ReadRedirect(r.URL.Query(), c.state)
	if errors.Is(err, ErrOtherAttempt) || errors.Is(err, ErrNoAnswer) {
		c.strange(err)
		Outcome{Title: "This is not the answer that is waited for",
			Text: "The program still waits: go on in the window that it opened, or open the address that it printed."}.write(w, http.StatusBadRequest)
		return
	}
	c.once.Do(func() { c.came <- CallbackResult{redirect, err} })
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	http.Redirect(w, r, c.resultPath(), http.StatusSeeOther)
}

func (c *Callback) result(w http.ResponseWriter, r *http.Request) {
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
