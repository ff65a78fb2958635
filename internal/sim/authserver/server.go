// Package authserver simulates OAuth 2.0 providers: their wire protocol, their
// rotation rules and their faults, over plain http. A [Provider] says which
// provider; the default is Fitbit.
//
// [Start] gives a [Server] with, where Fitbit has them,
//
//	GET  /oauth2/authorize       consent page; posting its form consents
//	POST /oauth2/token           authorization_code and refresh_token
//	POST /oauth2/revoke          ends all of the user's tokens
//	GET  /1/user/-/profile.json  a protected resource
//	     /_sim/...               control, see control.go
//
// A test makes a grant with [Server.CreateGrant], scripts faults with
// [Server.Inject], and reads the grant's state afterwards with [Server.Audit],
// [Server.Stats] and [Server.Events]. The rotation rules live in package grant.
//
// Answers have the shape of each provider's reference. Like the real ones, error
// messages repeat tokens and the Authorization header, so a body in a log is a leak.
package authserver

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/token"
)

// Defaults, as Fitbit documents them.
const (
	DefaultReplayWindow        = 2 * time.Minute
	DefaultAccessTokenLifetime = 8 * time.Hour
)

// NoReplay as [Options.ReplayWindow] makes a provider that never repeats a lost
// answer, such as WHOOP.
const NoReplay time.Duration = -1

// NoPause as [Options.RepeatPause] lets the same request be repeated at once, where the
// provider would refuse it.
const NoPause time.Duration = -1

// Options shape a [Server]. The zero value is Fitbit with a fake client.
type Options struct {
	// Listen is the address to serve plain http on. Default 127.0.0.1:0, a free
	// loopback port.
	Listen string
	// Provider is the one to simulate. Default [Fitbit].
	Provider Provider
	// Client is the one application that is registered. Default [DefaultClient].
	Client Client
	// ReplayWindow is how long an identical refresh repeats its answer. Zero
	// means the provider's; [NoReplay] turns it off.
	ReplayWindow time.Duration
	// AccessTokenLifetime, in whole seconds. Zero means the provider's.
	AccessTokenLifetime time.Duration
	// RepeatPause is [Provider.RepeatPause]. Zero means the provider's; [NoPause] turns
	// it off.
	RepeatPause time.Duration
	// RequestLimit is how many requests the token endpoint takes from the application in
	// any ten seconds; those beyond are answered 429 with a Retry-After. Zero: any number.
	RequestLimit int
	// ReuseRevokes ends a grant when one of its spent refresh tokens is
	// presented outside the replay window, also where the provider does not.
	ReuseRevokes bool
	// Rotating: the application has opted into rotation where the provider leaves that to
	// it (Salesforce). A spent token that comes again then ends the grant.
	Rotating bool
	// Portal is where the client is registered, one of [Provider.Portals]. Default the
	// provider's first one, whose endpoint is [Provider.TokenPath].
	Portal string
	// TokenPrefix begins every token and code, so that a test can search logs
	// and databases for them. Default "fake-".
	TokenPrefix string
	// Now is the provider's clock: windows and expiries go by it, delays do
	// not. Default time.Now. Called by one goroutine at a time.
	Now func() time.Time
}

// Client is an application registered at the provider.
type Client struct {
	ID string
	// Secret is empty for a public client ("client" or "personal" type), which
	// names itself in the body instead of by HTTP Basic.
	Secret token.Secret
	// RedirectURIs are compared character by character.
	RedirectURIs []string
}

// DefaultClient is a server application with well-known fake credentials.
func DefaultClient() Client {
	return Client{ID: "FAKE0C", Secret: token.NewSecret("fake-client-secret")}
}

// Server is a running provider. Start makes one; its methods may be called from
// any goroutine.
type Server struct {
	options Options
	done    chan struct{} // closed by Close: ends delays and pauses
	ahead   atomic.Int64  // nanoseconds that Advance has added to the clock

	// mu guards the provider's state. Every request takes effect under it, so
	// that requests are strictly one after another, as in a real token store.
	mu      sync.Mutex
	grants  *grant.Store
	codes   *grant.Codes
	script  script
	journal journal
	quota   quota
	repeats repeats
	taken   []time.Time // requests that count against Options.RequestLimit
	paused  map[*pausedRequest]struct{}
	retired bool

	url     string
	serving *http.Server
	closing sync.Once
}

