package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

const (
	// Timeout bounds one request to a receiver, with its answer.
	Timeout = 15 * time.Second
	// maxAnswer bounds what is read of an answer, which only lets the connection be used
	// again; maxHeaders bounds its headers, in bytes.
	maxAnswer, maxHeaders = 4 << 10, 16 << 10
	// maxConnections bounds the connections to one receiver.
	maxConnections = 4
	// maxWait bounds what a receiver may ask to wait.
	maxWait = time.Hour
	// maxCause bounds why there was no answer, in characters.
	maxCause = 200
)

// ErrUnknownReceiver says that this program's file has no receiver of that name.
var ErrUnknownReceiver = errors.New("no receiver of that name")

// Error is an event that a receiver did not take. Its text names the receiver and its host
// alone: the rest of a URL may be a secret.
type Error struct {
	Receiver string
	Host     string
	Status   int           // 0 where there was no answer
	Gone     bool          // the receiver wants no more events (410)
	Wait     time.Duration // the least time until the next attempt; 0 where none is stated
	Cause    error         // why there was no answer
}

func (e *Error) Error() string {
	at := fmt.Sprintf("webhook: send to %s (%s): ", e.Receiver, e.Host)
	switch {
	case e.Cause != nil:
		return at + e.Cause.Error()
	case e.Gone:
		return at + "answers 410 Gone and wants no more events; take it out of TOKENKEEPER_WEBHOOKS"
	case e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden:
		return at + fmt.Sprintf("answers %d; see that its secret is the one that the receiver checks, and that both clocks are right", e.Status)
	case e.Status >= 300 && e.Status < 400:
		return at + fmt.Sprintf("answers %d and redirects, which is not followed; write the URL that it leads to", e.Status)
	}
	return at + fmt.Sprintf("answers %d; see that its URL is right and that it works", e.Status)
}

func (e *Error) Unwrap() error { return e.Cause }

// Sender sends events to receivers.
type Sender struct {
	receivers []Receiver
	source    string
	client    *http.Client
}

// New makes a sender for the workers or operators of a task queue.
func New(receivers []Receiver, taskQueue string) *Sender {
	transport := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    5 * time.Second,
		ResponseHeaderTimeout:  Timeout,
		MaxResponseHeaderBytes: maxHeaders,
		MaxConnsPerHost:        maxConnections,
		IdleConnTimeout:        30 * time.Second,
		DisableCompression:     true,
	}
	return &Sender{receivers, source(taskQueue), &http.Client{
		Transport: transport, Timeout: Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Names are the receivers' names.
func (s *Sender) Names() []string {
	var names []string
	for _, r := range s.receivers {
		names = append(names, r.Name)
	}
	return names
}

// Send sends an event to a receiver once. The error is an [*Error], or wraps
// [ErrUnknownReceiver].
func (s *Sender) Send(ctx context.Context, receiver string, e Event) error {
	i := slices.IndexFunc(s.receivers, func(r Receiver) bool { return r.Name == receiver })
	if i < 0 {
		return fmt.Errorf("webhook: send to %s: %w in TOKENKEEPER_WEBHOOKS", receiver, ErrUnknownReceiver)
	}
	r := s.receivers[i]
	failed := &Error{Receiver: r.Name, Host: r.host()}
	body, err := e.body(s.source)
	if err != nil {
		failed.Cause = fmt.Errorf("write the event: %w", err)
		return failed
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.URL.Reveal(), bytes.NewReader(body))
	if err != nil {
		failed.Cause = errors.New("its URL cannot be read")
		return failed
	}
	now := time.Now()
	request.Header.Set("Content-Type", ContentType)
	request.Header.Set("User-Agent", "token-keeper")
	if err := sign(request.Header, r.Secret, e.ID, now, body); err != nil {
		failed.Cause = err
		return failed
	}
	answer, err := s.client.Do(request)
	if err != nil {
		failed.Cause = withoutURL(err)
		return failed
	}
	defer func() { _ = answer.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, maxAnswer))
	if failed.Status = answer.StatusCode; failed.Status >= 200 && failed.Status < 300 {
		return nil
	}
	failed.Gone = failed.Status == http.StatusGone
	if failed.Status == http.StatusTooManyRequests || failed.Status == http.StatusServiceUnavailable {
		failed.Wait = retryAfter(answer.Header.Get("Retry-After"), now)
	}
	return failed
}

// withoutURL is why a request has failed, without its URL.
func withoutURL(err error) error {
	var wrapped *url.Error
	if !errors.As(err, &wrapped) {
		return err
	}
	if wrapped.Timeout() {
		return fmt.Errorf("no answer within %s", Timeout)
	}
	// What a receiver answers that is no HTTP stands in the error.
	text := strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return '?'
	}, wrapped.Err.Error())
	if r := []rune(text); len(r) > maxCause {
		text = string(r[:maxCause]) + "…"
	}
	return errors.New(text)
}

// retryAfter reads the header (RFC 9110, 10.2.3) and bounds it.
func retryAfter(header string, now time.Time) time.Duration {
	header = strings.TrimSpace(header)
	var wait time.Duration
	if seconds, err := strconv.ParseInt(header, 10, 32); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(header); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), maxWait)
}
