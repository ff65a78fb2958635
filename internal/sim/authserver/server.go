// Package authserver stands in for OAuth 2.0 providers: their wire protocol,
// their rotation rules and their faults, over plain http. A [Provider] says which
// provider; without one it is Fitbit.
//
// [Start] gives a [Server] with, where Fitbit has them,
//
//	GET  /oauth2/authorize       consent page; posting its form consents
//	POST /oauth2/token           authorization_code and refresh_token
//	POST /oauth2/revoke          ends all of the user's tokens
//	POST /1.1/oauth2/introspect  state of an access token
//	GET  /1/user/-/profile.json  a protected resource
//	     /_sim/...               control, see [Control]
//
// A test makes a grant with [Server.CreateGrant], scripts faults with
// [Server.Inject], and asks afterwards what became of the grant with
// [Server.Audit], [Server.Stats] and [Server.Events]. [Control] does the same
// to a server in another process. The rotation rules live in package grant.
//
// Answers are shaped after each provider's reference. Like the real ones, error messages echo tokens and the Authorization header:
// whoever copies a body into a log has leaked a secret.
package authserver

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/token"
)

// Server is a running provider. Start makes one; its methods may be called from
// any goroutine.
type Server struct {
	options Options
	handler http.Handler
	done    chan struct{} // closed by Close: ends delays and holds

	// mu guards the provider's state. Every request takes effect under it, so
	// that requests are strictly one after another, as in a real token store.
	mu      sync.Mutex
	book    *grant.Store
	codes   *grant.Codes
	script  script
	journal journal
	quota   quota
	holds   map[*hold]struct{}
	retired bool

	// life guards the listening side.
	life    sync.Mutex
	address string
	serving *http.Server // nil while stopped
	closed  bool
}

// Start begins to serve. The caller closes the server.
func Start(o Options) (*Server, error) {
	o = o.withDefaults()
	newToken := func() token.Secret { return newToken(o.TokenPrefix) }
	s := &Server{
		options: o,
		done:    make(chan struct{}),
		address: o.Listen,
		book: grant.NewBook(grant.Rules{
			AccessTokenLifetime: o.AccessTokenLifetime,
			ReplayWindow:        o.ReplayWindow,
			ReuseRevokes:        o.ReuseRevokes,
			Rotation:            o.Provider.Rotation,
			KeepsAccess:         o.Provider.KeepsAccess,
		}, newToken),
		codes:   grant.NewCodes(newToken),
		journal: newJournal(),
		quota:   quota{},
		holds:   map[*hold]struct{}{},
	}
	s.handler = s.routes()
	if err := s.Resume(); err != nil {
		return nil, err
	}
	return s, nil
}

// URL is the server's base, such as http://127.0.0.1:41234, and stays the same
// through Stop and Resume.
func (s *Server) URL() string {
	s.life.Lock()
	defer s.life.Unlock()
	return "http://" + s.address
}

// Client is the registered application, with its secret.
func (s *Server) Client() Client { return s.options.Client }

// Imitates is the provider that the server stands in for.
func (s *Server) Imitates() Provider { return s.options.Provider }

// ReplayWindow is how long it repeats an answer; zero for never.
func (s *Server) ReplayWindow() time.Duration { return max(0, s.options.ReplayWindow) } // NoReplay is negative

// Stop cuts all connections and refuses new ones until Resume. Grants, faults
// and counts are kept; held requests are dropped.
func (s *Server) Stop() {
	s.life.Lock()
	defer s.life.Unlock()
	s.stop()
}

// Resume listens again on the same port. It does nothing while listening.
func (s *Server) Resume() error {
	s.life.Lock()
	defer s.life.Unlock()
	if s.closed {
		return errors.New("provider simulator: resume: it was closed; start a new one")
	}
	if s.serving != nil {
		return nil
	}
	listener, err := net.Listen("tcp", s.address)
	if err != nil {
		return fmt.Errorf("provider simulator: %w; choose another address or end what holds this one", err)
	}
	s.address = reachable(listener.Addr())
	s.serving = &http.Server{Handler: s.handler, ReadHeaderTimeout: 10 * time.Second}
	// Serve returns when stop closes the server, and then has nothing to say.
	go func(serving *http.Server) { _ = serving.Serve(listener) }(s.serving)
	return nil
}

// Close stops the server for good.
func (s *Server) Close() {
	s.life.Lock()
	defer s.life.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	close(s.done)
	s.stop()
}

func (s *Server) stop() {
	if s.serving != nil {
		_ = s.serving.Close() // fails only for a listener that is gone already
		s.serving = nil
	}
}

// reachable is where a client on this machine finds a listener: a listener on
// all interfaces is no address to call.
func reachable(address net.Addr) string {
	host, port, err := net.SplitHostPort(address.String())
	if err != nil {
		return address.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

func newToken(prefix string) token.Secret {
	var random [32]byte
	_, _ = rand.Read(random[:]) // crypto/rand.Read never fails (its documentation)
	return token.NewSecret(prefix + hex.EncodeToString(random[:]))
}
