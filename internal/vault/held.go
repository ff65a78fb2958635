package vault

import (
	"slices"
	"strings"
	"time"

	"tokenkeeper/internal/token"
)

// RefreshToken is a refresh token as the vault holds it.
type RefreshToken struct {
	token.Provenance
	Value      token.Secret
	Version    string
	Provider   string    // who issued it; empty when unknown
	UserID     string    // the provider's name for the person; empty when unknown
	ObtainedAt time.Time // zero when unknown
	// IntentRunID is the run that last was about to spend this token; empty for none.
	IntentRunID string
	// IntentAt is when that was, by that run's worker's clock; zero when unknown.
	IntentAt time.Time

	tagged     bool
	properties Properties
	problem    error // why the value cannot be a refresh token; nil where it can
}

// heldFrom reads a version. Where the fingerprint tag is not the value's, the value
// was put there by hand beside tags that say nothing of it: it counts as untagged,
// and white space around it is not part of it.
func heldFrom(s Secret) RefreshToken {
	value := s.Value
	ours := s.Tags[tagFingerprint] == string(value.Fingerprint())
	if !ours {
		value = token.NewSecret(strings.TrimSpace(value.Reveal()))
	}
	h := RefreshToken{Value: value, Version: s.Version, properties: s.Properties, problem: token.CheckPasted(value.Reveal())}
	if ours {
		h.problem = token.CheckValue(value.Reveal())
	}
	p, ok := provenanceOf(s.Tags)
	if ok && p.Fingerprint == value.Fingerprint() {
		h.Provenance, h.tagged = p, true
		h.Provider = s.Tags[tagProvider]
		h.UserID = s.Tags[tagUserID]
		h.ObtainedAt = timeOf(s.Tags, tagObtainedAt)
		h.IntentRunID = s.Tags[tagStartedRun]
		h.IntentAt = timeOf(s.Tags, tagStartedAt)
		return h
	}
	h.Provenance = token.Provenance{Fingerprint: value.Fingerprint(), Consent: value.Fingerprint()}
	if s.Tags[tagFingerprint] == string(h.Fingerprint) && s.Tags[tagGeneration] == "" { // see Consent
		h.Provider = s.Tags[tagProvider]
		h.UserID = s.Tags[tagUserID]
		h.ObtainedAt = timeOf(s.Tags, tagObtainedAt)
	}
	return h
}

// asListed is the same version with the tags that it has by now: another run may
// have begun with it since it was read.
func (h RefreshToken) asListed(versions []Properties) RefreshToken {
	i := slices.IndexFunc(versions, func(p Properties) bool { return p.Version == h.Version })
	if i < 0 {
		return h
	}
	return heldFrom(Secret{Properties: versions[i], Value: h.Value})
}

// Intent is an entry of the intent record: a run that was about to spend a token.
type Intent struct {
	RunID string
	At    time.Time // by that run's worker's clock; zero when unknown
}

// IntentsExcept lists the runs on the intent record other than the given one, the
// last first. The record remembers two, so that a run that loads twice still
// learns of the one before it.
func (h RefreshToken) IntentsExcept(runID string) []Intent {
	if !h.tagged {
		return nil // the record is another value's
	}
	earlier, since, _ := strings.Cut(h.properties.Tags[tagEarlierRun], " ")
	at, _ := time.Parse(time.RFC3339Nano, since)
	return slices.DeleteFunc([]Intent{{h.IntentRunID, h.IntentAt}, {earlier, at}}, func(b Intent) bool {
		return b.RunID == "" || b.RunID == runID
	})
}

// usable reports whether the value can be a refresh token at all.
func (h RefreshToken) usable() bool { return h.problem == nil }

// AccessTokenInfo is what the vault's access token says of itself.
type AccessTokenInfo struct {
	Generation  token.Generation
	Fingerprint token.Fingerprint
	ObtainedAt  time.Time
	Expires     time.Time
	Version     string
	// Tagged is false where a person put it there, and where there is none.
	Tagged bool
}

// accessFrom reads a version, by the same rule as heldFrom. When the token was
// obtained is on the writer's clock, which may be ahead; the vault's bounds it,
// or no other worker's access token would count until that time has come.
func accessFrom(s Secret) AccessTokenInfo {
	h := AccessTokenInfo{Fingerprint: s.Value.Fingerprint(), Expires: s.Expires, Version: s.Version}
	if p, ok := provenanceOf(s.Tags); ok && p.Fingerprint == h.Fingerprint {
		h.Generation, h.Tagged = p.Generation, true
		h.ObtainedAt = timeOf(s.Tags, tagObtainedAt)
		if taken := s.Created.Add(time.Second); taken.Before(h.ObtainedAt) {
			h.ObtainedAt = taken
		}
	}
	return h
}
