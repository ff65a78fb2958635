package vault

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

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
	tagGrantEnds   = "grant-ends" // of a refresh token alone

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
)

// Run names the workflow run that writes, for the tags of what it writes.
type Run struct {
	WorkflowID string
	RunID      string
}

// tagsOf describes a token version: its provenance, its origin and its writer.
func tagsOf(a token.Account, p token.Provenance, issue token.Issue, run Run) map[string]string {
	tags := originTags(a, p.Fingerprint, issue)
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
func originTags(a token.Account, f token.Fingerprint, issue token.Issue) map[string]string {
	tags := map[string]string{
		tagFingerprint: string(f),
		tagProvider:    a.Provider,
		tagAccount:     a.Name,
	}
	if isUserID(issue.UserID) {
		tags[tagUserID] = issue.UserID
	}
	if !issue.ObtainedAt.IsZero() {
		tags[tagObtainedAt] = issue.ObtainedAt.UTC().Format(time.RFC3339Nano)
	}
	return tags
}

// withGrantEnds adds to a refresh token's tags when its grant ends.
func withGrantEnds(tags map[string]string, ends time.Time) map[string]string {
	if !ends.IsZero() {
		tags[tagGrantEnds] = ends.UTC().Format(time.RFC3339)
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
	own := tagsOf(a, t.Provenance, token.Issue{UserID: t.UserID, ObtainedAt: t.ObtainedAt}, run)
	return fitTags(withGrantEnds(own, t.GrantEnds), t.properties.Tags, intentTags)
}

// truncate cuts a text to what a tag takes, without what a terminal would obey.
func truncate(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
	if len(s) > maxTagLength {
		return strings.ToValidUTF8(s[:maxTagLength], "")
	}
	return s
}
