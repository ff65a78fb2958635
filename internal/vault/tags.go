package vault

import (
	"maps"
	"strconv"
	"strings"
	"time"

	"tokenkeeper/internal/token"
)

// The tags that every token version carries. Key Vault takes 15 tags of up to
// 512 characters each on a version; these leave room for two of the owner's.
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
	// The intent record before that: its run and, after a space, its time.
	tagEarlierRun = "refresh-earlier-run"

	maxTags      = 15
	maxTagLength = 512
)

// Run names the workflow run that acts, for the tags of what it writes.
type Run struct {
	WorkflowID string
	RunID      string
}

// tagsOf describes one token version.
func tagsOf(a token.Account, p token.Provenance, userID string, obtained time.Time, run Run) map[string]string {
	tags := map[string]string{
		tagGeneration:  strconv.Itoa(int(p.Generation)),
		tagFingerprint: string(p.Fingerprint),
		tagConsent:     string(p.Consent),
		tagProvider:    a.Provider,
		tagAccount:     a.Name,
		tagWorkflowID:  run.WorkflowID,
		tagRunID:       run.RunID,
	}
	if p.Parent != "" {
		tags[tagParent] = string(p.Parent)
	}
	if userID != "" {
		tags[tagUserID] = userID
	}
	if !obtained.IsZero() {
		tags[tagObtainedAt] = obtained.UTC().Format(time.RFC3339Nano)
	}
	for k, v := range tags {
		tags[k] = truncate(v)
	}
	return tags
}

// withIntent returns the tags of a refresh token that run is about to spend.
func withIntent(h RefreshToken, a token.Account, run Run, now time.Time) map[string]string {
	tags := numbered(h, a, run)
	if earlier := tags[tagStartedRun]; earlier != "" && earlier != run.RunID {
		tags[tagEarlierRun] = truncate(earlier + " " + tags[tagStartedAt])
	}
	tags[tagStartedAt] = now.UTC().Format(time.RFC3339Nano)
	tags[tagStartedRun] = truncate(run.RunID)
	return tags
}

// numbered returns the tags of a refresh token with those that say which one it
// is. It keeps whatever its owner put there and, where it is one of ours, the
// intent record. Tags of ours that describe another value go: they would make a
// person's new consent look like the old one.
func numbered(h RefreshToken, a token.Account, run Run) map[string]string {
	tags := maps.Clone(h.properties.Tags)
	if h.tagged {
		return tags
	}
	if tags == nil {
		tags = map[string]string{}
	}
	for _, stale := range []string{tagParent, tagUserID, tagObtainedAt, tagStartedAt, tagStartedRun, tagEarlierRun} {
		delete(tags, stale)
	}
	maps.Copy(tags, tagsOf(a, h.Provenance, h.UserID, h.ObtainedAt, run))
	return tags
}

// provenanceOf reads a version's tags. ok is false where they are not ours.
func provenanceOf(tags map[string]string) (p token.Provenance, ok bool) {
	generation, err := strconv.Atoi(tags[tagGeneration])
	if err != nil || generation < 0 || tags[tagFingerprint] == "" || tags[tagConsent] == "" {
		return token.Provenance{}, false
	}
	return token.Provenance{
		Generation:  token.Generation(generation),
		Fingerprint: token.Fingerprint(tags[tagFingerprint]),
		Parent:      token.Fingerprint(tags[tagParent]),
		Consent:     token.Fingerprint(tags[tagConsent]),
	}, true
}

// timeOf reads one of a version's time tags; zero where there is none.
func timeOf(tags map[string]string, tag string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, tags[tag])
	if err != nil {
		return time.Time{}
	}
	return t
}

func truncate(s string) string {
	if len(s) > maxTagLength {
		return strings.ToValidUTF8(s[:maxTagLength], "")
	}
	return s
}
