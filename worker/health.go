package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"
)

// health serves /healthz (the process lives), /readyz (it takes work) and
// /metrics.
type health struct {
	isReady atomic.Bool
	server  *http.Server
}

// serve begins to serve at an address; an empty one serves nothing. A worker
// goes on without its health page, because tokens matter more.
func serve(address string, metrics http.Handler, log *slog.Logger) *health {
	h := &health{}
	if address == "" {
		return h
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "alive") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !h.isReady.Load() {
			http.Error(w, "not taking work", http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprintln(w, "ready")
	})
	mux.Handle("GET /metrics", metrics)
	h.server = &http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		if err := h.server.ListenAndServe(); err != http.ErrServerClosed {
			log.Error("cannot serve health and metrics; set TOKENKEEPER_HTTP_ADDRESS to a free address, or to off", "address", address, "error", err)
		}
	}()
	return h
}

func (h *health) ready(yes bool) { h.isReady.Store(yes) }

func (h *health) close() {
	if h.server != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = h.server.Shutdown(ctx)
	}
}
