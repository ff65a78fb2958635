// Package grant is the provider's side of OAuth 2.0 without its HTTP: which users
// have consented, which tokens are in force, and what happens when one is presented.
//
// A [Store] keeps the grants of one client. [Store.Refresh] spends a refresh token and
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

// Store holds all grants. NewStore makes one.
type Store struct {
	rules    Rules
	newToken func() token.Secret
	grants   map[string][]*grant // by user: the latest last, also where it has ended
	refresh  map[token.Secret]*issued
	access   map[token.Secret]*issued
}

type grant struct {
	current *issued
	ends    time.Time // its hard end; zero for none
	kept    bool      // the last refresh kept the refresh token
	ended   bool      // revoked, or replaced by a later consent
	unused  int       // pairs issued since an access token was last used
}

type issued struct {
	Pair
	grant *grant
	// parent is what was spent for this pair; nil for a consent's, and for one that kept
	// the refresh token.
	parent *issued
	// since is when the refresh token was issued first; a refresh may keep it.
	since time.Time
	// spentAt is when it was first spent; zero while it is in force.
	spentAt time.Time
	// successorUsed: an access token that was issued for it has been used.
	successorUsed bool
}

// NewStore makes a store without grants. newToken must never return the same value twice.
func NewStore(rules Rules, newToken func() token.Secret) *Store {
	return &Store{
		rules:    rules,
		newToken: newToken,
		grants:   map[string][]*grant{},
		refresh:  map[token.Secret]*issued{},
		access:   map[token.Secret]*issued{},
	}
}

// Consent begins a grant for the user and returns its first pair. The oldest grant ends
// where the user has one too many.
func (s *Store) Consent(user, scope string, now time.Time) Pair {
	g := &grant{}
	if s.rules.Life > 0 {
		g.ends = now.Add(s.rules.Life)
	}
	s.grants[user] = append(s.grants[user], g)
	for _, old := range s.grants[user][:max(0, len(s.grants[user])-max(1, s.rules.GrantsPerUser))] {
		old.ended = true
	}
	return s.issue(g, Pair{User: user, Scope: scope}, nil, now)
}

// Refresh presents a refresh token. The pair is valid only where the outcome is
// granted.
func (s *Store) Refresh(presented token.Secret, now time.Time) (Pair, Outcome) {
	of := s.refresh[presented]
	outcome := s.rules.outcomeOf(of, now)
	switch outcome {
	case Rotated:
		of.grant.kept = false
		if of.spentAt.IsZero() {
			of.spentAt = now
		}
		return s.issueNext(of, now), Rotated
	case Renewed:
		of.grant.kept = !of.grant.kept
		next := Pair{User: of.User, Scope: of.Scope, Generation: of.Generation, RefreshToken: presented}
		// Presenting the refresh token has used the pair that it came with.
		return s.issue(of.grant, next, nil, now), Renewed
	case Replayed:
		if s.rules.ReplayIssues {
			return s.issueNext(of, now), Replayed
		}
		return of.grant.current.Pair, Replayed
	case Unchanged:
		return of.grant.current.Pair, Unchanged
	case Reused:
		of.grant.ended = s.rules.ReuseRevokes
		return Pair{}, Reused
	default:
		return Pair{}, outcome
	}
}

// Use presents an access token at a protected resource and returns the pair it
// belongs to. The first use of one ends the replay of its refresh token's parent, where
// the rules say so. It returns ErrToken or ErrExpired.
func (s *Store) Use(access token.Secret, now time.Time) (Pair, error) {
	of := s.access[access]
	switch {
	case of == nil || of.grant.ended || s.rules.EndsAccess && of != of.grant.current:
		return Pair{}, ErrToken
	case !now.Before(of.ExpiresAt):
		return Pair{}, ErrExpired
	}
	of.grant.unused = 0
	if of.parent != nil {
		of.parent.successorUsed = true
	}
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

// EndGrants ends all grants of the user, as the account's owner can.
func (s *Store) EndGrants(user string) {
	for _, g := range s.grants[user] {
		g.ended = true
	}
}

// Live returns the newest pair of the user's latest grant, if that was not ended. Its
// life may be over nevertheless; see IsLive.
func (s *Store) Live(user string) (Pair, bool) {
	all := s.grants[user]
	if len(all) == 0 || all[len(all)-1].ended {
		return Pair{}, false
	}
	return all[len(all)-1].current.Pair, true
}

// IsLive reports whether the refresh token is in force.
func (s *Store) IsLive(refresh token.Secret, now time.Time) bool {
	return s.rules.outcomeOf(s.refresh[refresh], now).inForce()
}

// Replayable reports whether presenting the spent refresh token would be answered with a
// pair once more.
func (s *Store) Replayable(refresh token.Secret, now time.Time) bool {
	return s.rules.outcomeOf(s.refresh[refresh], now) == Replayed
}

// issueNext issues the pair that follows a spent one.
func (s *Store) issueNext(of *issued, now time.Time) Pair {
	return s.issue(of.grant, Pair{User: of.User, Scope: of.Scope, Generation: of.Generation + 1}, of, now)
}

// issue issues a pair, with the refresh token that p has already or a new one.
func (s *Store) issue(g *grant, p Pair, parent *issued, now time.Time) Pair {
	p.AccessToken = s.newToken()
	since := now
	if p.RefreshToken.Empty() {
		p.RefreshToken = s.newToken()
	} else {
		since = s.refresh[p.RefreshToken].since
	}
	p.IssuedAt, p.ExpiresAt, p.GrantEnds = now, now.Add(s.rules.AccessTokenLifetime), g.ends
	if s.rules.Idle > 0 {
		p.RefreshEnds = now.Add(s.rules.Idle)
	}
	of := &issued{Pair: p, grant: g, parent: parent, since: since}
	g.current = of
	g.unused++
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
