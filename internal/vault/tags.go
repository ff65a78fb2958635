package vault

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"tokenkeeper/internal/token"
)

// The tags of every token version. Key Vault takes 15 tags of up to 512 characters
// each on a version; these leave room for five of the owner's, see fitTags.
const (
	tagGeneration  = "generation"
	tagFingerprint = "fingerprint"
	tagParent      = "parent"
	tagConsent     = "consent"
	tagProvider    = "provider"
	tagAccount     = "account"
	tagUserID      = "user-id"
	tagWorkflowID  = "workflow-id"
	tagRunID       = "run-id"
	tagObtainedAt  = "obtained-at"

	// The intent record: which run is about to spend this refresh token.
	tagStartedAt  = "refresh-started-at"
	tagStartedRun = "refresh-run-id"
	// Earlier runs on the intent record, which may have spent the token; see earlierRuns.
	tagEarlierRun = "refresh-earlier-run"

	// On a consent's token that has no generation yet: the latest one there was.
	tagFollows = "follows-generation"
	// On a consent that was found among the older versions: the dead token's fingerprint
	// whose place it took. Such a consent is not looked for again.
	tagPromoted = "promoted-for"

	// proofOver separates, in refresh-started-at, the version that a proof lies on. It has no
	// tag of its own, which would cost the owner one; the next intent record ends it.
	proofOver = " / "

	maxTags      = 15
	maxTagLength = 512
	intentTags   = 3 // refresh-started-at, refresh-run-id, refresh-earlier-run

	// MaxGeneration bounds what counts as a generation: one more each minute would take
	// two thousand years. What is beyond was written by another program.
	MaxGeneration = 1_000_000_000
)

// Run names the workflow run that writes, for the tags of what it writes.
type Run struct {
	WorkflowID string
	RunID      string
}

// tagsOf describes a token version: its provenance, its origin and its writer.
func tagsOf(a token.Account, p token.Provenance, userID string, obtained time.Time, run Run) map[string]string {
	tags := originTags(a, p.Fingerprint, userID, obtained)
	tags[tagGeneration] = strconv.Itoa(int(p.Generation))
	tags[tagConsent] = string(p.Consent)
	tags[tagWorkflowID] = truncate(run.WorkflowID)
	tags[tagRunID] = truncate(run.RunID)
	if p.Parent != "" {
		tags[tagParent] = string(p.Parent)
	}
	return tags
}

// originTags describe a token that has no generation yet: a new consent's.
func originTags(a token.Account, f token.Fingerprint, userID string, obtained time.Time) map[string]string {
	tags := map[string]string{
		tagFingerprint: string(f),
		tagProvider:    a.Provider,
		tagAccount:     a.Name,
	}
	if userID != "" {
		tags[tagUserID] = truncate(userID)
	}
	if !obtained.IsZero() {
		tags[tagObtainedAt] = obtained.UTC().Format(time.RFC3339Nano)
	}
	return tags
}

// withIntent returns the tags of a refresh token that run is about to spend, with the
// given earlier runs, which may have spent it, beside it on the intent record.
func withIntent(t RefreshToken, a token.Account, run Run, earlier []Intent, now time.Time) map[string]string {
	tags := withGeneration(t, a, run)
	tags[tagStartedAt] = now.UTC().Format(time.RFC3339Nano)
	tags[tagStartedRun] = truncate(run.RunID)
	delete(tags, tagEarlierRun)
	if record := earlierRuns(earlier, run.RunID); record != "" {
		tags[tagEarlierRun] = record
	}
	return fitTags(programs(tags), tags, 0)
}

// programs are the tags that this package writes, without the owner's.
func programs(tags map[string]string) map[string]string {
	own := maps.Clone(tags)
	maps.DeleteFunc(own, func(name, _ string) bool { return !slices.Contains(ownTags, name) })
	return own
}

// earlierRuns encodes runs of the intent record other than the given one, as "RUN TIME"
// separated by semicolons, the oldest first. Where not all fit into a tag, the oldest
// stays, for it may have opened the replay window, and with it the newest.
func earlierRuns(earlier []Intent, except string) string {
	var entries []string
	length := 0
	for _, i := range earlier {
		if i.RunID == except {
			continue
		}
		entry := i.RunID + " " + i.At.UTC().Format(time.RFC3339Nano)
		length += len(entry) + 1
		entries = append(entries, entry)
	}
	for len(entries) > 1 && length > maxTagLength {
		length -= len(entries[1]) + 1
		entries = slices.Delete(entries, 1, 2)
	}
	return truncate(strings.Join(entries, ";"))
}

