package vault

import (
	"slices"
	"strings"
	"time"

	"tokenkeeper/internal/token"
)

// RefreshToken is a refresh token in the vault.
type RefreshToken struct {
	token.Provenance
	Value      token.Secret
	Version    string
	Provider   string    // its issuer; empty when unknown
	UserID     string    // the provider's id of the user; empty when unknown
	ObtainedAt time.Time // zero when unknown
	GrantEnds  time.Time // when the grant ends whatever is done; zero when unknown

	IntentRunID string    // the run that last was about to spend it; empty for none
	IntentAt    time.Time // when that was, by its worker's clock; zero when unknown

	VersionsRead int // how many versions were listed to find it; zero where none were
	// Shown is the latest generation that the vault itself shows: its own, or that which
	// a consent without one follows; -1 for none. It may be older than what is known.
	Shown token.Generation

	tagged     bool             // its tags state its provenance
	follows    token.Generation // where it has none: the generation that it came after
	hasFollows bool             // its tags state that; see StoreConsent
	top        string           // the version that was current when Load chose this one
	readAt     time.Time        // when Load read that one
	others     []string         // other providers whose tokens the listing showed
	proofOver  string           // of a proof: the version that it lies on
	covered    bool             // by a proof: it must be put on top
	properties Properties
	problem    error // why the value is no token; nil where it is one
}

// usable reports whether there is a token at all. The zero value is none.
func (t RefreshToken) usable() bool { return t.Fingerprint != "" && t.problem == nil }

// Tagged reports whether the token's own tags state its provenance. One that a consent
// has just given has none: its generation is what Load numbers it.
func (t RefreshToken) Tagged() bool { return t.tagged }

// Since is when the token was obtained or, where that is unknown, when its version was
// written: by hand, or by a load that had to prove that the vault takes one.
func (t RefreshToken) Since() time.Time {
	if t.ObtainedAt.IsZero() {
		return t.properties.Created
	}
	return t.ObtainedAt
}

// refreshTokenOf reads a version. Where the fingerprint tag is not the value's, the value
// was written by hand, and white space around it is not part of it; it counts as untagged
// unless the tag is of what remains, as where a run has recorded its intent on it.
func refreshTokenOf(s Secret) RefreshToken {
	value, problem := s.Value, token.CheckValue(s.Value.Reveal())
	if s.Tags[tagFingerprint] != string(value.Fingerprint()) {
		value, problem = token.ReadPasted(value.Reveal())
	}
	f := value.Fingerprint()
	t := RefreshToken{Value: value, Version: s.Version, properties: s.Properties, problem: problem}
	t.Provenance, t.tagged = provenanceOf(s.Properties)
	if !t.tagged || t.Fingerprint != f {
		t.Provenance, t.tagged = token.Provenance{Fingerprint: f, Consent: f}, false
	}
	t.Provider = issuerOf(s.Properties, f, t.tagged)
	if t.tagged {
		if intents := intentsOf(s.Properties); len(intents) > 0 {
			last := intents[len(intents)-1]
			t.IntentRunID, t.IntentAt = last.RunID, last.At
		}
		_, t.proofOver, _ = strings.Cut(s.Tags[tagStartedAt], proofOver)
	}
	if t.tagged || isConsent(s.Properties, f) {
		t.UserID = userIDOf(s.Properties)
		t.ObtainedAt = s.obtainedAt()
		t.GrantEnds = timeOf(s.Properties, tagGrantEnds, lastTime)
	}
	if !t.tagged && isConsent(s.Properties, f) {
		t.follows, t.hasFollows = generationOf(s.Properties, tagFollows, -1)
	}
	return t
}

// relisted is the same version with a later listing's tags: another run may have
// recorded its intent since it was read.
func (t RefreshToken) relisted(versions []Properties) RefreshToken {
	i := slices.IndexFunc(versions, func(p Properties) bool { return p.Version == t.Version })
	if i < 0 || t.Value.Empty() { // a disabled version's tags are the listing's already
		return t
	}
	return refreshTokenOf(Secret{Properties: versions[i], Value: t.Value})
}

// Intent is an entry of the intent record: a run that was about to spend a token.
type Intent struct {
	RunID string    `json:"runId"`
	At    time.Time `json:"at,omitzero"` // by that run's worker's clock; zero when unknown
	// Over: it is known from the run's history that no answer to its requests can be had any
	// more, so that it opens no window.
	Over bool `json:"over,omitempty"`
}

// Intents lists the runs on the intent record, the oldest first.
func (t RefreshToken) Intents() []Intent {
	if !t.tagged {
		return nil // the record is another value's
	}
	return intentsOf(t.properties)
}
