package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// health serves /healthz (the process lives), /readyz (it takes work, and Temporal answers
// it) and /metrics.
type health struct {
	record func(ctx context.Context, ready bool)
	server *http.Server // nil for none

	mu       sync.Mutex
	accepts  string // why this worker takes no work; empty where it does
	temporal string // why Temporal is away; empty where it answers
}

// The reasons why a worker takes no work by itself.
const (
	notStarted = "it has not begun to work; its log says what it waits for"
	stopping   = "it is told to stop"
)

// serveHealth listens on an address; an empty one means no server. An address that
// is taken is logged and the worker goes on, because refreshes matter more. Record is told
// whenever readiness may have changed.
func serveHealth(address string, metrics http.Handler, record func(ctx context.Context, ready bool), log *slog.Logger) *health {
	h := &health{record: record}
	h.setAccepting(notStarted)
	if address == "" {
		return h
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "alive") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if reason := h.notReady(); reason != "" {
			http.Error(w, "not ready: "+reason, http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprintln(w, "ready")
	})
	mux.Handle("GET /metrics", metrics)
	h.server = boundedServer(mux, log)
	go func() {
		err := listenAndServe(h.server, address)
		if err != http.ErrServerClosed {
			log.Error("cannot serve health and metrics; set TOKENKEEPER_HTTP_ADDRESS to a free address, or to off", "address", address, "error", err)
		}
	}()
	return h
}

// setAccepting takes the reason why this worker takes no work, empty where it does.
func (h *health) setAccepting(reason string) { h.set(&h.accepts, reason) }

// setTemporal takes the reason why Temporal is away, empty where it answers.
func (h *health) setTemporal(reason string) { h.set(&h.temporal, reason) }

func (h *health) set(field *string, reason string) {
	h.mu.Lock()
	*field = reason
	h.mu.Unlock()
	h.record(context.Background(), h.notReady() == "")
}

// notReady is why this worker is not ready; empty where it is.
func (h *health) notReady() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return cmp.Or(h.accepts, h.temporal)
}

func (h *health) close() {
	if h.server != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = h.server.Shutdown(ctx)
	}
}

// longestReason bounds what is shown of an answer, which may be another program's.
const longestReason = 1000

// healthcheck asks the worker that serves its health at an address, of this machine
// or container, whether it takes work. Containers run it as their health check,
// because the image has no shell and no other program.
func healthcheck(ctx context.Context, address string) error {
	if address == "" {
		return errors.New("TOKENKEEPER_HTTP_ADDRESS is off, so a worker cannot be asked; set it to an address, or do without the health check")
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+localAddress(address)+"/readyz", nil)
	if err != nil {
		return fmt.Errorf("ask at %s: %w", address, err)
	}
	direct := &http.Client{Transport: &http.Transport{MaxResponseHeaderBytes: maxHealthHeader}} // without a proxy
	answer, err := direct.Do(request)
	if err != nil {
		return fmt.Errorf("no worker answers: %w; see its log", err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(io.LimitReader(answer.Body, longestReason))
		reason, _, _ := strings.Cut(string(said), "\n")
		return fmt.Errorf("the worker at %s lives and is not ready (%s): %s", address, answer.Status, strings.TrimPrefix(reason, "not ready: "))
	}
	return nil
}

// localAddress is where a listener on an address is reached from the same machine.
func localAddress(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}
