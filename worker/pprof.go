package main

import (
	"log/slog"
	"net/http"
	"net/http/pprof"
	"time"
)

// servePprof serves Go's profiles on a loopback address until close is called; an
// empty address means nowhere. The configuration refuses any other address: a profile
// names accounts' goroutines and costs CPU, and no token is in one. An address that is
// taken is logged and the worker goes on.
func servePprof(address string, log *slog.Logger) (close func()) {
	if address == "" {
		return func() {}
	}
	mux := http.NewServeMux() // the default one, on which pprof registers itself, is served nowhere
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	// No write time-out: a CPU profile is sent after as many seconds as it was asked for.
	server := &http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: 5 * time.Second, MaxHeaderBytes: maxHealthHeader}
	go func() {
		if err := server.ListenAndServe(); err != http.ErrServerClosed {
			log.Error("cannot serve profiles; set TOKENKEEPER_PPROF to a free address, or remove it", "address", address, "error", err)
		}
	}()
	log.Info("serving profiles on this machine", "address", address)
	return func() { _ = server.Close() }
}
