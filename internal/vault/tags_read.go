package vault

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"tokenkeeper/internal/token"
)

// Tags may be written by other programs and people. What this program never writes
// states nothing: it must not stop an account, go into a history, or reach a terminal.
const (
	maxUserID = 200 // bytes
	maxRunID  = 100 // characters; Temporal's have 36
	// maxIntents bounds the runs of an intent record: seven and the last one fit into its
	// tags with Temporal's run ids.
	maxIntents = 8
	// maxLead is how far ahead of the vault's clock a worker's may be, and intentLead how
	// far ahead of another worker's: until an intent's time has come its window is open.
	maxLead    = 24 * time.Hour
	intentLead = time.Hour
)

var (
	// firstTime is a clock's beginning, lastTime after all that a provider may state.
	firstTime = time.Unix(0, 0).UTC()
	lastTime  = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)

	validFingerprint = regexp.MustCompile(`^[0-9a-f]{16}$`)
	validRunID       = regexp.MustCompile(`^[0-9A-Za-z._-]+$`)
)

// provenanceOf reads what a version's tags state of it. ok is false where they state no
// provenance.
func provenanceOf(p Properties) (token.Provenance, bool) {
	generation, ok := generationOf(p, tagGeneration, 0)
	stated := token.Provenance{
		Generation:  generation,
		Fingerprint: fingerprintOf(p, tagFingerprint),
		Parent:      fingerprintOf(p, tagParent),
		Consent:     fingerprintOf(p, tagConsent),
	}
	damaged := p.Tags[tagParent] != "" && stated.Parent == "" || stated.Parent != "" && stated.Parent == stated.Fingerprint
	if !ok || stated.Fingerprint == "" || stated.Consent == "" || damaged {
		return token.Provenance{}, false
	}
	return stated, true
}

// generationOf reads a tag that holds a generation from least on. ok is false where it
// holds anything else.
func generationOf(p Properties, tag string, least token.Generation) (token.Generation, bool) {
	n, err := strconv.Atoi(p.Tags[tag])
	g := token.Generation(n)
	if err != nil || g < least || g > latestGeneration(p.Created) || strconv.Itoa(n) != p.Tags[tag] {
		return 0, false
	}
	return g, true
}

// latestGeneration bounds the generations that there can be at a time: one each ten
// seconds since long ago. The bound grows faster than an account's generations, so that
// what follows on one that a stranger states is not beyond it. An unknown time is now.
func latestGeneration(at time.Time) token.Generation {
	if at.IsZero() {
		at = time.Now()
	}
	return token.Generation(max(0, at.Unix()/10))
}

// fingerprintOf reads a tag that holds a fingerprint; empty where it holds anything else.
func fingerprintOf(p Properties, tag string) token.Fingerprint {
	if !validFingerprint.MatchString(p.Tags[tag]) {
		return ""
	}
	return token.Fingerprint(p.Tags[tag])
}

// timeOf reads a tag that holds a time; zero where it holds none, or one that no clock
// showed before the given time. An unknown one is now.
func timeOf(p Properties, tag string, latest time.Time) time.Time {
	text, _, _ := strings.Cut(p.Tags[tag], proofOver)
	return readTime(text, latest)
}

func readTime(text string, latest time.Time) time.Time {
	at, err := time.Parse(time.RFC3339Nano, text)
	if at = at.UTC(); err != nil || at.Before(firstTime) || at.After(latest) {
		return time.Time{}
	}
	return at
}

// obtainedAt is when a version's token was obtained, which is before the version was
// written; zero when unknown.
func (p Properties) obtainedAt() time.Time {
	written := p.Created
	if written.IsZero() {
		written = time.Now()
	}
	return timeOf(p, tagObtainedAt, written.Add(maxLead))
}

// issuerOf is the provider that issued a version's token; empty when unknown. Beside
// another value's tags the tag is another token's. One that stands without any other of
// this program's was put there with the token by hand.
func issuerOf(p Properties, f token.Fingerprint, tagged bool) string {
	byHand := p.Tags[tagFingerprint] == "" && p.Tags[tagGeneration] == ""
	if !tagged && !byHand && !isConsent(p, f) {
		return ""
	}
	name := strings.ToLower(strings.TrimSpace(p.Tags[tagProvider]))
	if a, err := token.NewAccount(name, ""); name == "" || err != nil || a.Provider != name {
		return ""
	}
	return name
}

// isConsent reports whether a version's tags are those of the given consent's token, which
// has no generation yet; see StoreConsent.
func isConsent(p Properties, f token.Fingerprint) bool {
	return p.Tags[tagFingerprint] == string(f) && p.Tags[tagGeneration] == ""
}

// userIDOf is the provider's id of the user; empty when unknown.
func userIDOf(p Properties) string {
	if !isUserID(p.Tags[tagUserID]) {
		return ""
	}
	return p.Tags[tagUserID]
}

func isUserID(text string) bool {
	return text != "" && len(text) <= maxUserID && utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

// intentsOf reads the intent record, the oldest run first. Of more than this program
// writes, the oldest stays, for it may have opened the replay window, and with it the
// newest.
func intentsOf(p Properties) []Intent {
	latest := time.Now().Add(intentLead)
	var intents []Intent
	for entry := range strings.SplitSeq(p.Tags[tagEarlierRun], ";") {
		runID, since, _ := strings.Cut(entry, " ")
		intents = append(intents, Intent{RunID: runID, At: readTime(since, latest)})
	}
	intents = append(intents, Intent{RunID: p.Tags[tagStartedRun], At: timeOf(p, tagStartedAt, latest)})
	intents = slices.DeleteFunc(intents, func(i Intent) bool { return len(i.RunID) > maxRunID || !validRunID.MatchString(i.RunID) })
	if extra := len(intents) - maxIntents; extra > 0 {
		intents = slices.Delete(intents, 1, 1+extra)
	}
	return intents
}
