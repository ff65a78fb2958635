// Package keyvault simulates Azure Key Vault's secrets API: the part of the data
// plane that the project uses, over HTTPS, with the real one's challenge, versions,
// paging, soft delete and error bodies, and with faults on demand.
//
// [Start] runs one. It accepts any bearer token, presents a certificate of its own
// ([Server.CertificatePEM]), and keeps its content in memory or in
// [Options.DataFile], so that the process can be killed and started again.
//
// Tests reach behind the API in three ways: [Server.Inject] makes calls fail,
// [Server.Versions] and [Server.Put] read and write as an operator does in the
// portal, and [Server.Counts] counts the calls. The same is served as JSON below
// /_sim/, without authentication, for a simulator that is a process of its own.
//
// Behaviour follows "Azure Key Vault REST API reference: Secrets", "Azure Key
// Vault soft-delete overview", "Azure Key Vault service limits", the sessions
// with the real service that the Azure SDKs' own tests recorded, and the error
// bodies that its users posted.
package keyvault

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// Options say where a simulator listens and how slow it is where the real vault is
// slow. The zero value is a vault in memory on a free port.
type Options struct {
	// Listen is the address to listen on; empty means 127.0.0.1 and a free port.
	Listen string
	// DNSNames are further names that the certificate is good for, besides
	// localhost, 127.0.0.1 and ::1.
	DNSNames []string
	// DataFile keeps content and certificate across restarts; empty keeps
	// everything in memory. It holds secrets in the clear.
	DataFile string
	// CreationLimit is how many versions may be created in any ten seconds
	// before the vault answers 429, and CallLimit how many other calls; 0 means no
	// limit. The real vault's are [Creations] and [OtherCalls].
	CreationLimit, CallLimit int
	// DeletionDelay is how long a secret is being deleted: hidden from readers, not
	// among the deleted yet, and neither writable nor recoverable. The real
	// vault takes up to half a minute; 0 means no time.
	DeletionDelay time.Duration
	// RecoveryDelay is how long a recovered secret stays unreadable; it stays
	// unwritable for as long again, as with the real vault. 0 means 300 ms.
	RecoveryDelay time.Duration
	// Now is the vault's clock: these two delays and the limits go by it,
	// faults' delays do not. Default time.Now.
	Now func() time.Time
}

// DefaultRecoveryDelay is the recovery delay where Options have none.
const DefaultRecoveryDelay = 300 * time.Millisecond

// Server is a running simulator. Its methods may be called from any goroutine.
type Server struct {
	store   *store
	faults  faults
	counter *counter
	url     string
	address string
	backups sync.Map // of the control endpoint: name -> Backup

	mu      sync.Mutex
	serving *serving // nil while stopped
}

// Start runs a simulator until Close.
func Start(o Options) (*Server, error) {
	o.Listen = cmp.Or(o.Listen, "127.0.0.1:0")
	o.RecoveryDelay = cmp.Or(o.RecoveryDelay, DefaultRecoveryDelay)
	if o.Now == nil {
		o.Now = time.Now
	}
	st, err := openStore(o)
	if err != nil {
		return nil, err
	}
	s := &Server{store: st, counter: newCounter()}
	listener, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return nil, fmt.Errorf("simulated vault: %w", err)
	}
	s.address = listener.Addr().String()
	s.url = "https://" + reachable(listener.Addr())
	if err := s.serve(listener); err != nil {
		return nil, err
	}
	return s, nil
}

// URL is what a client on this machine puts into KEY_VAULT_URL.
func (s *Server) URL() string { return s.url }

// CertificatePEM is the certificate that clients must trust.
func (s *Server) CertificatePEM() []byte { return s.store.identity.certificatePEM }

// Stop closes the listener and every connection, so that clients are refused.
// Calls that a fault delays before their effect are dropped.
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.serving == nil {
		return
	}
	s.serving.stop()
	s.serving = nil
}

// Resume listens again on the same address after Stop, with the same content.
func (s *Server) Resume() error {
	listener, err := net.Listen("tcp", s.address)
	if err != nil {
		return fmt.Errorf("simulated vault: %w", err)
	}
	return s.serve(listener)
}

// Close stops the server for good.
func (s *Server) Close() { s.Stop() }

func (s *Server) serve(listener net.Listener) error {
	certificate, err := s.store.identity.tls()
	if err != nil {
		_ = listener.Close()
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serving = startServing(s, listener, certificate)
	return nil
}

// reachable replaces "every interface" by a name that the certificate covers.
func reachable(address net.Addr) string {
	if tcp, ok := address.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return fmt.Sprintf("localhost:%d", tcp.Port)
	}
	return address.String()
}

// serving is the time from Start or Resume to Stop.
type serving struct {
	server   *Server
	http     *http.Server
	listener net.Listener
	stopping chan struct{}
	done     chan struct{}
	// Calls lock gate for reading, and stop locks it for good, so that nothing
	// changes the content once Stop has returned.
	gate sync.RWMutex
}

func startServing(s *Server, listener net.Listener, certificate tls.Certificate) *serving {
	run := &serving{server: s, listener: listener, stopping: make(chan struct{}), done: make(chan struct{})}
	// HTTP/1.1 only: a connection that is cut must carry one call alone.
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

// delay reports false when the server stopped meanwhile. It does not end when the
// client has left.
func (run *serving) delay(d time.Duration) bool {
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
