package grant

import "time"

// Outcome is what becomes of a refresh token that is presented.
type Outcome string

const (
	// Rotated: it was in force; it is spent now and a new pair is issued.
	Rotated Outcome = "rotated"
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
func (o Outcome) Granted() bool { return o == Rotated || o == Replayed }

// judge decides what presenting a refresh token comes to, and changes nothing.
// Using the new refresh token needs no flag to end the replay: it makes another
// pair current, and this one is then no longer the current pair's parent.
func (b *Book) judge(of *issued, now time.Time) Outcome {
	if of == nil {
		return Unknown
	}
	if of.grant.ended {
		return Ended
	}
	current := of.grant.current
	if of == current {
		return Rotated
	}
	windowOpen := now.Before(current.IssuedAt.Add(b.rules.ReplayWindow))
	if current.parent == of.RefreshToken && !current.used && windowOpen {
		return Replayed
	}
	return Reused
}
