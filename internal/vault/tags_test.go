package vault_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

func TestTheIntentRecordIsOnTheTokenThatWillBeSpent(t *testing.T) {
	r := open(t)
	r.upTo(old, 5)
	before := r.top(names.RefreshToken).Tags
	current, _ := r.load()
	require.Empty(t, current.IntentRunID)
	require.NoError(t, r.vault.RecordIntent(t.Context(), names, account, current, vault.Run{WorkflowID: "refresh-will", RunID: "run-2"}, current.Intents()))

	after := r.top(names.RefreshToken).Tags
	started, err := time.Parse(time.RFC3339Nano, after["refresh-started-at"])
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), started, time.Minute)
	require.Equal(t, "run-2", after["refresh-run-id"])
	delete(after, "refresh-started-at")
	delete(after, "refresh-run-id")
	require.Equal(t, before, after, "the run that stored it stays named")

	current, _ = r.load()
	require.Equal(t, "run-2", current.IntentRunID)
	require.Equal(t, started, current.IntentAt)
	require.Len(t, r.secrets.All(names.RefreshToken), 6, "no version was written")
}

func TestARunThatLoadsTwiceStillLearnsOfTheRunBeforeIt(t *testing.T) {
	r := open(t)
	r.upTo(old, 5)
	begin := func(runID string) {
		current, _ := r.load()
		require.NoError(t, r.vault.RecordIntent(t.Context(), names, account, current, vault.Run{WorkflowID: "refresh-will", RunID: runID}, current.Intents()))
	}
	begin("run-1")
	first, _ := r.load()
	begin("run-2")
	begin("run-2")

	current, _ := r.load()
	require.Equal(t, []vault.Intent{{RunID: "run-1", At: first.IntentAt}, {RunID: "run-2", At: current.IntentAt}}, current.Intents())
	require.Equal(t, []vault.Intent{{RunID: "run-1", At: first.IntentAt}}, first.Intents())
}

// The oldest run may have opened the replay window: where not all fit, it stays, and with
// it the newest ones.
func TestAnIntentRecordThatIsFullKeepsTheOldestRunAndTheNewest(t *testing.T) {
	r := open(t)
	r.upTo(old, 5)
	var all []vault.Intent
	for i := range 20 {
		at := noon.Add(time.Duration(i) * time.Minute)
		all = append(all, vault.Intent{RunID: fmt.Sprintf("0197a1b2-c3d4-7e5f-8a9b-%012d", i), At: at})
	}
	current, _ := r.load()
	require.NoError(t, r.vault.RecordIntent(t.Context(), names, account, current, run, all))
	record := r.top(names.RefreshToken).Tags["refresh-earlier-run"]
	require.LessOrEqual(t, len(record), 512)
	require.Greater(t, len(record), 400, "as many as fit")

	current, _ = r.load()
	kept := current.Intents()
	require.Equal(t, all[0], kept[0])
	require.Equal(t, run.RunID, kept[len(kept)-1].RunID)
	newest := kept[1 : len(kept)-1]
	require.Equal(t, all[len(all)-len(newest):], newest)
}

func TestANewValueBesideOldTagsHasNoIntentRecord(t *testing.T) {
	r := open(t)
	r.upTo(old, 5)
	for _, id := range []string{"run-1", "run-2"} {
		current, _ := r.load()
		require.NoError(t, r.vault.RecordIntent(t.Context(), names, account, current, vault.Run{WorkflowID: "refresh-will", RunID: id}, current.Intents()))
	}
	_, err := r.secrets.Set(t.Context(), names.RefreshToken, token.NewSecret("fake-refresh-new-6"), vault.Properties{Tags: r.top(names.RefreshToken).Tags})
	require.NoError(t, err)
	current, _ := r.load()
	require.Empty(t, current.Intents())
}

func TestAnIntentRecordNumbersANewConsent(t *testing.T) {
	r := open(t)
	r.upTo(old, 5)
	r.secrets.Put(names.RefreshToken, "fake-refresh-new-6")
	current, _ := r.load()
	r.recordIntent(current)
	tags := r.top(names.RefreshToken).Tags
	fingerprint := string(current.Fingerprint)
	require.NotEmpty(t, tags["refresh-started-at"])
	delete(tags, "refresh-started-at")
	require.Equal(t, map[string]string{
		"generation": "6", "fingerprint": fingerprint, "consent": fingerprint,
		"provider": "fitbit", "account": "will",
		"workflow-id": run.WorkflowID, "run-id": run.RunID, "refresh-run-id": run.RunID,
	}, tags)
	again, _ := r.load()
	require.Equal(t, current.Provenance, again.Provenance)
}

func TestStoredVersionsDescribeThemselves(t *testing.T) {
	r := open(t)
	r.upTo(old, 5)
	e := old.entry(5)
	want := map[string]string{
		"generation": "5", "fingerprint": string(e.Provenance.Fingerprint),
		"parent": string(e.Provenance.Parent), "consent": string(e.Provenance.Consent),
		"provider": "fitbit", "account": "will", "user-id": "FAKE01",
		"workflow-id": run.WorkflowID, "run-id": run.RunID,
		"obtained-at": e.ObtainedAt.Format(time.RFC3339Nano),
	}
	require.Equal(t, want, r.top(names.RefreshToken).Tags)
	want["fingerprint"] = string(e.AccessToken.Fingerprint())
	require.Equal(t, want, r.top(names.AccessToken).Tags)
	require.Equal(t, e.Expiry, r.top(names.AccessToken).Expires)
	require.Zero(t, r.top(names.RefreshToken).Expires)
}

