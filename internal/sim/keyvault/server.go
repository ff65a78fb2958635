// Package keyvault stands in for Azure Key Vault's secrets API: the part of the
// data plane that the project uses, over HTTPS, with the real one's challenge,
// versions, paging, soft delete and error bodies, and with faults on demand.
//
// [Start] runs one. It trusts any bearer token, proves itself with a certificate
// of its own ([Server.CertificatePEM]), and keeps its content in memory or in
// [Options.DataFile], so that the process can be killed and started again.
//
// Tests reach behind the API in three ways: [Server.Inject] makes calls fail,
// [Server.Versions] and [Server.Put] read and write as a person with the portal
// does, and [Server.Counts] tells what was asked. The same is served as JSON
// below /_sim/, without authentication, for when the stand-in is a process of its
// own.
//
// Behaviour follows "Azure Key Vault REST API reference: Secrets", "Azure Key
// Vault soft-delete overview", "Azure Key Vault service limits", the sessions
// with the real service that the Azure SDKs' own tests recorded, and the error
// bodies that its users posted.
package keyvault

import (
	"fmt"
	"net"
	"sync"
	"time"
)

// Options says where a stand-in listens and how much of the real vault's
// sluggishness it has. The zero value is a vault in memory on a free port.
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
	// before the vault answers 429; 0 means no limit. The real vault's is 300
	// ("Azure Key Vault service limits").
	CreationLimit int
	// DeletionDelay is how long a secret is being deleted: gone for readers, not
	// among the deleted yet, and neither writable nor recoverable. The real
	// vault takes seconds up to half a minute; 0 means no time.
	DeletionDelay time.Duration
	// RecoveryDelay is how long a recovered secret stays unreadable; it stays
	// unwritable for as long again, as with the real vault. 0 means 300 ms.
	RecoveryDelay time.Duration
}

const defaultRecoveryDelay = 300 * time.Millisecond

// Server is a running stand-in. Its methods may be called from any goroutine.
type Server struct {
	store    *store
	faults   faults
	counter  counter
	identity identity
	url      string
	address  string

	mu      sync.Mutex
	serving *serving // nil while stopped
}

// Start runs a stand-in until Close.
func Start(o Options) (*Server, error) {
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.RecoveryDelay == 0 {
		o.RecoveryDelay = defaultRecoveryDelay
	}
	st, err := openStore(o)
	if err != nil {
		return nil, err
	}
	s := &Server{store: st, identity: st.identity}
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
func (s *Server) CertificatePEM() []byte { return s.identity.certificatePEM }

// Stop closes the listener and every connection, so that clients are refused.
// Calls that were held back before their commit are dropped.
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
	certificate, err := s.identity.tls()
	if err != nil {
		_ = listener.Close()
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serving = startServing(s, listener, certificate)
	return nil
}

// reachable turns "every interface" into a name that the certificate covers.
func reachable(address net.Addr) string {
	if tcp, ok := address.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return fmt.Sprintf("localhost:%d", tcp.Port)
	}
	return address.String()
}
