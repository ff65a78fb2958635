package vault

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/token"
)

// version is one of a listing, created at a second; its tags are those of a token of
// a generation with a parent and a consent.
func version(second int, g token.Generation, fingerprint, parent, consent string) Properties {
	p := token.Provenance{Generation: g, Fingerprint: fp(fingerprint), Parent: fp(parent), Consent: fp(consent)}
	v := untagged(second, fingerprint)
	v.Tags = tagsOf(token.Account{}, p, token.Issue{}, Run{})
	return v
}

// fp is the fingerprint that a letter stands for.
func fp(letter string) token.Fingerprint {
	if letter == "" {
		return ""
	}
	return token.Fingerprint(fmt.Sprintf("%016x", letter[0]))
}

// at is the second of a listing.
func at(second int) time.Time { return firstTime.Add(time.Hour + time.Duration(second)*time.Second) }

// untagged is a version that other tools wrote.
func untagged(second int, name string) Properties {
	return Properties{Version: fmt.Sprintf("%s@%d", name, second), Created: at(second), Enabled: true}
}

func disabled(p Properties) Properties {
	p.Enabled = false
	return p
}

// listing has consent "a" with the generations 0 to
// 2 ("a", "b", "c") and, given while "c" was in flight, the consents "x" and "y", both
// numbered 2.
func listing() []Properties {
	return []Properties{
		version(1, 0, "a", "", "a"),
		version(2, 1, "b", "a", "a"),
		version(3, 2, "x", "", "x"),
		version(4, 2, "y", "", "y"),
		version(5, 2, "c", "b", "a"),
	}
}

func TestOrderNewer(t *testing.T) {
	o := newOrder(append(listing(), version(9, 2, "x", "", "x"))) // x was written again late
	p := func(g token.Generation, fingerprint, parent string) token.Provenance {
		return token.Provenance{Generation: g, Fingerprint: fp(fingerprint), Parent: fp(parent)}
	}
	for _, tc := range []struct {
		name         string
		newer, older token.Provenance
	}{
		{"a later generation", p(2, "c", "b"), p(1, "b", "a")},
		{"a later generation of a consent", p(2, "x", ""), p(1, "b", "a")},
		{"a consent, than what was in flight when it was given", p(2, "x", ""), p(2, "c", "b")},
		{"of two consents with one number, the one whose first version is later", p(2, "y", ""), p(2, "x", "")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.True(t, o.newer(tc.newer, tc.older))
			require.False(t, o.newer(tc.older, tc.newer))
		})
	}
	t.Run("neither of two rotated tokens of one generation", func(t *testing.T) {
		require.False(t, o.newer(p(2, "c", "b"), p(2, "d", "b")))
		require.False(t, o.newer(p(2, "d", "b"), p(2, "c", "b")))
	})
	t.Run("no token than itself", func(t *testing.T) {
		require.False(t, o.newer(p(2, "x", ""), p(2, "x", "")))
	})
}

func TestOrderRanksUnspentBeforeSpentThenTheNewer(t *testing.T) {
	for _, tc := range []struct {
		name     string
		versions []Properties
		want     []string
	}{
		{"nothing", nil, nil},
		{"consents before what was in flight, spent ones last", listing(), []string{"y@4", "x@3", "c@5", "b@2", "a@1"}},
		{"a spent one whatever its number", []Properties{version(1, 9, "a", "", "a"), version(2, 1, "b", "a", "a")}, []string{"b@2", "a@1"}},
		{"of one token's versions the later one", []Properties{version(1, 0, "a", "", "a"), version(2, 0, "a", "", "a")}, []string{"a@2", "a@1"}},
		{"none without a provenance", []Properties{untagged(1, "hand"), version(2, 0, "a", "", "a")}, []string{"a@2"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Equal(t, tc.want, names(newOrder(tc.versions).ranked))
			slices.Reverse(tc.versions)
			require.Equal(t, tc.want, names(newOrder(tc.versions).ranked), "listings come in no order")
		})
	}
}

func names(versions []listed) (names []string) {
	for _, v := range versions {
		names = append(names, v.Version)
	}
	return names
}

func candidateNames(all []candidate) []string {
	var versions []listed
	for _, c := range all {
		versions = append(versions, c.listed)
	}
	return names(versions)
}

func tookPlace(p Properties, dead string) Properties {
	p.Tags[tagPromoted] = string(fp(dead))
	return p
}