// withGeneration returns a refresh token's tags with its provenance. It keeps the owner's
// own tags and, where the tags describe this value, the intent record. Those of another
// value go: they would make a new consent look like the old one.
func withGeneration(t RefreshToken, a token.Account, run Run) map[string]string {
	if t.tagged {
		return maps.Clone(t.properties.Tags)
	}
	return fitTags(tagsOf(a, t.Provenance, t.UserID, t.ObtainedAt, run), t.properties.Tags, intentTags)
}

// provenanceOf reads a version's tags. ok is false where they state no provenance.
func provenanceOf(tags map[string]string) (p token.Provenance, ok bool) {
	generation, ok := generationOf(tags, tagGeneration, 0)
	if !ok || tags[tagFingerprint] == "" || tags[tagConsent] == "" {
		return token.Provenance{}, false
	}
	return token.Provenance{
		Generation:  generation,
		Fingerprint: token.Fingerprint(tags[tagFingerprint]),
		Parent:      token.Fingerprint(tags[tagParent]),
		Consent:     token.Fingerprint(tags[tagConsent]),
	}, true
}

// generationOf reads a tag that holds a generation from least on. ok is false where it
// holds anything else.
func generationOf(tags map[string]string, tag string, least int) (g token.Generation, ok bool) {
	n, err := strconv.Atoi(tags[tag])
	if err != nil || n < least || n > MaxGeneration {
		return 0, false
	}
	return token.Generation(n), true
}

// timeOf reads one of a version's time tags; zero where there is none.
func timeOf(tags map[string]string, tag string) time.Time {
	text, _, _ := strings.Cut(tags[tag], proofOver)
	t, _ := time.Parse(time.RFC3339Nano, text)
	return t
}

func truncate(s string) string {
	if len(s) > maxTagLength {
		return strings.ToValidUTF8(s[:maxTagLength], "")
	}
	return s
}

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
	t.Provenance, t.tagged = provenanceOf(s.Tags)
	if !t.tagged || t.Fingerprint != f {
		t.Provenance, t.tagged = token.Provenance{Fingerprint: f, Consent: f}, false
	}
	if t.tagged {
		t.IntentRunID = s.Tags[tagStartedRun]
		t.IntentAt = timeOf(s.Tags, tagStartedAt)
		_, t.proofOver, _ = strings.Cut(s.Tags[tagStartedAt], proofOver)
	}
	if t.tagged || s.Tags[tagFingerprint] == string(f) && s.Tags[tagGeneration] == "" { // see StoreConsent
		t.Provider = s.Tags[tagProvider]
		t.UserID = s.Tags[tagUserID]
		t.ObtainedAt = timeOf(s.Tags, tagObtainedAt)
	}
	if !t.tagged && s.Tags[tagFingerprint] == string(f) && s.Tags[tagGeneration] == "" {
		t.follows, t.hasFollows = generationOf(s.Tags, tagFollows, -1)
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
}

// Intents lists the runs on the intent record, the oldest first.
func (t RefreshToken) Intents() []Intent {
	if !t.tagged {
		return nil // the record is another value's
	}
	var intents []Intent
	for entry := range strings.SplitSeq(t.properties.Tags[tagEarlierRun], ";") {
		runID, since, _ := strings.Cut(entry, " ")
		at, _ := time.Parse(time.RFC3339Nano, since)
		intents = append(intents, Intent{runID, at})
	}
	intents = append(intents, Intent{t.IntentRunID, t.IntentAt})
	return slices.DeleteFunc(intents, func(i Intent) bool { return i.RunID == "" })
}

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
	if t.Expires.Year() > 9999 {
		t.Expires = time.Time{} // no JSON has such a time
	}
	taken := s.Created.Add(time.Second)
	p, ok := provenanceOf(s.Tags)
	switch {
	case ok && p.Fingerprint == t.Fingerprint:
		t.Generation, t.Tagged = p.Generation, true
		t.ObtainedAt = timeOf(s.Tags, tagObtainedAt)
		if taken.Before(t.ObtainedAt) {
			t.ObtainedAt = taken
		}
	case s.Tags[tagGeneration] == "" && s.Tags[tagFingerprint] == string(t.Fingerprint): // see StoreConsent
		t.consent = token.Fingerprint(s.Tags[tagConsent])
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
