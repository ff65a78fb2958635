// Package grant is the provider's side of OAuth 2.0 without its HTTP: which users
// have consented, which tokens are in force, and what happens when one is presented.
//
// A [Store] keeps the grants of one client. A user has at most one grant, and a
// grant has exactly one refresh token in force. [Store.Refresh] spends it and
// issues the next, or keeps it, as [Rules] say. [Codes] are the authorization codes
// that lead to a grant.
//
// The package reads no clock and draws no random number: its caller passes both, so
// that a test decides them. It does not lock: one goroutine at a time.
package grant

import (
	"errors"
	"time"

	"tokenkeeper/internal/token"
)

// Why an access token is refused.
var (
	ErrToken   = errors.New("not an access token in force")
	ErrExpired = errors.New("access token expired")
)

// Rotation is what a refresh does to the refresh token.
type Rotation string

const (
	// Always spends it and issues another. The zero value.
	Always Rotation = ""
	// Sometimes spends it at every other refresh and keeps it at the ones
	// between.
	Sometimes Rotation = "sometimes"
	// Never spends it.
	Never Rotation = "never"
)

// Rules are what providers differ in.
type Rules struct {
	Rotation Rotation
	// KeepsAccess answers a refresh with what is in force, and issues nothing,
	// while the access token has more than this of its life left. Zero: never.
	KeepsAccess time.Duration
	// AccessTokenLifetime is how long an access token works.
	AccessTokenLifetime time.Duration
	// ReplayWindow is how long, counted from the rotation, the refresh token
	// that was just spent is answered with the same pair again. Zero: never.
	ReplayWindow time.Duration
	// ReuseRevokes ends the grant when a spent token is presented outside the
	// replay window (refresh token reuse detection, RFC 9700 section 4.14.2).
	ReuseRevokes bool
}

// Pair is what a consent or a refresh issues.
type Pair struct {
	User         string
	Scope        string
	AccessToken  token.Secret
	RefreshToken token.Secret
	IssuedAt     time.Time
	// ExpiresAt is when the access token stops to work.
	ExpiresAt time.Time
	// Generation counts the rotations since the consent, whose pair is 0.
	Generation int
}

// Outcome is the result of presenting a refresh token.
type Outcome string

const (
	// Rotated: it was in force; it is spent now and a new pair is issued.
	Rotated Outcome = "rotated"
	// Renewed: it was in force and stays so; a new access token is issued.
	Renewed Outcome = "renewed"
	// Unchanged: it is in force, and so is the access token beside it, which is
	// answered once more.
	Unchanged Outcome = "unchanged"
	// Replayed: it was spent for the current pair, which is not used yet, and the
	// window is open: the same pair again.
	Replayed Outcome = "replayed"
	// Reused: it was spent, and there is no replay for it (any more).
	Reused Outcome = "reused"
	// Ended: its grant was revoked or replaced by a new consent.
	Ended Outcome = "ended"
	// Unknown: it was never issued.
	Unknown Outcome = "unknown"
)

// Granted reports whether the request is answered with a pair.
func (o Outcome) Granted() bool { return o.inForce() || o == Replayed }

// inForce reports whether it was in force when it was presented.
func (o Outcome) inForce() bool { return o == Rotated || o == Renewed || o == Unchanged }

// Store holds all grants. NewStore makes one.
type Store struct {
	rules    Rules
	newToken func() token.Secret
	grants   map[string]*grant // by user: the latest one, ended or not
	refresh  map[token.Secret]*issued
	access   map[token.Secret]*issued
}

type grant struct {
	current *issued
	kept    bool // the last refresh kept the refresh token
	ended   bool // revoked, or replaced by a later consent
}

type issued struct {
	Pair
	grant *grant
	// parent is the refresh token that was spent for this pair; empty for a
	// consent's.
	parent token.Secret
	// used is set when the access token is first used, which ends the replay.
	used bool
}

// NewStore makes a store without grants. newToken must never return the same value twice.
func NewStore(rules Rules, newToken func() token.Secret) *Store {
	return &Store{
		rules:    rules,
		newToken: newToken,
		grants:   map[string]*grant{},
		refresh:  map[token.Secret]*issued{},
		access:   map[token.Secret]*issued{},
	}
}

// Consent begins a grant for the user and returns its first pair. The grant
// that the user had before ends.
func (s *Store) Consent(user, scope string, now time.Time) Pair {
	if old := s.grants[user]; old != nil {
		old.ended = true
	}
	g := &grant{}
	s.grants[user] = g
	return s.issue(g, Pair{User: user, Scope: scope}, token.Secret{}, now)
}

