package provider_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
)

func TestTheEndsOfAGrantAreReadFromTheAnswer(t *testing.T) {
	for _, tc := range []struct {
		name, value string // of the field in the answer
		want        time.Duration
	}{
		{"seconds", "8640000", 100 * day},
		{"seconds in quotes", `"8640000"`, 100 * day},
		{"seconds with a fraction", "8640000.7", 100 * day},
		{"an exponent", "8.64e6", 100 * day},
		{"a Unix time", fmt.Sprint(readAt.Add(100 * day).Unix()), 100 * day},
		{"a Unix time in milliseconds", fmt.Sprint(readAt.Add(100 * day).UnixMilli()), 100 * day},
		{"a Unix time in quotes", fmt.Sprintf("%q", fmt.Sprint(readAt.Add(100*day).Unix())), 100 * day},
		{"a Unix time that is past", fmt.Sprint(readAt.Add(-time.Hour).Unix()), 0},
		{"zero", "0", 0},
		{"a negative number", "-5", 0},
		{"more than a century", "3200000000000000", 0},
		{"beyond every number", "1e400", 0},
		{"NaN", `"NaN"`, 0},
		{"infinity", `"+Inf"`, 0},
		{"words", `"never"`, 0},
		{"null", "null", 0},
		{"a truth value", "true", 0},
		{"an object", `{"seconds":5}`, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := rfc6749()
			body := strings.TrimSuffix(goodAnswer, "}") + `,"inside":{"x_expires":` + tc.value + `}}`
			want := time.Time{}
			if tc.want > 0 {
				want = readAt.Add(tc.want)
			}
			p.RefreshLifetimeField = "inside.x_expires"
			pair, failure := provider.Classify(p, answer(200, body))
			require.Nil(t, failure, "a lifetime never costs a pair")
			require.WithinDuration(t, want, pair.RefreshEnds, time.Second)
			require.Zero(t, pair.GrantEnds)

			p.RefreshLifetimeField, p.GrantLifetimeField = "", "inside.x_expires"
			pair, failure = provider.Classify(p, answer(200, body))
			require.Nil(t, failure)
			require.WithinDuration(t, want, pair.GrantEnds, time.Second)
			require.Zero(t, pair.RefreshEnds)
		})
	}
}

func TestWhereAnAnswerNamesNoEndTheEntrysOwnCounts(t *testing.T) {
	for _, tc := range []struct {
		name, body string
		change     func(*provider.Provider)
		refresh    time.Duration
		grant      time.Duration // of a consent; a refresh knows none
	}{
		{"neither", goodAnswer, func(*provider.Provider) {}, 0, 0},
		{"idle", goodAnswer, func(p *provider.Provider) { p.GrantIdle = 60 * day }, 60 * day, 0},
		{"a life", goodAnswer, func(p *provider.Provider) { p.GrantLife = 180 * day }, 0, 180 * day},
		{"both", goodAnswer, func(p *provider.Provider) { p.GrantIdle, p.GrantLife = 60*day, 180*day }, 60 * day, 180 * day},
		{"a field that is absent", goodAnswer, func(p *provider.Provider) {
			p.GrantIdle, p.RefreshLifetimeField, p.GrantLife, p.GrantLifetimeField = day, "x_refresh", 2*day, "x_grant"
		}, day, 2 * day},
		{"a field that outranks it", strings.TrimSuffix(goodAnswer, "}") + `,"x_refresh":3600,"x_grant":7200}`, func(p *provider.Provider) {
			p.GrantIdle, p.RefreshLifetimeField, p.GrantLife, p.GrantLifetimeField = day, "x_refresh", 2*day, "x_grant"
		}, time.Hour, 2 * time.Hour},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, _ := endpoint(t, func(w http.ResponseWriter, _ *http.Request) { reply(w, tc.body) })
			tc.change(&p)
			consent := provider.NewAuthorizationRequest(callback, nil)
			first, err := provider.NewClient(nil).Exchange(t.Context(), p, fakeClient, consent, token.NewSecret("fake-code"))
			require.NoError(t, err)
			requireEnd(t, tc.refresh, first.RefreshEnds, first.ObtainedAt)
			requireEnd(t, tc.grant, first.GrantEnds, first.ObtainedAt)

			next, err := provider.NewClient(nil).Refresh(t.Context(), p, fakeClient, fakeRefresh)
			require.NoError(t, err)
			requireEnd(t, tc.refresh, next.RefreshEnds, next.ObtainedAt)
			if p.GrantLifetimeField == "" || !strings.Contains(tc.body, "x_grant") {
				require.Zero(t, next.GrantEnds, "a refresh does not begin a grant's life anew")
			} else {
				requireEnd(t, tc.grant, next.GrantEnds, next.ObtainedAt)
			}
		})
	}
}

func requireEnd(t *testing.T, want time.Duration, end, obtained time.Time) {
	t.Helper()
	if want == 0 {
		require.Zero(t, end)
		return
	}
	require.Equal(t, want, end.Sub(obtained))
}

