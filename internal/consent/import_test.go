package consent_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/consent"
	"tokenkeeper/internal/token"
)

var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func TestParseTokens(t *testing.T) {
	for _, tc := range []struct{ name, text, refresh, access, user string }{
		{"a refresh token alone", "fake-refresh-1\n", "fake-refresh-1", "", ""},
		{"with a mark at its beginning, as from an editor", "\ufefffake-refresh-1\r\n", "fake-refresh-1", "", ""},
		{"an answer as RFC 6749 has it", `{"access_token":"fake-access-1","refresh_token":"fake-refresh-1","expires_in":3600,"token_type":"Bearer"}`, "fake-refresh-1", "", ""},
		{"an answer of Fitbit's", `{"access_token":"fake-access-1","expires_in":28800,"refresh_token":"fake-refresh-1","scope":"sleep","user_id":"FAKE01"}`, "fake-refresh-1", "", "FAKE01"},
		{"an answer of Strava's", `{"expires_at":1795262400,"refresh_token":"fake-refresh-1","access_token":"fake-access-1","athlete":{"id":1}}`, "fake-refresh-1", "fake-access-1", ""},
		{"an answer of Withings'", `{"status":0,"body":{"userid":"1","access_token":"fake-access-1","refresh_token":"fake-refresh-1"}}`, "fake-refresh-1", "", "1"},
		{"with an access token that has expired", `{"expires_at":"1595262400","refresh_token":"fake-refresh-1","access_token":"fake-access-1","user_id":null}`, "fake-refresh-1", "", ""},
		{"with a user by number", `{"refresh_token":"fake-refresh-1","user_id":12345}`, "fake-refresh-1", "", "12345"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			pair, err := consent.ParseTokens(tc.text, now)
			require.NoError(t, err)
			require.Equal(t, tc.refresh, pair.RefreshToken.Reveal())
			require.Equal(t, tc.access, pair.AccessToken.Reveal())
			require.Equal(t, tc.access != "", !pair.Expiry.IsZero())
			require.Equal(t, tc.user, pair.UserID)
		})
	}
}

func TestParseTokensExplainsAndQuotesNothing(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"nothing", " \n", "it is empty"},
		{"two words", "fake-refresh-1 fake-refresh-2", "several words or lines"},
		{"two lines", "fake-access-1\nfake-refresh-2", "several words or lines"},
		{"a header's value", "Bearer fake-access-1", "is an access token"},
		{"in quotes", `"fake-refresh-1"`, "it is in quotes"},
		{"an address", "https://fake.test/callback?code=fake", "it is an address"},
		{"other characters", "fake-réfresh", "characters that no token may have"},
		{"JSON that breaks off", `{"refresh_token":"fake-refr`, "begins like JSON and is none"},
		{"JSON without one", `{"access_token":"fake-access-1"}`, "has no refresh_token"},
		{"JSON with an empty one", `{"refresh_token":""}`, "has no refresh_token"},
		{"JSON with a number for one", `{"refresh_token":12345}`, "its tokens are no texts"},
		{"JSON with two lines for one", `{"refresh_token":"fake\none"}`, "its refresh_token has characters that no token may have"},
		{"JSON with a header's value", `{"refresh_token":"Bearer fake"}`, "its refresh_token begins with Bearer"},
		{"JSON with an address", `{"refresh_token":"https://fake.test/callback"}`, "its refresh_token is an address"},
		{"far too much", strings.Repeat("fake", 20000), "too long"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			pair, err := consent.ParseTokens(tc.text, now)
			require.ErrorContains(t, err, tc.want)
			require.NotContains(t, err.Error(), "fake")
			require.Zero(t, pair)
		})
	}
}

// carried is a pair's refresh token after all that a consent goes through: the
// pending file, the vault, and the load that a refresh begins with.
func carried(t *testing.T, pair token.Pair) string {
	t.Helper()
	service, _, location := newService(t)
	_, err := service.Preflight(t.Context(), location)
	require.NoError(t, err)
	require.NoError(t, service.PendingStore.Save(t.Context(), location.Account, consent.PendingConsent{Pair: pair}))
	saved, found, err := service.PendingStore.Load(t.Context(), location.Account)
	require.NoError(t, err)
	require.True(t, found)
	require.NoError(t, store(service, location, saved))
	current, err := service.Current(t.Context(), location)
	require.NoError(t, err)
	return current.Value.Reveal()
}

func TestBlanksInATokenOfAnAnswerStay(t *testing.T) {
	for _, refresh := range []string{"fake refresh", "fake-refresh ", " fake-refresh", "  fake  refresh  "} {
		t.Run(refresh, func(t *testing.T) {
			pair, err := consent.ParseTokens(`{"refresh_token":"`+refresh+`"}`, now)
			require.NoError(t, err)
			require.Equal(t, refresh, pair.RefreshToken.Reveal())
			require.Equal(t, refresh, carried(t, pair))
		})
	}
}

func TestTheRestOfAnAnswerIsReadAsARefreshReadsIt(t *testing.T) {
	for text, want := range map[string]token.Pair{
		`{"refresh_token":"r","user_id":"people\/42"}`: {Issue: token.Issue{UserID: "people/42"}},
		`{"refresh_token":"r","user_id":"Zo\u00eb"}`:   {Issue: token.Issue{UserID: "Zoë"}},
		`{"refresh_token":"r","user_id":42}`:           {Issue: token.Issue{UserID: "42"}},
		`{"refresh_token":"r","user_id":null}`:         {},
		// Milliseconds would be a year that no JSON has.
		`{"refresh_token":"r","access_token":"a","expires_at":1795651200000}`: {},
		`{"refresh_token":"r","access_token":"a\n","expires_at":4102444800}`: {
			Issue: token.Issue{AccessProblem: "has characters that no token may have (RFC 6749 appendix A)"}},
	} {
		pair, err := consent.ParseTokens(text, now)
		require.NoError(t, err)
		want.RefreshToken = token.NewSecret("r")
		require.Equal(t, want, pair, text)
	}
}

func FuzzTokensThatAreReadAreStoredUnchanged(f *testing.F) {
	for _, seed := range []string{"fake", `{"refresh_token":"fake"}`, `{"body":{"refresh_token":"fake","expires_at":1}}`, "\ufeff", `""`, `{"body":null}`, `{"refresh_token":" a b "}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		pair, err := consent.ParseTokens(text, now)
		if err != nil {
			require.Zero(t, pair)
			return
		}
		require.NotRegexp(t, `[^ -~]`, pair.RefreshToken.Reveal())
		require.NotRegexp(t, `[^ -~]`, pair.AccessToken.Reveal())
		require.Equal(t, pair.RefreshToken.Reveal(), carried(t, pair))
	})
}
