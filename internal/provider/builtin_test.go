package provider_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
)

const day = 24 * time.Hour

// expected is what a built-in row must say, taken from its sources a second time. What is
// left out must be empty in the row.
type expected struct {
	tokenURL        string
	style           provider.AuthStyle
	rotation        provider.Rotation
	window          time.Duration // ReplayWindow
	untilUse        bool          // ReplayEndsOnUse
	pause           time.Duration
	reuse           provider.Reuse
	life, period    time.Duration // of the access token
	endsAccess      bool
	idle, hard      time.Duration // of the grant
	idleIn, hardIn  string        // the answer's fields for them
	offline         string        // the scope, or the parameter of the consent, that a refresh token needs
	rateLimitHeader string
	retired         bool
}

const (
	single    = provider.SingleUse
	sometimes = provider.Sometimes
	never     = provider.NoRotation
	basicAuth = provider.AuthHeader
	inForm    = provider.AuthBody
)

// builtin is the whole table, sorted by name.
var builtin = []struct {
	name string
	expected
}{
	{"atlassian", expected{tokenURL: "https://auth.atlassian.com/oauth/token", style: inForm, rotation: single, window: 10 * time.Minute, reuse: provider.RevokesGrant,
		life: time.Hour, period: 30 * time.Minute, endsAccess: true, idle: 90 * day, hard: 365 * day, offline: "offline_access"}},
	{"box", expected{tokenURL: "https://api.box.com/oauth2/token", style: inForm, rotation: single, window: time.Hour, untilUse: true,
		life: time.Hour, period: 30 * time.Minute, idle: 60 * day}},
	{"calendly", expected{tokenURL: "https://auth.calendly.com/oauth/token", style: inForm, rotation: single, life: 2 * time.Hour, period: time.Hour}},
	{"canva", expected{tokenURL: "https://api.canva.com/rest/v1/oauth/token", style: basicAuth, rotation: single, life: 4 * time.Hour, period: 3 * time.Hour}},
	{"docusign", expected{tokenURL: "https://account.docusign.com/oauth/token", style: basicAuth, rotation: single,
		life: 8 * time.Hour, period: 6 * time.Hour, idle: 30 * day, offline: "extended"}},
	{"dropbox", expected{tokenURL: "https://api.dropboxapi.com/oauth2/token", style: inForm, rotation: never, life: 4 * time.Hour, period: 3 * time.Hour, offline: "token_access_type"}},
	{"fitbit", expected{tokenURL: "https://api.fitbit.com/oauth2/token", style: basicAuth, rotation: single, window: 2 * time.Minute, untilUse: true,
		life: 8 * time.Hour, period: 6 * time.Hour, rateLimitHeader: "Fitbit-Rate-Limit-Reset", retired: true}},
	{"github", expected{tokenURL: "https://github.com/login/oauth/access_token", style: inForm, rotation: single,
		life: 8 * time.Hour, period: 6 * time.Hour, endsAccess: true, idle: 15897600 * time.Second, idleIn: "refresh_token_expires_in"}},
	{"gitlab", expected{tokenURL: "https://gitlab.com/oauth/token", style: inForm, rotation: single, life: 2 * time.Hour, period: time.Hour, endsAccess: true}},
	{"google-health", expected{tokenURL: "https://oauth2.googleapis.com/token", style: inForm, rotation: never,
		life: time.Hour, period: 30 * time.Minute, idle: 181 * day, hardIn: "refresh_token_expires_in", offline: "access_type"}},
	{"hubspot", expected{tokenURL: "https://api.hubapi.com/oauth/2026-03/token", style: inForm, rotation: never, life: 30 * time.Minute, period: 20 * time.Minute}},
	{"linear", expected{tokenURL: "https://api.linear.app/oauth/token", style: inForm, rotation: single, life: day, period: 12 * time.Hour}},
	{"microsoft", expected{tokenURL: "https://login.microsoftonline.com/common/oauth2/v2.0/token", style: inForm, rotation: single, window: time.Hour, reuse: provider.Harmless,
		life: time.Hour, period: 30 * time.Minute, idle: 90 * day, offline: "offline_access"}},
	{"oura", expected{tokenURL: "https://api.ouraring.com/oauth/token", style: inForm, rotation: single, life: day, period: 12 * time.Hour}},
	{"quickbooks", expected{tokenURL: "https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer", style: basicAuth, rotation: sometimes,
		life: time.Hour, period: 30 * time.Minute, idle: 8640000 * time.Second, hard: 157680000 * time.Second,
		idleIn: "x_refresh_token_expires_in", hardIn: "x_refresh_token_hard_expires_in"}},
	{"salesforce", expected{tokenURL: "https://login.salesforce.com/services/oauth2/token", style: inForm, rotation: sometimes, reuse: provider.RevokesGrant,
		life: 2 * time.Hour, period: time.Hour, offline: "refresh_token"}},
	{"shopify", expected{tokenURL: "https://shop.invalid/admin/oauth/access_token", style: inForm, rotation: single, window: time.Hour, untilUse: true, reuse: provider.Refused,
		life: time.Hour, period: 30 * time.Minute, idle: 90 * day, idleIn: "refresh_token_expires_in"}},
	{"slack", expected{tokenURL: "https://slack.com/api/oauth.v2.access", style: inForm, rotation: single, life: 43200 * time.Second, period: 8 * time.Hour}},
	{"spotify", expected{tokenURL: "https://accounts.spotify.com/api/token", style: basicAuth, rotation: sometimes, life: time.Hour, period: 30 * time.Minute, hard: 181 * day}},
	{"strava", expected{tokenURL: "https://www.strava.com/oauth/token", style: inForm, rotation: sometimes, life: 6 * time.Hour, period: 30 * time.Minute}},
	{"wahoo", expected{tokenURL: "https://api.wahooligan.com/oauth/token", style: inForm, rotation: single, window: 2 * time.Hour, untilUse: true,
		life: 2 * time.Hour, period: time.Hour, endsAccess: true, offline: "offline_data"}},
	{"whoop", expected{tokenURL: "https://api.prod.whoop.com/oauth/oauth2/token", style: inForm, rotation: single,
		life: time.Hour, period: 30 * time.Minute, offline: "offline", rateLimitHeader: "X-RateLimit-Reset"}},
	{"withings", expected{tokenURL: "https://wbsapi.withings.net/v2/oauth2", style: inForm, rotation: single, window: 8 * time.Hour, untilUse: true, pause: 10 * time.Second,
		life: 3 * time.Hour, period: 2 * time.Hour, idle: 365 * day}},
	{"x", expected{tokenURL: "https://api.x.com/2/oauth2/token", style: basicAuth, rotation: single, life: 2 * time.Hour, period: time.Hour, offline: "offline.access"}},
	{"xero", expected{tokenURL: "https://identity.xero.com/connect/token", style: basicAuth, rotation: single, window: 30 * time.Minute, reuse: provider.Refused,
		life: 30 * time.Minute, period: 20 * time.Minute, idle: 60 * day, offline: "offline_access"}},
	{"zoom", expected{tokenURL: "https://zoom.us/oauth/token", style: basicAuth, rotation: single, life: time.Hour, period: 30 * time.Minute, idle: 90 * day}},
}

