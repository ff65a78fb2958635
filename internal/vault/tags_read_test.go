package vault_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// programsTags are the names of the tags that the program writes.
var programsTags = []string{
	"generation", "fingerprint", "parent", "consent", "provider", "account", "user-id", "workflow-id", "run-id", "obtained-at", "grant-ends",
	"refresh-started-at", "refresh-run-id", "refresh-earlier-run", "follows-generation", "promoted-for",
}

// absurd are values of tags that the program never writes.
var absurd = []string{
	"", " ", "-1", "+5", "007", "1e3", "999999999", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
	"0001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "2999-01-01T00:00:00Z", "1900-01-01T00:00:00+23:59",
	"fitbit", "google-health", "FITBIT", "\x1b[2J", "a\nb", "ü\u202eevil", strings.Repeat("x", 512), strings.Repeat("a;", 256),
	"0123456789abcdef", "0123456789ABCDEF", "\x00", "run-1 2999-01-01T00:00:00Z;run-2 x; ;;",
}

// requireHarmless wants what a load returns to be fit for a history and a terminal.
func requireHarmless(t *testing.T, current vault.RefreshToken, access vault.AccessTokenInfo) {
	t.Helper()
	texts := []string{current.Provider, current.UserID, current.IntentRunID, string(current.Fingerprint), string(current.Parent), string(current.Consent)}
	for _, intent := range current.Intents() {
		texts = append(texts, intent.RunID)
		require.True(t, intent.At.Before(time.Now().Add(2*time.Hour)), "its window would stay open")
	}
	require.LessOrEqual(t, len(current.Intents()), 8)
	for _, text := range texts {
		require.LessOrEqual(t, len(text), 200)
		require.False(t, strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }), "%q", text)
	}
	for _, f := range []token.Fingerprint{current.Fingerprint, current.Parent, current.Consent} {
		require.Regexp(t, "^([0-9a-f]{16})?$", string(f))
	}
	require.GreaterOrEqual(t, current.Generation, token.Generation(0))
	require.Less(t, current.Generation, token.Generation(1_000_000_000))
	_, err := json.Marshal([]any{current.ObtainedAt, current.GrantEnds, current.IntentAt, current.Since(), access.Expires, access.ObtainedAt, current.Intents(), current.Provenance})
	require.NoError(t, err)
}

// issuedNow is issuedFor of any generation.
func issuedNow(h vault.RefreshToken, name string) vault.Entry {
	e := vault.Entry{Account: account, Pair: token.Pair{
		AccessToken: token.NewSecret("fake-access-" + name), RefreshToken: token.NewSecret("fake-refresh-" + name),
		Issue: token.Issue{ObtainedAt: time.Now(), Expiry: time.Now().Add(8 * time.Hour), UserID: "FAKE01"},
	}}
	e.Provenance = h.Next(e.RefreshToken.Fingerprint())
	return e
}

// A tag by a stranger neither stops an account nor is believed beyond what there can be:
// the next refreshes are stored, numbered and tagged.
func TestNoTagByAStrangerStopsAnAccount(t *testing.T) {
	for _, tag := range programsTags {
		for _, value := range absurd {
			for _, name := range []string{names.RefreshToken, names.AccessToken} {
				r := open(t)
				r.upTo(old, 2)
				top := r.top(name)
				top.Tags[tag] = value
				require.NoError(t, r.secrets.SetTags(t.Context(), name, top.Version, top.Tags))
				said := fmt.Sprintf("%s of %s is %q", tag, name, value)

				current, access, err := r.vault.Load(t.Context(), names, 0)
				if a, invalid := token.NewAccount(strings.ToLower(value), ""); tag == "provider" && name == names.RefreshToken && invalid == nil && a.Provider != "fitbit" {
					require.ErrorIs(t, err, vault.ErrOtherProvider)
					continue
				}
				require.NoError(t, err, said)
				requireHarmless(t, current, access)
				for i := range 3 {
					r.recordIntent(current)
					e := issuedNow(current, "next-"+strconv.Itoa(i))
					r.store(e)
					current, access = r.load()
					require.Equal(t, e.RefreshToken, current.Value, said)
					require.True(t, current.Tagged(), said)
					require.Equal(t, e.Provenance, current.Provenance, said)
					require.True(t, access.Tagged, said)
					require.Equal(t, current.Generation, access.Generation, said)
					requireHarmless(t, current, access)
				}
				for _, name := range []string{names.RefreshToken, names.AccessToken} {
					require.LessOrEqual(t, len(r.top(name).Tags), 15, said)
				}
			}
		}
	}
}

// The highest generation that counts still leaves room: the bound grows with the clock.
func TestWhatFollowsOnTheHighestGenerationCounts(t *testing.T) {
	clock := time.Now().Add(-24 * time.Hour)
	r := open(t)
	r.secrets.Now = func() time.Time { return clock }
	r.upTo(old, 1)
	top := r.top(names.RefreshToken)
	highest := top.Created.Unix() / 10
	for _, beyond := range []int64{1, 0} {
		top.Tags["generation"] = strconv.FormatInt(highest+beyond, 10)
		require.NoError(t, r.secrets.SetTags(t.Context(), names.RefreshToken, top.Version, top.Tags))
		current, _ := r.load()
		require.Equal(t, beyond == 0, current.Tagged())
	}
	for i := range 10 {
		clock = clock.Add(time.Minute)
		current, _ := r.load()
		require.True(t, current.Tagged())
		require.Equal(t, token.Generation(highest)+token.Generation(i), current.Generation)
		r.store(issuedNow(current, strconv.Itoa(i)))
	}
	current, _, err := r.vault.Load(t.Context(), names, 1<<62)
	require.NoError(t, err)
	require.Equal(t, token.Generation(highest)+10, current.Generation, "a generation that an operator has made up")
}

