package keyvault

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// serving is one stretch between Start or Resume and Stop.
type serving struct {
	server   *Server
	http     *http.Server
	listener net.Listener
	stopping chan struct{}
	done     chan struct{}
	// Calls hold gate for reading; stop takes it for good, so that nothing
	// changes the content once Stop has returned.
	gate sync.RWMutex
}

func startServing(s *Server, listener net.Listener, certificate tls.Certificate) *serving {
	run := &serving{server: s, listener: listener, stopping: make(chan struct{}), done: make(chan struct{})}
	// HTTP/1.1 only: cutting a connection needs to have it to oneself.
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	run.http = &http.Server{
		Handler:           run.gated(run.routes()),
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
		Protocols:         protocols,
		ReadHeaderTimeout: 10 * time.Second,
		// Clients that do not trust the certificate are part of the tests.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	go func() {
		defer close(run.done)
		_ = run.http.ServeTLS(listener, "", "") // always "server closed"
	}()
	return run
}

func (run *serving) stop() {
	close(run.stopping)
	_ = run.listener.Close() // the server may not have taken it over yet
	_ = run.http.Close()
	<-run.done
	run.gate.Lock()
}

func (run *serving) gated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !run.gate.TryRLock() {
			cut(w)
			return
		}
		defer run.gate.RUnlock()
		next.ServeHTTP(w, r)
	})
}

// pause reports false when the server stopped meanwhile. That the client has
// left does not end it.
func (run *serving) pause(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	select {
	case <-time.After(d):
		return true
	case <-run.stopping:
		return false
	}
}

// cut resets the connection, so that the client reads neither an answer nor a
// proper end.
func cut(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if wrapped, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = wrapped.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