func TestTheBuiltinTableHoldsTheseProvidersAndNoOther(t *testing.T) {
	var want, got []string
	for _, row := range builtin {
		want = append(want, row.name)
	}
	for _, p := range provider.Builtin().Providers() {
		got = append(got, p.Name)
	}
	require.Equal(t, want, got)
	require.True(t, slices.IsSorted(got))
}

func TestEachBuiltinRowIsAsItsSourcesSay(t *testing.T) {
	for _, want := range builtin {
		t.Run(want.name, func(t *testing.T) {
			p := lookup(t, want.name)
			got := expected{
				tokenURL: p.TokenURL, style: p.AuthStyle, rotation: p.Rotation, window: p.ReplayWindow, untilUse: p.ReplayEndsOnUse, pause: p.RepeatPause, reuse: p.Reuse,
				life: p.AccessTokenLifetime, period: p.Period(), endsAccess: p.EndsAccessToken, idle: p.GrantIdle, hard: p.GrantLife,
				idleIn: p.RefreshLifetimeField, hardIn: p.GrantLifetimeField, rateLimitHeader: p.RateLimitResetHeader, retired: p.Status.Retired,
				offline: want.offline,
			}
			require.Equal(t, want.expected, got)
			if want.offline != "" {
				require.True(t, slices.Contains(p.Scopes, want.offline) || p.AuthParams[want.offline] == "offline", "%s asks for no refresh token", p.Name)
			}
		})
	}
}

