package vault_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

func TestFenceRefresh(t *testing.T) {
	p := func(g token.Generation, fingerprint, parent, consent token.Fingerprint) token.Provenance {
		return token.Provenance{Generation: g, Fingerprint: fingerprint, Parent: parent, Consent: consent}
	}
	byHand := func(f token.Fingerprint) token.Provenance { return token.Provenance{Fingerprint: f, Consent: f} }
	const tagged, untagged = true, false

	for _, tc := range []struct {
		name   string
		held   token.Provenance
		tagged bool
		issued token.Provenance
		want   vault.Decision
	}{
		{"the token that was spent gives way", p(4, "d", "c", "a"), tagged, p(5, "e", "d", "a"), vault.Write},
		{"a consent's token that was spent gives way", byHand("a"), untagged, p(1, "b", "a", "a"), vault.Write},
		{"the spent token gives way whatever its number", p(9, "d", "c", "a"), tagged, p(5, "e", "d", "a"), vault.Write},
		{"the same token is not written twice", p(5, "e", "d", "a"), tagged, p(5, "e", "d", "a"), vault.Skip},
		{"the same token under another number is not written twice", p(7, "e", "d", "a"), tagged, p(5, "e", "d", "a"), vault.Skip},
		{"the same token put there by hand is not written twice", byHand("e"), untagged, p(5, "e", "d", "a"), vault.Skip},
		{"a token that does not rotate is not written twice", p(0, "a", "", "a"), tagged, p(0, "a", "", "a"), vault.Skip},
		{"an older generation on top is a late writer's", p(3, "c", "b", "a"), tagged, p(5, "e", "d", "a"), vault.Write},
		{"an older generation of another consent gives way", p(3, "c", "b", "a"), tagged, p(5, "z", "y", "x"), vault.Write},
		{"a newer generation stays", p(7, "g", "f", "a"), tagged, p(5, "e", "d", "a"), vault.Superseded},
		{"a newer generation of another consent stays", p(7, "z", "y", "x"), tagged, p(5, "e", "d", "a"), vault.Superseded},
		{"a new consent stays", byHand("x"), untagged, p(5, "e", "d", "a"), vault.Superseded},
		{"a new consent that a run has begun with stays", p(5, "x", "", "x"), tagged, p(5, "e", "d", "a"), vault.Superseded},
		{"what the issued token was itself spent for stays", p(6, "f", "e", "a"), tagged, p(5, "e", "d", "a"), vault.Superseded},
		{"so it does under the same number", p(5, "f", "e", "a"), tagged, p(5, "e", "d", "a"), vault.Superseded},
		{"two tokens of one generation and consent are for a person", p(5, "f", "d", "a"), tagged, p(5, "e", "d", "a"), vault.Conflict},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Equal(t, tc.want.String(), vault.FenceRefresh(tc.held, tc.tagged, tc.issued).String())
		})
	}
}

func TestFenceAccess(t *testing.T) {
	at := func(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }
	held := func(g token.Generation, f token.Fingerprint, seconds int) vault.AccessTokenInfo {
		return vault.AccessTokenInfo{Generation: g, Fingerprint: f, ObtainedAt: at(seconds), Tagged: true}
	}
	for _, tc := range []struct {
		name     string
		held     vault.AccessTokenInfo
		issued   token.Generation
		obtained time.Time
		want     vault.Decision
	}{
		{"no access token gives way", vault.AccessTokenInfo{}, 5, at(0), vault.Write},
		{"one that was put there by hand gives way", vault.AccessTokenInfo{Fingerprint: "new", ObtainedAt: at(9)}, 5, at(0), vault.Write},
		{"the same one is not written twice", held(5, "new", 0), 5, at(0), vault.Skip},
		{"the same one of a later generation is not written twice", held(6, "new", 0), 5, at(0), vault.Skip},
		{"one of an older generation gives way", held(4, "old", 0), 5, at(3), vault.Write},
		{"by generation and not by the clock", held(4, "old", 9), 5, at(3), vault.Write},
		{"one of a later generation stays", held(6, "old", 0), 5, at(3), vault.Superseded},
		{"without rotation the later one counts", held(0, "old", 0), 0, at(3), vault.Write},
		{"without rotation the earlier one does not", held(0, "old", 9), 0, at(3), vault.Superseded},
		{"without rotation the first of two at once stays", held(0, "old", 3), 0, at(3), vault.Superseded},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := vault.FenceAccess(tc.held, token.Provenance{Generation: tc.issued}, "new", tc.obtained)
			require.Equal(t, tc.want.String(), got.String())
		})
	}
}
