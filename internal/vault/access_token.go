package vault

import (
	"time"

	"tokenkeeper/internal/token"
)

// AccessTokenInfo is what the vault's access token's tags state.
type AccessTokenInfo struct {
	Generation  token.Generation
	Fingerprint token.Fingerprint
	ObtainedAt  time.Time
	Expires     time.Time
	Version     string
	Tagged      bool // false where it was written by hand, and where there is none

	consent    token.Fingerprint // where it is not Tagged: that of the consent that gave it
	properties Properties
}

// accessTokenOf reads a version, by the same rule as refreshTokenOf. The vault's clock
// bounds the writer's, which may be ahead: no other worker's access token would count
// until that time has come.
func accessTokenOf(s Secret) AccessTokenInfo {
	t := AccessTokenInfo{Fingerprint: s.Value.Fingerprint(), Expires: s.Expires, Version: s.Version, properties: s.Properties}
	if t.Expires.Before(firstTime) || t.Expires.After(lastTime) {
		t.Expires = time.Time{} // such as one that no JSON has
	}
	taken := s.Created.Add(time.Second)
	p, ok := provenanceOf(s.Properties)
	switch {
	case ok && p.Fingerprint == t.Fingerprint:
		t.Generation, t.Tagged = p.Generation, true
		t.ObtainedAt = s.obtainedAt()
		if taken.Before(t.ObtainedAt) {
			t.ObtainedAt = taken
		}
	case isConsent(s.Properties, t.Fingerprint):
		t.consent = fingerprintOf(s.Properties, tagConsent)
	}
	return t
}

// isNewer reports whether the vault's access token is newer than an entry's. That of a
// consent and one that was put there by hand go by the vault's clock.
func (t AccessTokenInfo) isNewer(e Entry) bool {
	if t.Tagged {
		return t.Generation > e.Provenance.Generation
	}
	return t.Version != "" && t.properties.Created.Add(time.Second).After(e.ObtainedAt)
}

// vouchesForConsent reports whether the access token shows that a consent's refresh token,
// which has no generation yet, is the newest: it is that consent's own, or not later than
// what the consent follows.
func (t AccessTokenInfo) vouchesForConsent(consent RefreshToken) bool {
	if t.Tagged {
		return t.Generation <= consent.follows
	}
	return t.consent != "" && t.consent == consent.Fingerprint
}

// isOfConsent reports whether the access token came with the consent whose token was spent
// for the given one: no later pair of that consent was stored whole.
func (t AccessTokenInfo) isOfConsent(p token.Provenance) bool {
	return !t.Tagged && t.consent != "" && t.consent == p.Consent && p.Parent == p.Consent
}

// vouchesFor reports whether the access token shows that a refresh token of the given
// generation is the newest. One of a later generation shows that a late writer has put
// an old refresh token on top; an absent, disabled or untagged one shows nothing.
func (t AccessTokenInfo) vouchesFor(g token.Generation) bool { return t.Tagged && t.Generation <= g }
