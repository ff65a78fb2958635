package vault

import (
	"time"

	"tokenkeeper/internal/token"
)

// Decision is what a fence decides for a token that is to be stored.
type Decision int

const (
	Write      Decision = iota // the vault has the token that was spent, or something older
	Skip                       // the vault has this very token, or one that it was spent for
	Superseded                 // the vault has a newer generation or consent, which stays
	Conflict                   // the vault has another token of the same generation and consent
)

// FenceRefresh decides whether an issued refresh token may become the current
// version. tagged is false where that was written by hand. It relies on lineage, never
// on clocks: an account's generations only grow, over all of its consents, and a
// token's parent is the token that was spent for it.
func FenceRefresh(current token.Provenance, tagged bool, issued token.Provenance) Decision {
	switch {
	case current.Fingerprint == issued.Fingerprint:
		return Skip
	case current.Fingerprint == issued.Parent:
		return Write
	case current.Parent == issued.Fingerprint:
		return Superseded // the issued token is spent: the vault has its successor
	case current.Fingerprint == issued.Consent:
		return Write // the consent's token that the issued one comes from, under whatever number
	case !tagged:
		return Superseded // a new consent outranks what is in flight
	case current.Generation < issued.Generation:
		return Write // a late writer put an old token over a newer one
	case current.Generation > issued.Generation:
		return Superseded
	case current.Consent != issued.Consent:
		return Superseded // a consent that was given while this refresh was in flight
	default:
		return Conflict
	}
}

// FenceAccess decides the same for an access token whose refresh token is in the
// vault. Where the refresh token does not rotate, several access tokens share a
// generation and the one obtained last wins.
func FenceAccess(current AccessTokenInfo, issued token.Provenance, access token.Fingerprint, obtained time.Time) Decision {
	switch {
	case !current.Tagged:
		return Write
	case current.Fingerprint == access:
		return Skip
	case current.Generation > issued.Generation:
		return Superseded
	case current.Generation == issued.Generation && !obtained.After(current.ObtainedAt):
		return Superseded
	default:
		return Write
	}
}

// ConsentView is the state of the vault for a consent's refresh token that is to be
// stored.
type ConsentView struct {
	Spent   bool             // some version was issued for the consent's token
	Written bool             // some version has the consent's token
	Empty   bool             // no current version can be read
	Current token.Provenance // of the current version
	// Earlier: the current version was there before the consent's token, or is of the
	// lineage of one that was. It counts only where that token is written.
	Earlier bool
}

// FenceConsent decides whether a consent's refresh token may become the current
// version. It goes over all that was there before it and over what a late store writes
// on top of it, but never over another consent that came later.
func FenceConsent(consent token.Fingerprint, view ConsentView) Decision {
	switch {
	case view.Spent:
		return Superseded // a run has found and spent it
	case view.Empty:
		return Write
	case view.Current.Fingerprint == consent, view.Current.Consent == consent:
		return Skip
	case !view.Written:
		return Write // the current version came before the consent
	case view.Earlier:
		return Write // a late store put an old token over the consent
	default:
		return Superseded // another consent came while this one was being stored
	}
}