func TestOrderIsStale(t *testing.T) {
	tagged := func(g token.Generation, f, parent string) RefreshToken {
		return RefreshToken{Provenance: token.Provenance{Generation: g, Fingerprint: fp(f), Parent: fp(parent)}, tagged: true}
	}
	byHand := func(f string) RefreshToken {
		return RefreshToken{Provenance: token.Provenance{Fingerprint: fp(f), Consent: fp(f)}}
	}
	line := []Properties{version(1, 0, "a", "", "a"), version(2, 1, "b", "a", "a"), version(3, 2, "c", "b", "a")}
	for _, tc := range []struct {
		name     string
		current  RefreshToken
		versions []Properties
		want     bool
	}{
		{"the newest", tagged(2, "c", "b"), line, false},
		{"a spent one", tagged(1, "b", "a"), line, true},
		{"an unspent one of an older generation", tagged(1, "z", "y"), line, true},
		{"one that the listing lacks as yet", tagged(3, "d", "c"), line, false},
		{"the only one", tagged(0, "a", ""), nil, false},
		{"a new consent", byHand("x"), line, false},
		{"a spent one that was written again by hand", byHand("b"), line, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Equal(t, tc.want, newOrder(tc.versions).isStale(tc.current))
		})
	}
}

func TestOrderCandidates(t *testing.T) {
	line := []Properties{version(1, 0, "a", "", "a"), version(2, 1, "b", "a", "a"), version(5, 2, "c", "b", "a")}
	dead := token.Provenance{Generation: 2, Fingerprint: fp("c"), Parent: fp("b"), Consent: fp("a")}
	for _, tc := range []struct {
		name string
		more []Properties
		want []string
	}{
		{"nothing is older than the dead token and unspent", nil, nil},
		{"a later generation", []Properties{version(6, 3, "d", "c", "a")}, []string{"d@6"}},
		{"what the dead token was spent for, under whatever number", []Properties{version(6, 1, "d", "c", "a")}, []string{"d@6"}},
		{"the best first", []Properties{version(6, 3, "d", "c", "a"), version(7, 4, "z", "y", "x")}, []string{"z@7", "d@6"}},
		{"not a spent one", []Properties{version(6, 3, "d", "c", "a"), version(7, 4, "e", "d", "a")}, []string{"e@7"}},
		{"a consent of the dead token's generation", []Properties{version(4, 2, "x", "", "x")}, []string{"x@4"}},
		{"hidden versions last, the latest first", []Properties{untagged(3, "hand"), untagged(4, "hand"), version(6, 3, "d", "c", "a")}, []string{"d@6", "hand@4", "hand@3"}},
		{"hidden versions from the second of this program's first one", []Properties{untagged(1, "hand")}, []string{"hand@1"}},
		{"none from before it", []Properties{untagged(0, "hand")}, nil},
		{"a numbered consent that was never spent, whatever its generation", []Properties{version(3, 1, "x", "", "x")}, []string{"x@3"}},
		{"hidden consents by their age alone", []Properties{untagged(2, "hand"), version(3, 0, "x", "", "x"), untagged(4, "hand")}, []string{"hand@4", "x@3", "hand@2"}},
		{"no consent that was spent", []Properties{version(3, 0, "x", "", "x"), version(4, 1, "y", "x", "x")}, nil},
		{"no consent that is known to be dead", []Properties{version(3, 1, "x", "", "x"), tookPlace(version(4, 1, "y", "", "y"), "x")}, []string{"y@4"}},
		{"none that is disabled", []Properties{disabled(untagged(4, "hand"))}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Equal(t, tc.want, candidateNames(newOrder(append(slices.Clone(line), tc.more...)).candidates(dead)))
		})
	}
	t.Run("hidden versions after a dead consent itself", func(t *testing.T) {
		o := newOrder([]Properties{version(3, 0, "a", "", "a"), untagged(2, "hand"), untagged(4, "hand")})
		require.Equal(t, []string{"hand@4"}, candidateNames(o.candidates(token.Provenance{Fingerprint: fp("a"), Consent: fp("a")})))
	})
	t.Run("all hidden versions where this program wrote none", func(t *testing.T) {
		require.Equal(t, []string{"hand@2"}, candidateNames(newOrder([]Properties{untagged(2, "hand")}).candidates(dead)))
	})
}

func TestOrderCovered(t *testing.T) {
	over, proof := version(3, 1, "b", "a", "a"), version(9, 1, "b", "a", "a")
	for _, tc := range []struct {
		name     string
		versions []Properties
		want     []string
	}{
		{"what came after the version that it lies on", []Properties{untagged(4, "hand")}, []string{"hand@4"}},
		{"also under another proof of the same token", []Properties{untagged(4, "hand"), version(5, 1, "b", "a", "a")}, []string{"hand@4"}},
		{"not what came before it", []Properties{untagged(3, "hand")}, nil},
		{"not what a later token covers as well", []Properties{untagged(4, "hand"), version(5, 2, "x", "", "x")}, nil},
		{"not what is disabled", []Properties{disabled(untagged(4, "hand"))}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := newOrder(append(tc.versions, over, proof))
			require.Equal(t, tc.want, names(o.covered(fp("b"), over.Version)))
			require.Empty(t, o.covered(fp("b"), "unknown"))
			require.Empty(t, o.covered(fp("b"), ""))
		})
	}
}

