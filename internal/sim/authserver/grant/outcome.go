package grant

import "time"

// Outcome is what becomes of a refresh token that is presented.
type Outcome string

const (
	// Rotated: it was in force; it is spent now and a new pair is issued.
	Rotated Outcome = "rotated"
	// Renewed: it was in force and stays so; a new access token is issued.
	Renewed Outcome = "renewed"
	// Unchanged: it is in force, and so is the access token beside it, which is
	// answered once more.
	Unchanged Outcome = "unchanged"
	// Replayed: it was spent for the current pair, nobody has used that pair
	// yet, and the window is open: the same pair again.
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

// judge decides what presenting a refresh token comes to, and changes nothing.
// Using the new refresh token needs no flag to end the replay: it makes another
// pair current, of which the spent one is not the parent.
func (b *Store) judge(of *issued, now time.Time) Outcome {
	if of == nil {
		return Unknown
	}
	if of.grant.ended {
		return Ended
	}
	current := of.grant.current
	if of == current {
		return b.judgeCurrent(of, now)
	}
	windowOpen := now.Before(current.IssuedAt.Add(b.rules.ReplayWindow))
	if current.parent == of.RefreshToken && !current.used && windowOpen {
		return Replayed
	}
	return Reused
}

// judgeCurrent decides the same for the one in force.
func (b *Store) judgeCurrent(of *issued, now time.Time) Outcome {
	switch {
	case b.rules.KeepsAccess > 0 && of.ExpiresAt.Sub(now) > b.rules.KeepsAccess:
		return Unchanged
	case b.rules.Rotation == Never, b.rules.Rotation == Sometimes && !of.grant.kept:
		return Renewed
	default:
		return Rotated
	}
}