func TestBuiltinRowsHoldWhatOnlyOneOfThemHas(t *testing.T) {
	require.Equal(t, map[string]string{"moi": "https://moi.ouraring.com/oauth/v2/ext/oauth-token"}, lookup(t, "oura").TokenURLs)
	require.Equal(t, map[string]string{"sandbox": "https://test.salesforce.com/services/oauth2/token"}, lookup(t, "salesforce").TokenURLs)
	require.Equal(t, time.Hour, lookup(t, "strava").RenewsWithin)
	require.Equal(t, map[string]string{"scope": "offline"}, lookup(t, "whoop").RefreshParams)
	require.Equal(t, map[string]string{"access_type": "offline", "prompt": "consent"}, lookup(t, "google-health").AuthParams)
	require.Equal(t, "api.atlassian.com", lookup(t, "atlassian").AuthParams["audience"])
	require.Equal(t, provider.Status{Retired: true, Successor: "google-health", Since: "autumn 2026"}, lookup(t, "fitbit").Status)
}

func TestEachBuiltinRowIsWhole(t *testing.T) {
	table := provider.Builtin()
	seen := map[string]string{}
	for _, p := range table.Providers() {
		t.Run(p.Name, func(t *testing.T) {
			require.NotEmpty(t, p.Title)
			require.NotEmpty(t, p.Dialect)
			_, err := token.NewAccount(p.Name, "")
			require.NoError(t, err)
			for _, endpoint := range append([]string{p.AuthURL, p.TokenURL, p.RevokeURL}, valuesOf(p.TokenURLs)...) {
				u, err := url.Parse(endpoint)
				require.NoError(t, err)
				require.True(t, endpoint == "" || u.Scheme == "https" && u.Host != "" && u.RawQuery == "", endpoint)
			}
			if p.Status.Successor != "" {
				_, err := table.Lookup(p.Status.Successor)
				require.NoError(t, err)
			}
			// Key Vault and Temporal's task queues take no notice of what makes two names differ to a reader.
			for _, name := range []string{p.CredentialsName(), p.VaultPrefix() + "-", p.ActivityType(), p.Title} {
				require.Empty(t, seen[strings.ToLower(name)], name)
				seen[strings.ToLower(name)] = p.Name
			}
		})
	}
}

func valuesOf(m map[string]string) (values []string) {
	for _, v := range m {
		values = append(values, v)
	}
	return values
}

func TestEachBuiltinRowSaysWhereItIsFromAndWhatIsUnsure(t *testing.T) {
	for _, p := range provider.Builtin().Providers() {
		t.Run(p.Name, func(t *testing.T) {
			require.NotEmpty(t, p.Source.Page)
			_, err := time.Parse(time.DateOnly, p.Source.Read)
			require.NoError(t, err)
			unknown := strings.Contains(p.Source.Unverified, "a reuse does")
			switch {
			case p.Rotation == provider.NoRotation:
				require.Empty(t, p.Reuse, "a token that never changes is never spent")
			case p.Reuse == "":
				require.True(t, unknown, "what a reuse does is neither stated nor said to be unknown")
			default:
				require.False(t, unknown, "what a reuse does is stated and said to be unknown")
			}
			if p.GrantIdle > 0 || p.GrantLife > 0 {
				require.True(t, p.GrantEnds != "", "a grant that ends by itself says so where a consent is asked for")
				require.True(t, p.GrantLife == 0 || p.GrantIdle < p.GrantLife)
			}
			if p.ReplayEndsOnUse {
				require.Positive(t, p.ReplayWindow)
			}
			require.LessOrEqual(t, p.RepeatPause, p.ReplayWindow/4)
		})
	}
}

func TestNoAccessTokenEndsBeforeARefreshThatRenewsIt(t *testing.T) {
	for _, p := range provider.Builtin().Providers() {
		renews := p.RenewsWithin
		if renews == 0 {
			renews = p.AccessTokenLifetime
		}
		// Whenever it was issued, some run comes where an answer holds another one.
		for issued := time.Duration(0); issued < p.Period(); issued += time.Minute {
			end := issued + p.AccessTokenLifetime
			due := end - renews
			next := (due + p.Period() - 1).Truncate(p.Period()) // the first run from then on
			require.Less(t, next, end, "%s: issued %s after a run, it ends before it is renewed", p.Name, issued)
			require.GreaterOrEqual(t, end-next, renews/4, "%s: no time for another try", p.Name)
		}
		require.True(t, p.GrantIdle == 0 || p.Period() < p.GrantIdle/2, "%s: two failed refreshes let the grant lapse", p.Name)
	}
}
