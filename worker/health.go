package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// health serves /healthz (the process lives), /readyz (it takes work) and
// /metrics.
type health struct {
	ready  atomic.Bool
	server *http.Server // nil for none
}

// serveHealth listens on an address; an empty one means no server. An address that
// is taken is logged and the worker goes on, because refreshes matter more.
func serveHealth(address string, metrics http.Handler, log *slog.Logger) *health {
	h := &health{}
	if address == "" {
		return h
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "alive") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !h.ready.Load() {
			http.Error(w, "not taking work", http.StatusServiceUnavailable)
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

func (h *health) setReady(ready bool) { h.ready.Store(ready) }

func (h *health) close() {
	if h.server != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = h.server.Shutdown(ctx)
	}
}

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
		return fmt.Errorf("the worker at %s lives and takes no work (%s); its log says what it waits for", address, answer.Status)
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
