package keyvault

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
)

// The bounds of an answer, the vault's as well as that of a token's issuer. A page of 25
// versions with all the tags that Key Vault permits has some 200 kB.
const (
	maxHeaders = 64 << 10
	maxBody    = 1 << 20
	// maxConnections is more than a worker's activities by default: it bounds a vault
	// that answers nothing, and delays no call to one that answers.
	maxConnections = 256
)

// transport makes the requests to the vault or to what issues its tokens, and bounds
// their answers.
type transport struct {
	client *http.Client
	// host is the only one that is called; empty for any. A listing's link to its next
	// page is data of the answer, and the vault's token goes with it.
	host string
}

// newTransport trusts the given authorities; nil means the system's. It calls one host,
// with any port, or where that is empty any host.
func newTransport(host string, roots *x509.CertPool) transport {
	return transport{host: host, client: &http.Client{
		// A followed redirect sends the secret to another host, to plain http too, and
		// turns a write that gets a 301 into a read that succeeds.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: tryTimeout, KeepAlive: 30 * time.Second}).DialContext,
			ForceAttemptHTTP2:      true,
			MaxConnsPerHost:        maxConnections,
			MaxIdleConnsPerHost:    10,
			IdleConnTimeout:        90 * time.Second,
			TLSHandshakeTimeout:    tryTimeout,
			ExpectContinueTimeout:  time.Second,
			MaxResponseHeaderBytes: maxHeaders,
			TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			// Finds a connection that went silent, as azcore's own transport does.
			HTTP2: &http.HTTP2Config{SendPingTimeout: 10 * time.Second, PingTimeout: 5 * time.Second},
		},
	}}
}

// Do implements azcore's policy.Transporter.
func (t transport) Do(r *http.Request) (*http.Response, error) {
	if t.host != "" && !strings.EqualFold(r.URL.Hostname(), t.host) {
		return nil, &outOfBoundsError{"a link to another host"}
	}
	r, err := withOwnBody(r)
	if err != nil {
		return nil, err
	}
	answer, err := t.client.Do(r)
	if err != nil {
		return nil, headerFlood(err)
	}
	answer.Body = &boundedBody{answer.Body, maxBody}
	return answer, nil
}

// withOwnBody gives a request a copy of its body. azcore has one reader for all tries and
// for GetBody, and rewinds it under a connection that still writes: net/http returns an
// answer that came before the whole body went out, such as a gateway's refusal.
func withOwnBody(r *http.Request) (*http.Request, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return r, nil
	}
	content, err := io.ReadAll(r.Body)
	if err = errors.Join(err, r.Body.Close()); err != nil {
		return nil, fmt.Errorf("read the request's body: %w", err)
	}
	own := r.WithContext(r.Context())
	own.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }
	own.Body, _ = own.GetBody()
	return own, nil
}

// headerFlood turns the errors of HTTP/1 and HTTP/2 for headers beyond the bound, which
// have no types in net/http, into one. HTTP/2 ends the connection from twice the bound on.
func headerFlood(err error) error {
	for _, words := range []string{"response headers exceeded", "response header list larger"} {
		if strings.Contains(err.Error(), words) {
			return &outOfBoundsError{fmt.Sprintf("more than %d KiB of headers", maxHeaders>>10)}
		}
	}
	if strings.Contains(err.Error(), "connection error: PROTOCOL_ERROR") {
		return &outOfBoundsError{"what breaks HTTP/2, such as far too many headers"}
	}
	return err
}

// boundedBody fails where a body goes on after left more bytes.
type boundedBody struct {
	io.ReadCloser
	left int
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if len(p) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= n; b.left < 0 {
		return 0, &outOfBoundsError{fmt.Sprintf("a body of more than %d MiB", maxBody>>20)}
	}
	return n, err
}

// outOfBoundsError is an answer beyond the bounds. It is not asked for again at once.
type outOfBoundsError struct{ what string }

func (e *outOfBoundsError) Error() string { return "an answer with " + e.what }

// NonRetriable is azcore's mark.
func (*outOfBoundsError) NonRetriable() {}

// isNoDescriptor reports that this process or machine may open no more files. The
// resolver passes it on as text alone.
func isNoDescriptor(err error) bool {
	var dns *net.DNSError
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) ||
		errors.As(err, &dns) && strings.Contains(dns.Err, syscall.EMFILE.Error())
}
