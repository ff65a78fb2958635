package authserver

import (
	"strings"
	"time"

	"tokenkeeper/internal/token"
)

// defaultScope is what a grant without a browser covers.
const defaultScope = "activity heartrate profile sleep"

// scopeOfGrant is that, in the provider's way, with what entitles to a refresh
// token.
func (s *Server) scopeOfGrant() string {
	scope := strings.ReplaceAll(defaultScope, " ", s.options.Provider.wire.scopeSeparator())
	if offline := s.options.Provider.OfflineScope; offline != "" {
		scope += s.options.Provider.wire.scopeSeparator() + offline
	}
	return scope
}

// Audit is the state of a user's grant.
type Audit struct {
	User string `json:"user"`
	// Live is the refresh token in force, never presented so far; empty when
	// the user has no grant, or it has ended.
	Live token.Fingerprint `json:"live,omitempty"`
	// Generation of the live token: rotations since the consent.
	Generation int       `json:"generation"`
	IssuedAt   time.Time `json:"issued_at,omitzero"`
}

// Alive reports whether anyone could still refresh, if they had the token.
func (a Audit) Alive() bool { return a.Live != "" }

// CreateGrant has the user consent without a browser and returns the first
// pair. A grant that the user had before ends.
func (s *Server) CreateGrant(user string) (refreshToken, accessToken string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pair := s.book.Consent(user, s.scopeOfGrant(), s.options.Now())
	return pair.RefreshToken.Reveal(), pair.AccessToken.Reveal()
}

// Audit tells the state of the user's grant.
func (s *Server) Audit(user string) Audit {
	s.mu.Lock()
	defer s.mu.Unlock()
	pair, ok := s.book.Live(user)
	if !ok {
		return Audit{User: user}
	}
	return Audit{User: user, Live: pair.RefreshToken.Fingerprint(), Generation: pair.Generation, IssuedAt: pair.IssuedAt}
}

// IsLive reports whether the refresh token is in force.
func (s *Server) IsLive(refreshToken string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.book.IsLive(token.NewSecret(refreshToken), s.options.Now())
}

// Replayable reports whether the refresh token is spent and presenting it now
// would still be answered with the pair that was issued for it.
func (s *Server) Replayable(refreshToken string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.book.Replayable(token.NewSecret(refreshToken), s.options.Now())
}

// Stats tells what has been counted so far.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.journal.stats()
}

// Events lists the refresh tokens presented for the user, oldest first; those
// of everybody when user is empty.
func (s *Server) Events(user string) []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.journal.of(user)
}

// Inject adds a fault behind those that are still to come. It fails on a fault
// that makes no sense.
func (s *Server) Inject(f Fault) error {
	if err := f.check(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script.add(f)
	return nil
}

// ClearFaults drops all faults that are still to come. Requests that are
// delayed or held already stay so.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script.clear()
}

// Retire makes every endpoint answer 410 Gone from now on, as Fitbit's do after
// their end.
func (s *Server) Retire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retired = true
}
