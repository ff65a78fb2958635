package vault_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// anyToken draws texts around the edges of what a token may be: blanks at any place,
// characters that JSON escapes, illegal ones, lengths up to and beyond the vault's.
func anyToken() *rapid.Generator[string] {
	legal := rapid.OneOf(
		rapid.RuneFrom([]rune(" \"\\/<>&")),
		rapid.Map(rapid.IntRange(0x20, 0x7e), func(c int) rune { return rune(c) }),
	)
	illegal := rapid.RuneFrom([]rune("\x00\t\n\r\x1f\x7f\u00a0é\u2028😀"))
	return rapid.Custom(func(t *rapid.T) string {
		text := rapid.StringOfN(legal, 1, 30, -1).Draw(t, "text")
		switch rapid.IntRange(0, 9).Draw(t, "kind") {
		case 0:
			return text + string(illegal.Draw(t, "illegal"))
		case 1:
			return strings.Repeat(text, token.MaxLength+1)[:rapid.IntRange(token.MaxLength-1, token.MaxLength+1).Draw(t, "length")]
		}
		return text
	})
}

// answered is what a provider's reading makes of an answer with two tokens; ok is
// false where it refuses them.
func answered(t *rapid.T) (pair token.Pair, ok bool) {
	access, refresh := anyToken().Draw(t, "access token"), anyToken().Draw(t, "refresh token")
	var body strings.Builder
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false) // six bytes for each < would make the answer too long
	require.NoError(t, encoder.Encode(map[string]any{"access_token": access, "refresh_token": refresh, "user_id": "FAKE01", "expires_in": 28800}))
	fitbit, err := provider.Builtin().Lookup("fitbit")
	require.NoError(t, err)
	pair, failure := provider.Classify(fitbit, provider.Answer{Status: http.StatusOK, Body: token.NewSecret(body.String()), ReadAt: noon})

	refreshErr := token.CheckValue(refresh)
	require.Equal(t, access != "" && (refreshErr == nil || errors.Is(refreshErr, token.ErrTooLong)), failure == nil, "the reading and the rule for tokens differ")
	if failure != nil || pair.RefreshProblem != "" {
		return token.Pair{}, false
	}
	require.Equal(t, refresh, pair.RefreshToken.Reveal())
	require.Equal(t, (pair.AccessProblem == ""), pair.AccessToken.Reveal() == access)
	return pair, true
}

func TestWhatAnAnswerBringsIsStoredAndReadBackUnchanged(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		pair, ok := answered(rt)
		if !ok {
			return
		}
		r := open(t)
		r.upTo(old, 1)
		spent, _ := r.load()
		r.recordIntent(spent)
		e := vault.Entry{Account: account, Pair: pair, Provenance: spent.Next(pair.RefreshToken.Fingerprint())}
		first := r.store(e)
		require.False(rt, first.Superseded)
		require.Equal(rt, first, r.store(e), "storing again finds it")
		requireUnchanged(rt, r, pair, old.access(1))

		current, _ := r.load()
		require.Equal(rt, e.Provenance, current.Provenance)
		r.recordIntent(current)
		require.False(rt, r.store(issuedFor(current, "next")).Superseded, "its successor is stored as well")
		after, _ := r.load()
		require.Equal(rt, current.Next(after.Fingerprint), after.Provenance)
	})
}

func TestAConsentsTokensAreStoredAndReadBackUnchanged(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		pair, ok := answered(rt)
		if !ok {
			return
		}
		r := open(t)
		r.upTo(old, 1)
		first := r.consent(pair)
		require.False(rt, first.Superseded)
		require.Equal(rt, first, r.consent(pair), "storing again finds it")
		requireUnchanged(rt, r, pair, old.access(1))

		current, _ := r.load()
		require.Equal(rt, token.Generation(2), current.Generation)
		r.recordIntent(current)
		numbered, _ := r.load()
		require.Equal(rt, current.Provenance, numbered.Provenance)
		require.Equal(rt, run.RunID, numbered.IntentRunID, "the tags that a run adds are the value's")
		requireUnchanged(rt, r, pair, old.access(1))
	})
}