func TestOrderMaySucceed(t *testing.T) {
	o := newOrder([]Properties{version(1, 0, "a", "", "a"), version(2, 1, "b", "a", "a"), version(3, 2, "c", "b", "a")})
	dead := token.Provenance{Generation: 1, Fingerprint: fp("b")}
	candidate := func(f string, tagged bool) RefreshToken {
		return RefreshToken{Provenance: token.Provenance{Fingerprint: fp(f)}, tagged: tagged}
	}
	require.True(t, o.maySucceed(candidate("c", true), dead))
	require.True(t, o.maySucceed(candidate("x", false), dead), "a consent")
	require.False(t, o.maySucceed(candidate("c", false), dead), "a copy of a token that has a generation")
	require.False(t, o.maySucceed(candidate("a", true), dead), "a spent token")
	require.False(t, o.maySucceed(candidate("c", true), token.Provenance{Fingerprint: fp("c")}), "the dead token itself")
}

func TestOrderNumbersAConsentAfterAllGenerations(t *testing.T) {
	for _, tc := range []struct {
		name     string
		access   AccessTokenInfo
		versions []Properties
		want     token.Generation
	}{
		{"a new account", AccessTokenInfo{}, []Properties{untagged(1, "hand")}, 0},
		{"after the refresh tokens", AccessTokenInfo{Tagged: true}, listing(), 3},
		{"after the access token, where the refresh tokens were purged", AccessTokenInfo{Tagged: true, Generation: 6}, nil, 7},
		{"not after an access token that was written by hand", AccessTokenInfo{Generation: 6}, nil, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Equal(t, tc.want, newOrder(tc.versions).nextGeneration(tc.access))
		})
	}
}

func TestOrderKnowsWhatCameBeforeAConsent(t *testing.T) {
	consent := untagged(4, "x")
	consent.Tags = originTags(token.Account{}, fp("x"), token.Issue{})
	again := consent
	again.Version, again.Created = "x@8", at(8)
	versions := []Properties{
		version(1, 0, "a", "", "a"), untagged(2, "hand"), version(4, 1, "b", "a", "a"), untagged(4, "hand"),
		version(5, 2, "c", "b", "a"), untagged(6, "hand"),
	}

	before, written := newOrder(versions).earlier(fp("x"))
	require.False(t, written)
	require.Len(t, before, len(versions), "all, as long as it is not written")

	o := newOrder(append(versions, again, consent))
	before, written = o.earlier(fp("x"))
	require.True(t, written)
	require.Equal(t, map[string]bool{"a@1": true, "hand@2": true, "b@4": true}, before)

	require.True(t, o.descendsFrom(RefreshToken{Version: "hand@2"}, before), "one of them")
	require.True(t, o.descendsFrom(RefreshToken{Version: "c@5", tagged: true, Provenance: token.Provenance{Consent: fp("a")}}, before), "of the lineage of one of them")
	require.False(t, o.descendsFrom(RefreshToken{Version: "hand@6"}, before))
	require.False(t, o.descendsFrom(RefreshToken{Version: "z@9", tagged: true, Provenance: token.Provenance{Consent: fp("z")}}, before))
}

func TestOrderLastDisabled(t *testing.T) {
	_, found := newOrder(listing()).lastDisabled()
	require.False(t, found)
	last, found := newOrder([]Properties{
		version(9, 9, "z", "", "z"), disabled(version(5, 1, "b", "a", "a")), disabled(version(5, 2, "c", "b", "a")), disabled(version(4, 7, "y", "", "y")),
	}).lastDisabled()
	require.True(t, found)
	require.Equal(t, "c@5", last.Version, "the later one, and within a second the later generation")
}

func TestATokenIsRelistedWithTheTagsThatItHasByNow(t *testing.T) {
	value := token.NewSecret("fake")
	f := value.Fingerprint()
	read := refreshTokenOf(Secret{Properties: untagged(1, "hand"), Value: value})
	require.False(t, read.tagged)
	numbered := untagged(1, "hand")
	numbered.Tags = tagsOf(token.Account{}, token.Provenance{Generation: 3, Fingerprint: f, Consent: f}, token.Issue{}, Run{})

	now := read.relisted([]Properties{version(2, 1, "b", "a", "a"), numbered})
	require.True(t, now.tagged, "a run has numbered it since it was read")
	require.Equal(t, token.Generation(3), now.Generation)
	require.Equal(t, read, read.relisted([]Properties{version(2, 1, "b", "a", "a")}), "a listing may lack it")
	withoutValue := RefreshToken{Version: "b@2", tagged: true, Provenance: token.Provenance{Generation: 1, Fingerprint: fp("b")}}
	require.Equal(t, withoutValue, withoutValue.relisted([]Properties{version(2, 1, "b", "a", "a")}), "a disabled one has no value to read")
}
