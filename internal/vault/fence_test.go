package vault_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

func provenance(g token.Generation, fingerprint, parent, consent token.Fingerprint) token.Provenance {
	return token.Provenance{Generation: g, Fingerprint: fingerprint, Parent: parent, Consent: consent}
}

// byHand is the provenance of a token that other tools wrote.
func byHand(f token.Fingerprint) token.Provenance {
	return token.Provenance{Fingerprint: f, Consent: f}
}

func TestFenceRefresh(t *testing.T) {
	p := provenance
	const tagged, untagged = true, false
	for _, tc := range []struct {
		name    string
		current token.Provenance
		tagged  bool
		issued  token.Provenance
		want    vault.Decision
	}{
		{"the token that was spent gives way", p(4, "d", "c", "a"), tagged, p(5, "e", "d", "a"), vault.Write},
		{"a consent's token that was spent gives way", byHand("a"), untagged, p(1, "b", "a", "a"), vault.Write},
		{"the spent token gives way whatever its number", p(9, "d", "c", "a"), tagged, p(5, "e", "d", "a"), vault.Write},
		{"the same token is not written twice", p(5, "e", "d", "a"), tagged, p(5, "e", "d", "a"), vault.Skip},
		{"the same token under another number is not written twice", p(7, "e", "d", "a"), tagged, p(5, "e", "d", "a"), vault.Skip},
		{"the same token written by hand is not written twice", byHand("e"), untagged, p(5, "e", "d", "a"), vault.Skip},
		{"a token that does not rotate is not written twice", p(0, "a", "", "a"), tagged, p(0, "a", "", "a"), vault.Skip},
		{"an older generation on top is a late writer's", p(3, "c", "b", "a"), tagged, p(5, "e", "d", "a"), vault.Write},
		{"an older generation of another consent gives way", p(3, "c", "b", "a"), tagged, p(5, "z", "y", "x"), vault.Write},
		{"a newer generation stays", p(7, "g", "f", "a"), tagged, p(5, "e", "d", "a"), vault.Superseded},
		{"a newer generation of another consent stays", p(7, "z", "y", "x"), tagged, p(5, "e", "d", "a"), vault.Superseded},
		{"a new consent stays", byHand("x"), untagged, p(5, "e", "d", "a"), vault.Superseded},
		{"a new consent that a run has numbered stays", p(5, "x", "", "x"), tagged, p(5, "e", "d", "a"), vault.Superseded},
		{"the token that the issued one was spent for stays", p(6, "f", "e", "a"), tagged, p(5, "e", "d", "a"), vault.Superseded},
		{"so it does under the same number", p(5, "f", "e", "a"), tagged, p(5, "e", "d", "a"), vault.Superseded},
		{"two tokens of one generation and consent conflict", p(5, "f", "d", "a"), tagged, p(5, "e", "d", "a"), vault.Conflict},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Equal(t, tc.want, vault.FenceRefresh(tc.current, tc.tagged, tc.issued))
		})
	}
}

func TestFenceAccess(t *testing.T) {
	at := func(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }
	current := func(g token.Generation, f token.Fingerprint, seconds int) vault.AccessTokenInfo {
		return vault.AccessTokenInfo{Generation: g, Fingerprint: f, ObtainedAt: at(seconds), Tagged: true}
	}
	for _, tc := range []struct {
		name     string
		current  vault.AccessTokenInfo
		issued   token.Generation
		obtained time.Time
		want     vault.Decision
	}{
		{"no access token gives way", vault.AccessTokenInfo{}, 5, at(0), vault.Write},
		{"one that was written by hand gives way", vault.AccessTokenInfo{Fingerprint: "new", ObtainedAt: at(9)}, 5, at(0), vault.Write},
		{"the same one is not written twice", current(5, "new", 0), 5, at(0), vault.Skip},
		{"the same one of a later generation is not written twice", current(6, "new", 0), 5, at(0), vault.Skip},
		{"one of an older generation gives way", current(4, "old", 0), 5, at(3), vault.Write},
		{"by generation and not by the clock", current(4, "old", 9), 5, at(3), vault.Write},
		{"one of a later generation stays", current(6, "old", 0), 5, at(3), vault.Superseded},
		{"without rotation the later one wins", current(0, "old", 0), 0, at(3), vault.Write},
		{"without rotation the earlier one does not", current(0, "old", 9), 0, at(3), vault.Superseded},
		{"without rotation the first of two at once stays", current(0, "old", 3), 0, at(3), vault.Superseded},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := vault.FenceAccess(tc.current, token.Provenance{Generation: tc.issued}, "new", tc.obtained)
			require.Equal(t, tc.want, got)
		})
	}
}

func TestFenceConsent(t *testing.T) {
	const consent = token.Fingerprint("x")
	for _, tc := range []struct {
		name string
		view vault.ConsentView
		want vault.Decision
	}{
		// Before the consent's token is written, whatever is there gives way.
		{"nothing readable gives way", vault.ConsentView{Empty: true}, vault.Write},
		{"a generation of another consent gives way", vault.ConsentView{Current: provenance(5, "e", "d", "a")}, vault.Write},
		{"another consent gives way", vault.ConsentView{Current: byHand("y")}, vault.Write},
		{"a value that can be no token gives way", vault.ConsentView{Current: byHand("garbage")}, vault.Write},

		// Once it is written, the store ends as soon as it, or its successor, is current.
		{"the same token is not written twice", vault.ConsentView{Written: true, Current: byHand(consent)}, vault.Skip},
		{"nor is one that a run has numbered", vault.ConsentView{Written: true, Current: provenance(6, consent, "", consent)}, vault.Skip},
		{"nor is one that a run has just spent", vault.ConsentView{Written: true, Current: provenance(7, "y", consent, consent)}, vault.Skip},
		{"the same token written by other tools is not written twice", vault.ConsentView{Current: byHand(consent)}, vault.Skip},
		{"nor is one that a refresh has issued", vault.ConsentView{Current: provenance(5, consent, "d", "a")}, vault.Skip},

		// What came before the consent does not stay on top of it.
		{"a late store of an older lineage gives way", vault.ConsentView{Written: true, Current: provenance(5, "e", "d", "a"), Earlier: true}, vault.Write},
		{"a token of another lineage, new since, stays", vault.ConsentView{Written: true, Current: provenance(7, "z", "y", "y")}, vault.Superseded},
		{"another consent that came later stays", vault.ConsentView{Written: true, Current: byHand("y")}, vault.Superseded},
		{"a version that was disabled since is written again", vault.ConsentView{Written: true, Empty: true}, vault.Write},

		// A token that is known to be spent is never written.
		{"a spent one into an empty vault", vault.ConsentView{Spent: true, Empty: true}, vault.Superseded},
		{"a spent one under its successor", vault.ConsentView{Spent: true, Written: true, Current: provenance(7, "y", consent, consent)}, vault.Superseded},
		{"a spent one over an older token", vault.ConsentView{Spent: true, Written: true, Current: provenance(5, "e", "d", "a"), Earlier: true}, vault.Superseded},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Equal(t, tc.want, vault.FenceConsent(consent, tc.view))
		})
	}
}