// requireUnchanged holds both tokens of a pair against the vault. An access token
// that was too long for the pair leaves the one before it.
func requireUnchanged(t *rapid.T, r *fixture, pair token.Pair, before token.Secret) {
	current, access := r.load()
	require.Equal(t, pair.RefreshToken.Reveal(), current.Value.Reveal())
	require.Equal(t, pair.RefreshToken.Fingerprint(), current.Fingerprint)
	require.Equal(t, "FAKE01", current.UserID, "the tags are the value's")
	want := pair.AccessToken
	if pair.AccessProblem != "" {
		want = before
	}
	read, err := r.secrets.Get(r.t.Context(), names.AccessToken, "")
	require.NoError(t, err)
	require.Equal(t, want.Reveal(), read.Value.Reveal())
	require.Equal(t, want.Fingerprint(), access.Fingerprint)
}

// A trailing blank was once trimmed when the token was read: it no longer matched its
// tags, counted as another consent, and its pair ended as superseded.
func TestABlankAtTheEndOfATokenDoesNotMakeItAnotherOne(t *testing.T) {
	for _, blank := range []string{"fake-refresh-new-2 ", " fake-refresh-new-2", "fake refresh new 2"} {
		r := open(t)
		r.upTo(old, 1)
		e := old.entry(2)
		e.RefreshToken = token.NewSecret(blank)
		e.Provenance = old.provenance(1).Next(e.RefreshToken.Fingerprint())
		require.False(t, r.store(e).Superseded)
		require.Equal(t, old.access(2), r.top(names.AccessToken).Value)
		current, access := r.load()
		require.Equal(t, blank, current.Value.Reveal())
		require.Equal(t, e.Provenance, current.Provenance)
		require.Equal(t, token.Generation(2), access.Generation)
	}
}

func TestAnAccessTokenThatIsTooLongDoesNotCostTheRefreshToken(t *testing.T) {
	r := open(t)
	r.upTo(old, 1)
	e := old.entry(2)
	e.AccessToken, e.AccessProblem = token.Secret{}, "is too long"
	receipt := r.store(e)
	require.Equal(t, vault.Receipt{RefreshTokenVersion: r.top(names.RefreshToken).Version, AccessTokenVersion: r.top(names.AccessToken).Version}, receipt)
	require.Equal(t, old.refresh(2), r.top(names.RefreshToken).Value)
	require.Equal(t, old.access(1), r.top(names.AccessToken).Value, "the access secret stays as it is")

	// The next pair goes on from there, its access token too.
	current, _ := r.load()
	require.Equal(t, old.provenance(2), current.Provenance)
	require.False(t, r.store(old.entry(3)).Superseded)
	require.Equal(t, old.access(3), r.top(names.AccessToken).Value)
}

// A pair without its access token is protected as any other: the access token that is
// there vouches for its generation.
func TestALateWriterDoesNotHideARefreshTokenWithoutItsAccessToken(t *testing.T) {
	bare := old.entry(3)
	bare.AccessToken, bare.AccessProblem = token.Secret{}, "is too long"

	t.Run("a late store after it", func(t *testing.T) {
		r := open(t)
		r.upTo(old, 2)
		r.store(bare)
		r.again(names.RefreshToken, old.refresh(2)) // decided before, and written now
		require.True(t, r.store(old.entry(2)).Superseded)
		current, _ := r.load()
		require.Equal(t, old.provenance(3), current.Provenance)
	})
	t.Run("a late writer that dies", func(t *testing.T) {
		r := open(t)
		r.upTo(old, 2)
		r.store(bare)
		r.again(names.RefreshToken, old.refresh(2))
		current, _ := r.load()
		require.Equal(t, old.provenance(3), current.Provenance)
	})
	t.Run("a late write in each gap of the store", func(t *testing.T) {
		for n := 1; n <= 8; n++ {
			r := open(t)
			r.upTo(old, 2)
			r.at(n, func() { r.secrets.Before = nil; r.again(names.RefreshToken, old.refresh(2)) })
			r.store(bare)
			r.secrets.Before = nil
			current, _ := r.load()
			require.Equal(t, old.provenance(3), current.Provenance, "before call %d", n)
		}
	})
}
