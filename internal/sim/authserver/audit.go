package authserver

import (
	"maps"
	"strings"
	"time"

	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/token"
)

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

// Alive reports whether the grant has a live refresh token.
func (a Audit) Alive() bool { return a.Live != "" }

// Event is one refresh token presented at the token endpoint.
type Event struct {
	Time time.Time `json:"time"`
	// User is empty when the token was never issued.
	User      string            `json:"user,omitempty"`
	Outcome   grant.Outcome     `json:"outcome"`
	Presented token.Fingerprint `json:"presented"`
	// Issued is the refresh token of the answer; empty when it was refused.
	Issued token.Fingerprint `json:"issued,omitempty"`
	// Generation of the issued token: rotations since the consent.
	Generation int `json:"generation,omitempty"`
	// Lost: a fault sent something else in place of the answer.
	Lost bool `json:"lost,omitempty"`
	// Sent is when the answer, or what a fault put in its place, went out; zero as long
	// as it has not, and where the connection was reset.
	Sent time.Time `json:"sent,omitzero"`
}

// Counts are since the start.
type Counts struct {
	// Refreshes that issued something, whether or not the answer arrived.
	Refreshes int `json:"refreshes"`
	// Replays are answers given once more.
	Replays int `json:"replays"`
	// Reuses are spent tokens refused.
	Reuses int `json:"reuses"`
	// Refusals are tokens refused for another reason: never issued, or of a
	// grant that has ended.
	Refusals int `json:"refusals"`
	// Limited are requests beyond [Options.RequestLimit]; they count for no user.
	Limited int `json:"limited"`
	// Calls that arrived, by endpoint, answered or not.
	Calls map[Endpoint]int `json:"calls"`
}

// Stats are the counts of all calls, and by user of those that named one.
type Stats struct {
	Total Counts            `json:"total"`
	Users map[string]Counts `json:"users"`
}

// CreateGrant has the user consent without a browser and returns the first
// pair. It ends the user's oldest grant where the provider keeps no more of them.
func (s *Server) CreateGrant(user string) (refreshToken, accessToken string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pair := s.grants.Consent(user, s.scopeOfGrant(), s.now())
	return pair.RefreshToken.Reveal(), pair.AccessToken.Reveal()
}

// defaultScope is what a grant without a browser covers.
const defaultScope = "activity heartrate profile sleep"

// scopeOfGrant is defaultScope as the provider writes it, with the scope that
// entitles to a refresh token.
func (s *Server) scopeOfGrant() string {
	scope := strings.ReplaceAll(defaultScope, " ", s.options.Provider.wire.scopeSeparator())
	if offline := s.options.Provider.OfflineScope; offline != "" {
		scope += s.options.Provider.wire.scopeSeparator() + offline
	}
	return scope
}

// EndGrants ends all grants of the user, as an account's owner does on the provider's own
// page.
func (s *Server) EndGrants(user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.grants.EndGrants(user)
}

// Audit returns the state of the user's grant.
func (s *Server) Audit(user string) Audit {
	s.mu.Lock()
	defer s.mu.Unlock()
	pair, ok := s.grants.Live(user)
	if !ok || !s.grants.IsLive(pair.RefreshToken, s.now()) {
		return Audit{User: user}
	}
	return Audit{User: user, Live: pair.RefreshToken.Fingerprint(), Generation: pair.Generation, IssuedAt: pair.IssuedAt}
}

// IsLive reports whether the refresh token is in force.
func (s *Server) IsLive(refreshToken string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.grants.IsLive(token.NewSecret(refreshToken), s.now())
}

// Replayable reports whether the refresh token is spent and presenting it now
// would still be answered with the pair that was issued for it.
func (s *Server) Replayable(refreshToken string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.grants.Replayable(token.NewSecret(refreshToken), s.now())
}

// Stats returns the counts since the start.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.journal.stats()
}

// Events lists the refresh tokens presented for the user, oldest first; those
// of all users when user is empty.
func (s *Server) Events(user string) []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.journal.eventsOf(user)
}

type journal struct {
	events []Event
	total  *Counts
	users  map[string]*Counts
}

func newJournal() journal {
	return journal{total: newCounts(), users: map[string]*Counts{}}
}

func newCounts() *Counts { return &Counts{Calls: map[Endpoint]int{}} }

func (j *journal) addCall(e Endpoint, user string) {
	for _, c := range j.countsOf(user) {
		c.Calls[e]++
	}
}

func (j *journal) addRefresh(e Event) {
	j.events = append(j.events, e)
	for _, c := range j.countsOf(e.User) {
		switch e.Outcome {
		case grant.Rotated, grant.Renewed:
			c.Refreshes++
		case grant.Replayed, grant.Unchanged:
			c.Replays++
		case grant.Reused:
			c.Reuses++
		default:
			c.Refusals++
		}
	}
}

// countsOf are the counts that a call about the user adds to.
func (j *journal) countsOf(user string) []*Counts {
	if user == "" {
		return []*Counts{j.total}
	}
	if j.users[user] == nil {
		j.users[user] = newCounts()
	}
	return []*Counts{j.total, j.users[user]}
}

func (j *journal) stats() Stats {
	stats := Stats{Total: j.total.clone(), Users: map[string]Counts{}}
	for user, c := range j.users {
		stats.Users[user] = c.clone()
	}
	return stats
}

func (j *journal) eventsOf(user string) []Event {
	events := []Event{}
	for _, e := range j.events {
		if user == "" || user == e.User {
			events = append(events, e)
		}
	}
	return events
}

func (c *Counts) clone() Counts {
	copied := *c
	copied.Calls = maps.Clone(c.Calls)
	return copied
}