func TestAnIntentRecordKeepsTheOwnersTagsUpToKeyVaultsFifteen(t *testing.T) {
	r := open(t)
	r.upTo(old, 5)
	version := r.top(names.RefreshToken).Version
	owned := maps.Clone(r.top(names.RefreshToken).Tags)
	owned["file-encoding"], owned["team"], owned["cost-center"] = "utf-8", "health", "42"
	require.NoError(t, r.secrets.SetTags(t.Context(), names.RefreshToken, version, owned))
	current, _ := r.load()
	r.recordIntent(current)
	tags := r.top(names.RefreshToken).Tags
	require.Len(t, tags, 15)
	for _, mine := range []string{"file-encoding", "team", "cost-center"} {
		require.Equal(t, owned[mine], tags[mine])
	}
	current, _ = r.load()
	r.recordIntent(current) // a second attempt fits as well

	tags["one-more"] = "fake"
	require.NoError(t, r.secrets.SetTags(t.Context(), names.RefreshToken, version, tags))
	current, _ = r.load()
	r.recordIntent(current)
	tags = r.top(names.RefreshToken).Tags
	require.Len(t, tags, 15)
	require.Equal(t, "fake", tags["one-more"], "the writer's own names give way")
	require.NotContains(t, tags, "account")
	reread, _ := r.load()
	require.Equal(t, current.Provenance, reread.Provenance)
	require.Equal(t, run.RunID, reread.IntentRunID)
}

func TestTagsStayWithinKeyVaultsLength(t *testing.T) {
	r := open(t)
	long := vault.Run{WorkflowID: strings.Repeat("ü", 600), RunID: strings.Repeat("x", 511) + "ü"}
	_, err := r.vault.Store(t.Context(), names, old.entry(1), long)
	require.NoError(t, err)
	current, _ := r.load()
	require.NoError(t, r.vault.RecordIntent(t.Context(), names, account, current, long, current.Intents()))
	for tag, value := range r.top(names.RefreshToken).Tags {
		require.LessOrEqual(t, len(value), 512, tag)
		require.True(t, utf8.ValidString(value), tag)
	}
}

func TestAVaultThatTakesNoWritesFailsTheIntentRecord(t *testing.T) {
	for _, kind := range []error{vault.ErrReadOnly, vault.ErrDenied, vault.ErrThrottled, vault.ErrUnavailable} {
		r := open(t)
		r.upTo(old, 5)
		r.secrets.Before = refusing("tag "+names.RefreshToken, kind)
		current, _ := r.load()
		err := r.vault.RecordIntent(t.Context(), names, account, current, run, current.Intents())
		require.ErrorIs(t, err, kind)
		require.True(t, vault.Retryable(err))
	}
}

func TestHandEditedTagsStateNoProvenance(t *testing.T) {
	for _, edit := range []map[string]string{
		{"generation": "five"}, {"generation": "-1"}, {"generation": ""}, {"fingerprint": ""}, {"consent": ""}, {"fingerprint": "0123456789abcdef"},
	} {
		r := open(t)
		r.upTo(old, 5)
		tags := r.top(names.RefreshToken).Tags
		maps.Copy(tags, edit)
		require.NoError(t, r.secrets.SetTags(t.Context(), names.RefreshToken, r.top(names.RefreshToken).Version, tags))
		current, _ := r.load()
		require.Equal(t, old.refresh(5), current.Value, "%v", edit)
		require.Equal(t, token.Generation(6), current.Generation, "%v", edit)
		require.Equal(t, current.Fingerprint, current.Consent)
	}
	r := open(t)
	r.upTo(old, 5)
	tags := r.top(names.RefreshToken).Tags
	tags["obtained-at"] = "yesterday"
	require.NoError(t, r.secrets.SetTags(t.Context(), names.RefreshToken, r.top(names.RefreshToken).Version, tags))
	current, _ := r.load()
	require.Equal(t, old.provenance(5), current.Provenance)
	require.Zero(t, current.ObtainedAt)
}

func TestNoTagHoldsASecret(t *testing.T) {
	r := open(t)
	r.upTo(old, 3)
	current, _ := r.load()
	r.recordIntent(current)
	for _, name := range []string{names.RefreshToken, names.AccessToken} {
		for _, s := range r.secrets.All(name) {
			for _, value := range slices.Collect(maps.Values(s.Tags)) {
				require.NotContains(t, value, "fake-")
			}
		}
	}
	shown := fmt.Sprintf("%v %+v %#v", current, current, current)
	require.NotContains(t, shown, "fake-refresh")
}

// A time beyond the year 9999 has no JSON: a result that held it could not be recorded.
func TestAnExpiryThatNoJSONHasIsUnknown(t *testing.T) {
	r := open(t)
	r.upTo(old, 1)
	top := r.top(names.AccessToken)
	top.Expires = time.Date(58872, 5, 4, 0, 0, 0, 0, time.UTC)
	_, err := r.secrets.Set(t.Context(), names.AccessToken, top.Value, top.Properties)
	require.NoError(t, err)
	_, access := r.load()
	require.Zero(t, access.Expires)
	require.Equal(t, token.Generation(1), access.Generation)
}