func TestTheDocumentedLifeCountsWhereAnAnswerNamesNone(t *testing.T) {
	p := rfc6749()
	p.AccessTokenLifetime = 30 * time.Minute
	for body, want := range map[string]time.Duration{
		`{"access_token":"a","refresh_token":"r"}`:                       30 * time.Minute,
		`{"access_token":"a","refresh_token":"r","expires_in":0}`:        30 * time.Minute,
		`{"access_token":"a","refresh_token":"r","expires_in":"0"}`:      30 * time.Minute,
		`{"access_token":"a","refresh_token":"r","expires_in":-1}`:       30 * time.Minute,
		`{"access_token":"a","refresh_token":"r","expires_in":"soon"}`:   30 * time.Minute,
		`{"access_token":"a","refresh_token":"r","expires_in":1e18}`:     30 * time.Minute,
		`{"access_token":"a","refresh_token":"r","expires_in":60}`:       time.Minute,
		`{"access_token":"a","refresh_token":"r","expires_in":31536000}`: 365 * day,
	} {
		pair, failure := provider.Classify(p, answer(200, body))
		require.Nil(t, failure)
		require.Equal(t, readAt.Add(want), pair.Expiry, body)
	}
}

func TestWhatAnAnswerSaysBesideTheTokensIsHarmless(t *testing.T) {
	const access, refresh = "fake-access-token-2", "fake-refresh-token-2"
	long := strings.Repeat("u", 201)
	for _, tc := range []struct {
		name, userID string
		want         string
	}{
		{"an id", "ABC123", "ABC123"},
		{"an id with other letters", "Zoë 7", "Zoë 7"},
		{"the longest", long[1:], long[1:]},
		{"too long", long, ""},
		{"an escape sequence", "\x1b[2Jgone", ""},
		{"a line break", "a\nb", ""},
		{"a character that turns the direction", "abc\u202etxt", ""},
		{"a zero width space", "abc\u200b", ""},
		{"the access token", access, ""},
		{"the refresh token", refresh, ""},
		{"the token that was spent", echoed, ""},
		{"the client's secret", fakeClient.Secret.Reveal(), ""},
		{"a text that holds a token", "user-" + refresh + "-1", ""},
		{"a text that holds the token that was spent", "x" + echoed, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			body := fmt.Sprintf(`{"access_token":%q,"refresh_token":%q,"user_id":%s,"scope":%s}`, access, refresh, quoted(tc.userID), quoted("profile "+tc.userID))
			a := answer(200, body)
			a.Sent = []token.Secret{fakeRefresh, fakeClient.Secret}
			pair, failure := provider.Classify(rfc6749(), a)
			require.Nil(t, failure, "it costs no pair")
			require.Equal(t, tc.want, pair.UserID)
			require.Equal(t, "profile", pair.Scopes[0])
			for _, scope := range pair.Scopes {
				require.NotContains(t, scope, access)
				require.NotContains(t, scope, refresh)
				require.NotContains(t, scope, echoed)
				require.NotContains(t, scope, "\x1b")
				require.LessOrEqual(t, len(scope), 200)
			}
		})
	}
}

// quoted is a text in JSON.
func quoted(text string) string {
	return `"` + strings.NewReplacer("\n", `\n`, "\x1b", `\u001b`, `"`, `\"`).Replace(text) + `"`
}

func TestAShortTokenDoesNotCostTheScopesThatHaveItsLettersByChance(t *testing.T) {
	pair, failure := provider.Classify(rfc6749(), answer(200, `{"access_token":"a","refresh_token":"r","user_id":"a1","scope":"read a"}`))
	require.Nil(t, failure)
	require.Equal(t, "a1", pair.UserID)
	require.Equal(t, []string{"read"}, pair.Scopes, "a scope that is the token")
}

func TestScopesAreBounded(t *testing.T) {
	pair, failure := provider.Classify(rfc6749(), answer(200, pairWithScope(strings.Repeat("s ", 5000))))
	require.Nil(t, failure)
	require.Len(t, pair.Scopes, 100)
}

func pairWithScope(scope string) string {
	return fmt.Sprintf(`{"access_token":"fake-access-token-2","refresh_token":"fake-refresh-token-2","scope":%q}`, scope)
}

func TestTheTokensOfARequestAreKnownToItsAnswer(t *testing.T) {
	p, _ := endpoint(t, func(w http.ResponseWriter, r *http.Request) {
		reply(w, fmt.Sprintf(`{"access_token":"fake-access-token-2","refresh_token":"fake-refresh-token-2","user_id":%q}`, r.FormValue("refresh_token")+r.FormValue("code")))
	})
	pair, err := provider.NewClient(nil).Refresh(t.Context(), p, fakeClient, fakeRefresh)
	require.NoError(t, err)
	require.Empty(t, pair.UserID)
	pair, err = provider.NewClient(nil).Exchange(t.Context(), p, fakeClient, provider.NewAuthorizationRequest(callback, nil), token.NewSecret("fake-code-1234"))
	require.NoError(t, err)
	require.Empty(t, pair.UserID)
}