// Start begins to serve. The caller closes the server.
func Start(o Options) (*Server, error) {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	newToken := func() token.Secret { return newToken(o.TokenPrefix) }
	s := &Server{
		options: o,
		done:    make(chan struct{}),
		grants: grant.NewStore(grant.Rules{
			AccessTokenLifetime: o.AccessTokenLifetime,
			ReplayWindow:        o.ReplayWindow,
			ReplayOutlastsUse:   o.Provider.ReplayOutlastsUse,
			ReplayIssues:        o.Provider.ReplayIssues,
			ReuseRevokes:        o.ReuseRevokes,
			SpentStaysGood:      o.Provider.SpentStaysGood,
			Rotation:            o.Provider.Rotation,
			KeepsAccess:         o.Provider.KeepsAccess,
			EndsAccess:          o.Provider.EndsAccess,
			Idle:                o.Provider.Idle,
			Life:                o.Provider.Life,
			GrantsPerUser:       o.Provider.GrantsPerUser,
			UnusedPairs:         o.Provider.UnusedPairs,
		}, newToken),
		codes:   grant.NewCodes(newToken),
		journal: newJournal(),
		quota:   quota{},
		repeats: repeats{},
		paused:  map[*pausedRequest]struct{}{},
	}
	listener, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return nil, fmt.Errorf("provider simulator: %w; choose another address or end what holds this one", err)
	}
	s.url = "http://" + reachable(listener.Addr())
	s.serving = &http.Server{Handler: s.routes(), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.serving.Serve(listener) }() // always "server closed"
	return s, nil
}

// Close ends the server and cuts all connections.
func (s *Server) Close() {
	s.closing.Do(func() {
		_ = s.serving.Close() // first, so that a paused request ends without an answer
		close(s.done)
	})
}

// URL is the server's base, such as http://127.0.0.1:41234.
func (s *Server) URL() string { return s.url }

// Client is the registered application, with its secret.
func (s *Server) Client() Client { return s.options.Client }

// Imitates is the provider that the server simulates.
func (s *Server) Imitates() Provider { return s.options.Provider }

// ReplayWindow is how long the server repeats an answer; zero for never.
func (s *Server) ReplayWindow() time.Duration { return max(0, s.options.ReplayWindow) } // NoReplay is negative

// RepeatPause is how long the server refuses to be asked the same again; zero for not
// at all.
func (s *Server) RepeatPause() time.Duration { return max(0, s.options.RepeatPause) } // NoPause is negative

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

// now is the provider's clock.
func (s *Server) now() time.Time { return s.options.Now().Add(time.Duration(s.ahead.Load())) }

// Advance moves the provider's clock on, so that a window or a life ends that is too long
// to wait for.
func (s *Server) Advance(by time.Duration) { s.ahead.Add(int64(by)) }

func newToken(prefix string) token.Secret {
	var random [32]byte
	_, _ = rand.Read(random[:]) // crypto/rand.Read never fails (its documentation)
	return token.NewSecret(prefix + hex.EncodeToString(random[:]))
}

func (o Options) withDefaults() Options {
	o.Listen = cmp.Or(o.Listen, "127.0.0.1:0")
	if o.Client.ID == "" {
		known := DefaultClient()
		o.Client.ID, o.Client.Secret = known.ID, known.Secret
	}
	if o.Provider.Name == "" {
		o.Provider = Fitbit()
	}
	if o.Rotating && o.Provider.OptsIn {
		o.Provider.Rotation, o.Provider.ReuseRevokes = grant.Always, true
	}
	o.ReplayWindow = cmp.Or(o.ReplayWindow, o.Provider.ReplayWindow)
	o.RepeatPause = cmp.Or(o.RepeatPause, o.Provider.RepeatPause)
	o.AccessTokenLifetime = cmp.Or(o.AccessTokenLifetime, o.Provider.AccessTokenLifetime)
	o.ReuseRevokes = o.ReuseRevokes || o.Provider.ReuseRevokes
	o.TokenPrefix = cmp.Or(o.TokenPrefix, "fake-")
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// check fails on options that the provider does not have.
func (o Options) check() error {
	if _, known := o.Provider.Portals[o.Portal]; o.Portal != "" && !known {
		return fmt.Errorf("provider simulator: %s has no portal %q; it has %v", o.Provider.Name, o.Portal, slices.Sorted(maps.Keys(o.Provider.Portals)))
	}
	if o.Rotating && !o.Provider.OptsIn {
		return fmt.Errorf("provider simulator: no application of %s chooses whether its refresh tokens rotate", o.Provider.Name)
	}
	return nil
}
