package vault

import (
	"time"

	"tokenkeeper/internal/token"
)

// Decision is what to do with a token that wants to be stored.
type Decision int

const (
	// Write: the vault holds the token that was spent, or something older.
	Write Decision = iota
	// Skip: the vault already holds this very token.
	Skip
	// Superseded: the vault holds a newer generation or a newer consent. What
	// arrives late must not be written over it.
	Superseded
	// Conflict: the vault holds another token of the same generation and
	// consent. Neither may silently win; a person must be told.
	Conflict
)

func (v Decision) String() string {
	return [...]string{"write", "skip", "superseded", "conflict"}[v]
}

// FenceRefresh decides whether an issued refresh token may become the current
// version. held is what the vault's current version says of itself; tagged is
// false for a token that a person put there.
//
// It trusts lineage, never clocks: generations of one account only grow, over
// all of its consents, and a token's parent is the token that was spent for it.
func FenceRefresh(held token.Provenance, tagged bool, issued token.Provenance) Decision {
	switch {
	case held.Fingerprint == issued.Fingerprint:
		return Skip
	case held.Fingerprint == issued.Parent:
		return Write
	case held.Parent == issued.Fingerprint:
		return Superseded // it is spent: the vault holds what it was spent for
	case !tagged:
		return Superseded // a person's new consent outranks what is in flight
	case held.Generation < issued.Generation:
		return Write // a late writer put an old token over a newer one
	case held.Generation > issued.Generation:
		return Superseded
	case held.Consent != issued.Consent:
		return Superseded // a consent that was given while this refresh was in flight
	default:
		return Conflict
	}
}

// FenceAccess decides the same for an access token, once the refresh token of
// its pair is known to be in the vault. Where the refresh token does not
// rotate, several access tokens share a generation and the later one counts.
func FenceAccess(held AccessTokenInfo, issued token.Provenance, access token.Fingerprint, obtained time.Time) Decision {
	switch {
	case !held.Tagged:
		return Write
	case held.Fingerprint == access:
		return Skip
	case held.Generation > issued.Generation:
		return Superseded
	case held.Generation == issued.Generation && !obtained.After(held.ObtainedAt):
		return Superseded
	default:
		return Write
	}
}