func TestATokenThatIsSaidToBeItsOwnParentIsNotSpent(t *testing.T) {
	r := open(t)
	r.upTo(old, 2)
	top := r.top(names.RefreshToken)
	top.Tags["parent"] = top.Tags["fingerprint"]
	require.NoError(t, r.secrets.SetTags(t.Context(), names.RefreshToken, top.Version, top.Tags))
	current, _ := r.load()
	require.Equal(t, old.refresh(2), current.Value)
}

func TestAnIntentRecordByAStrangerIsBounded(t *testing.T) {
	r := open(t)
	r.upTo(old, 2)
	top := r.top(names.RefreshToken)
	var entries []string
	for i := range 100 {
		entries = append(entries, fmt.Sprintf("r%d", i))
	}
	top.Tags["refresh-earlier-run"] = strings.Join(entries, ";")
	top.Tags["refresh-run-id"], top.Tags["refresh-started-at"] = "run-9", time.Now().Add(48*time.Hour).Format(time.RFC3339)
	require.NoError(t, r.secrets.SetTags(t.Context(), names.RefreshToken, top.Version, top.Tags))
	current, _ := r.load()
	intents := current.Intents()
	require.Len(t, intents, 8)
	require.Equal(t, "r0", intents[0].RunID, "the oldest")
	require.Equal(t, vault.Intent{RunID: "run-9"}, intents[7], "the newest, at a time that is unknown")
	require.Zero(t, current.IntentAt)
}

// Nothing shows that Key Vault keeps two tags apart whose names differ in case alone.
func TestAnOwnersTagOfAProgramsNameInAnotherCaseGivesWay(t *testing.T) {
	r := open(t)
	r.upTo(old, 2)
	top := r.top(names.RefreshToken)
	top.Tags["Generation"], top.Tags["Refresh-Run-ID"], top.Tags["team"] = "x", "y", "health"
	require.NoError(t, r.secrets.SetTags(t.Context(), names.RefreshToken, top.Version, top.Tags))
	current, _ := r.load()
	r.recordIntent(current)
	r.store(issuedFor(current, "next"))
	tags := r.top(names.RefreshToken).Tags
	lower := map[string]bool{}
	for tag := range maps.Keys(tags) {
		require.False(t, lower[strings.ToLower(tag)], tag)
		lower[strings.ToLower(tag)] = true
	}
	require.Equal(t, "health", tags["team"])
}

func TestTheEndOfAGrantIsKeptWithItsRefreshToken(t *testing.T) {
	ends := time.Now().Add(90 * 24 * time.Hour).Truncate(time.Second).UTC()
	r := openUnproven(t)
	pair := old.entry(0).Pair
	pair.GrantEnds = ends
	_, err := r.vault.StoreConsent(t.Context(), names, account, pair)
	require.NoError(t, err)
	require.Equal(t, ends.Format(time.RFC3339), r.top(names.RefreshToken).Tags["grant-ends"])
	require.NotContains(t, r.top(names.AccessToken).Tags, "grant-ends")
	current, _ := r.load()
	require.Equal(t, ends, current.GrantEnds)
	require.NoError(t, vault.New(r.secrets).RecordIntent(t.Context(), names, account, current, run, nil)) // with a proof
	require.Len(t, r.secrets.All(names.RefreshToken), 2)
	current, _ = r.load()
	require.Equal(t, ends, current.GrantEnds, "a proof carries it")

	e := issuedFor(current, "1")
	e.GrantEnds = ends
	r.store(e)
	current, _ = r.load()
	require.Equal(t, ends, current.GrantEnds)
	require.NotContains(t, r.top(names.AccessToken).Tags, "grant-ends")
	r.store(issuedFor(current, "2")) // its answer and its grant state none
	current, _ = r.load()
	require.Zero(t, current.GrantEnds)
	require.NotContains(t, r.top(names.RefreshToken).Tags, "grant-ends")
}

func TestAPromotedConsentKeepsTheEndOfItsGrant(t *testing.T) {
	ends := time.Now().Add(90 * 24 * time.Hour).Truncate(time.Second).UTC()
	r := open(t)
	r.secrets.Now = seconds()
	r.upTo(old, 2)
	dead := old.provenance(3)
	pair := token.Pair{RefreshToken: token.NewSecret("fake-refresh-consent"), Issue: token.Issue{GrantEnds: ends}}
	_, err := r.vault.StoreConsent(t.Context(), names, account, pair)
	require.NoError(t, err)
	r.writeOver(old.entry(3))
	found, err := r.vault.PromoteSuccessor(t.Context(), names, account, dead, run)
	require.NoError(t, err)
	require.True(t, found)
	current, _ := r.load()
	require.Equal(t, pair.RefreshToken, current.Value)
	require.Equal(t, ends, current.GrantEnds)
}

// writeOver puts an entry's refresh token on top, as a late store of another program's may.
func (r *fixture) writeOver(e vault.Entry) {
	r.t.Helper()
	_, err := r.secrets.Set(r.t.Context(), names.RefreshToken, e.RefreshToken, vault.Properties{Tags: r.tagsOf(e)})
	require.NoError(r.t, err)
}
