package grant

import (
	"time"

	"tokenkeeper/internal/token"
)

// Rotation is what a refresh does to the refresh token.
type Rotation string

const (
	// Always spends it and issues another. The zero value.
	Always Rotation = ""
	// Sometimes spends it at every other refresh and keeps it at the ones
	// between.
	Sometimes Rotation = "sometimes"
	// Daily spends it once it is a day old, and keeps it until then.
	Daily Rotation = "daily"
	// Never spends it.
	Never Rotation = "never"
)

// day is how old a refresh token is when [Daily] spends it.
const day = 24 * time.Hour

// Rules are what providers differ in.
type Rules struct {
	Rotation Rotation
	// KeepsAccess answers a refresh with what is in force, and issues nothing,
	// while the access token has more than this of its life left. Zero: never.
	KeepsAccess time.Duration
	// AccessTokenLifetime is how long an access token works.
	AccessTokenLifetime time.Duration
	// EndsAccess: a refresh ends the access token before it.
	EndsAccess bool

	// ReplayWindow is how long, counted from its first use, the refresh token that was
	// just spent is answered with a pair again. Zero: never. The use of its successor
	// ends that, and so does the use of an access token that was issued for it, unless
	// ReplayOutlastsUse.
	ReplayWindow      time.Duration
	ReplayOutlastsUse bool
	// ReplayIssues: a replay issues another pair beside the first one. Otherwise it
	// repeats the first.
	ReplayIssues bool

	// ReuseRevokes ends the grant when a spent token is presented outside the
	// replay window (refresh token reuse detection, RFC 9700 section 4.14.2).
	ReuseRevokes bool
	// SpentStaysGood: a spent token is answered as one in force.
	SpentStaysGood bool

	// Idle is how long a refresh token lives from its last issue on, and Life how long a
	// grant lives from its consent on. Zero: no end.
	Idle, Life time.Duration
	// GrantsPerUser is how many grants a user may have at once: a further consent ends
	// the oldest. Zero: one.
	GrantsPerUser int
	// UnusedPairs is how many pairs of a grant may be issued without an access token
	// being used; a refresh after that is refused. Zero: any number.
	UnusedPairs int
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
	// RefreshEnds is when the refresh token does, unless it is refreshed, and GrantEnds
	// when the grant does in any case; zero for never.
	RefreshEnds, GrantEnds time.Time
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
	// Replayed: it was spent for the current pair, and the window is open: the same
	// pair again, or another one in its place.
	Replayed Outcome = "replayed"
	// Reused: it was spent, and there is no replay for it (any more).
	Reused Outcome = "reused"
	// Ended: its grant was revoked or replaced by a further consent, or has come to
	// its end.
	Ended Outcome = "ended"
	// OverLimit: it is in force, and too many pairs have been issued without a use.
	OverLimit Outcome = "over-limit"
	// Unknown: it was never issued.
	Unknown Outcome = "unknown"
)

// Granted reports whether the request is answered with a pair.
func (o Outcome) Granted() bool { return o.inForce() || o == Replayed }

// inForce reports whether it was in force when it was presented.
func (o Outcome) inForce() bool { return o == Rotated || o == Renewed || o == Unchanged }

// outcomeOf decides the result of presenting a refresh token, and changes nothing.
func (r Rules) outcomeOf(of *issued, now time.Time) Outcome {
	switch {
	case of == nil:
		return Unknown
	case of.over(now):
		return Ended
	case !of.spentAt.IsZero() && r.replays(of, now):
		return Replayed
	case !of.spentAt.IsZero() && !r.SpentStaysGood:
		return Reused
	case r.UnusedPairs > 0 && of.grant.unused >= r.UnusedPairs:
		return OverLimit
	case r.KeepsAccess > 0 && of.ExpiresAt.Sub(now) > r.KeepsAccess:
		return Unchanged
	case r.keeps(of, now):
		return Renewed
	default:
		return Rotated
	}
}

// replays reports whether a spent token is answered once more. Using its successor needs
// no flag to end that: it makes another pair current, of which the spent one is not the
// parent.
func (r Rules) replays(of *issued, now time.Time) bool {
	return of.grant.current.parent == of && now.Before(of.spentAt.Add(r.ReplayWindow)) && (r.ReplayOutlastsUse || !of.successorUsed)
}

// keeps reports whether a refresh leaves the refresh token in force.
func (r Rules) keeps(of *issued, now time.Time) bool {
	switch r.Rotation {
	case Never:
		return true
	case Sometimes:
		return !of.grant.kept
	case Daily:
		return now.Before(of.since.Add(day))
	default:
		return false
	}
}

// over reports whether the grant of a refresh token, or the token's own life, has ended.
func (of *issued) over(now time.Time) bool {
	return of.grant.ended || ended(of.RefreshEnds, now) || ended(of.GrantEnds, now)
}

func ended(end, now time.Time) bool { return !end.IsZero() && !now.Before(end) }