// Refresh presents a refresh token. The pair is valid only where the outcome is
// granted.
func (s *Store) Refresh(presented token.Secret, now time.Time) (Pair, Outcome) {
	of := s.refresh[presented]
	switch outcome := s.outcomeOf(of, now); outcome {
	case Rotated:
		of.grant.kept = false
		next := Pair{User: of.User, Scope: of.Scope, Generation: of.Generation + 1}
		return s.issue(of.grant, next, presented, now), Rotated
	case Renewed:
		of.grant.kept = !of.grant.kept
		next := Pair{User: of.User, Scope: of.Scope, Generation: of.Generation, RefreshToken: presented}
		// Presenting the refresh token has used the pair that it came with.
		return s.issue(of.grant, next, token.Secret{}, now), Renewed
	case Unchanged, Replayed:
		return of.grant.current.Pair, outcome
	case Reused:
		of.grant.ended = s.rules.ReuseRevokes
		return Pair{}, Reused
	default:
		return Pair{}, outcome
	}
}

// Use presents an access token at a protected resource and returns the pair it
// belongs to. The first use of the newest one ends the replay of that pair.
// It returns ErrToken or ErrExpired.
func (s *Store) Use(access token.Secret, now time.Time) (Pair, error) {
	of := s.access[access]
	switch {
	case of == nil || of.grant.ended:
		return Pair{}, ErrToken
	case !now.Before(of.ExpiresAt):
		return Pair{}, ErrExpired
	}
	of.used = true
	return of.Pair, nil
}

// Revoke ends the grant that an access or refresh token belongs to, with all
// its tokens (RFC 7009). An unknown token changes nothing.
func (s *Store) Revoke(t token.Secret) {
	if of := s.find(t); of != nil {
		of.grant.ended = true
	}
}

// Owner is the user whom an access or refresh token was issued for, also when
// it is no longer in force; empty for a token that was never issued.
func (s *Store) Owner(t token.Secret) string {
	if of := s.find(t); of != nil {
		return of.User
	}
	return ""
}

// Live returns the pair whose refresh token is in force, if the user's grant
// has not ended.
func (s *Store) Live(user string) (Pair, bool) {
	g := s.grants[user]
	if g == nil || g.ended {
		return Pair{}, false
	}
	return g.current.Pair, true
}

// IsLive reports whether the refresh token is in force.
func (s *Store) IsLive(refresh token.Secret, now time.Time) bool {
	return s.outcomeOf(s.refresh[refresh], now).inForce()
}

// Replayable reports whether presenting the spent refresh token would repeat
// the answer that was given for it.
func (s *Store) Replayable(refresh token.Secret, now time.Time) bool {
	return s.outcomeOf(s.refresh[refresh], now) == Replayed
}

// issue issues a pair, with the refresh token that p has already or a new one.
func (s *Store) issue(g *grant, p Pair, parent token.Secret, now time.Time) Pair {
	p.AccessToken = s.newToken()
	if p.RefreshToken.Empty() {
		p.RefreshToken = s.newToken()
	}
	p.IssuedAt, p.ExpiresAt = now, now.Add(s.rules.AccessTokenLifetime)
	of := &issued{Pair: p, grant: g, parent: parent}
	g.current = of
	s.refresh[p.RefreshToken] = of
	s.access[p.AccessToken] = of
	return p
}

func (s *Store) find(t token.Secret) *issued {
	if of := s.refresh[t]; of != nil {
		return of
	}
	return s.access[t]
}

// outcomeOf decides the result of presenting a refresh token, and changes nothing.
// Using the new refresh token needs no flag to end the replay: it makes another
// pair current, of which the spent one is not the parent.
func (s *Store) outcomeOf(of *issued, now time.Time) Outcome {
	if of == nil {
		return Unknown
	}
	if of.grant.ended {
		return Ended
	}
	current := of.grant.current
	if of == current {
		return s.outcomeOfCurrent(of, now)
	}
	windowOpen := now.Before(current.IssuedAt.Add(s.rules.ReplayWindow))
	if current.parent == of.RefreshToken && !current.used && windowOpen {
		return Replayed
	}
	return Reused
}

// outcomeOfCurrent decides the same for the one in force.
func (s *Store) outcomeOfCurrent(of *issued, now time.Time) Outcome {
	switch {
	case s.rules.KeepsAccess > 0 && of.ExpiresAt.Sub(now) > s.rules.KeepsAccess:
		return Unchanged
	case s.rules.Rotation == Never, s.rules.Rotation == Sometimes && !of.grant.kept:
		return Renewed
	default:
		return Rotated
	}
}
