package authserver_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/authserver/grant"
)

// TestEachProviderTellsADeadTokenInItsOwnWords has them from the pages that the profiles
// name, without what the simulator adds to a description.
func TestEachProviderTellsADeadTokenInItsOwnWords(t *testing.T) {
	type words struct {
		status int
		body   []string
	}
	covered := map[string]bool{}
	for _, tc := range []struct {
		provider authserver.Provider
		dead     []words
		client   words
	}{
		{authserver.Atlassian(), []words{{403, []string{`"error":"invalid_grant"`, `Unknown or invalid refresh token.`}}}, words{401, []string{`"error":"access_denied"`}}},
		{authserver.Box(), []words{{400, []string{`"error":"invalid_grant"`, `Refresh token has expired`}}}, words{400, []string{`"error":"invalid_client"`}}},
		{authserver.Calendly(), []words{{400, []string{`"error":"invalid_grant"`}}}, words{401, []string{`"error":"invalid_client"`}}},
		{authserver.Canva(), []words{{400, []string{`"error":"invalid_grant"`}}}, words{401, []string{`"error":"invalid_client"`}}},
		{authserver.Docusign(), []words{{400, []string{`"error":"invalid_grant"`}}}, words{400, []string{`"error":"invalid_client"`}}},
		{authserver.Linear(), []words{{400, []string{`"error":"invalid_grant"`}}}, words{401, []string{`"error":"invalid_client"`}}},
		{authserver.Dropbox(), []words{{400, []string{`"error":"invalid_grant"`}}}, words{400, []string{`"error":"invalid_client"`}}},
		{authserver.Fitbit(), []words{{400, []string{`{"errors":[{"errorType":"invalid_grant"`, `"success":false`}}}, words{401, []string{`"errorType":"invalid_client"`}}},
		{authserver.GitHub(), []words{{200, []string{`"error":"bad_refresh_token"`}}, {400, []string{`"error":"bad_refresh_token"`}}}, words{200, []string{`"error":"incorrect_client_credentials"`}}},
		{authserver.GitLab(), []words{{400, []string{`"error":"invalid_grant"`}}, {401, []string{`"error":"invalid_grant"`}}}, words{401, []string{`"error":"invalid_client"`}}},
		{authserver.GoogleHealth(), []words{{400, []string{`"error":"invalid_grant"`}}}, words{401, []string{`"error":"invalid_client"`}}},
		{authserver.HubSpot(), []words{
			{400, []string{`"error":"invalid_request"`, `"status":"BAD_REFRESH_TOKEN"`}},
			{400, []string{`"error":"invalid_grant"`, `"status":"BAD_REFRESH_TOKEN"`}},
			{400, []string{`{"status":"BAD_REFRESH_TOKEN","message":"missing or invalid refresh token"`}},
		}, words{400, []string{`"error":"invalid_client"`}}},
		{authserver.Microsoft(), []words{
			{400, []string{`"error":"invalid_grant"`, `"error_description":"AADSTS70008: `, `"error_codes":[70008]`}},
			{400, []string{`"error":"interaction_required"`, `"error_codes":[50076]`, `"suberror":"basic_action"`}},
		}, words{401, []string{`"error":"invalid_client"`, `"error_codes":[7000215]`}}},
		{authserver.Oura(), []words{{400, []string{`"error":"invalid_request"`, `"status":400`, `"detail":"Token already used or revoked"`}}}, words{401, []string{`"error":"invalid_client"`}}},
		{authserver.QuickBooks(), []words{{400, []string{`"error":"invalid_grant"`}}, {400, []string{`{"error":"invalid_grant"}`}}}, words{401, []string{`{"error":"invalid_client"}`}}},
		{authserver.Salesforce(), []words{
			{400, []string{`"error":"invalid_grant"`, `expired access/refresh token`}}, {400, []string{`"error":"invalid_grant"`, `authentication failure`}},
		}, words{400, []string{`"error":"invalid_client"`}}},
		{authserver.Shopify(), []words{{400, []string{`"error":"invalid_grant"`}}}, words{401, []string{`"error":"invalid_client"`}}},
		{authserver.Slack(), []words{{200, []string{`{"ok":false,"error":"invalid_refresh_token"}`}}, {400, []string{`"error":"invalid_refresh_token"`}}}, words{200, []string{`{"ok":false,"error":"bad_client_secret"}`}}},
		{authserver.Spotify(), []words{{400, []string{`"error":"invalid_grant"`}}, {400, []string{`{"error":"invalid_grant"}`}}}, words{400, []string{`"error":"invalid_client"`}}},
		{authserver.Strava(), []words{{400, []string{`{"resource":"RefreshToken","field":"refresh_token","code":"invalid"}`}}}, words{401, []string{`"resource":"Application"`}}},
		{authserver.Wahoo(), []words{{400, []string{`{}`}}}, words{401, []string{`"error":"invalid_client"`}}},
		{authserver.Whoop(), []words{{400, []string{`"error":"invalid_grant"`}}}, words{401, []string{`"error":"invalid_client"`}}},
		{authserver.Withings(), []words{{200, []string{`"status":503`, `invalid refresh_token`}}}, words{200, []string{`"status":503`, `invalid client_id`}}},
		{authserver.X(), []words{{400, []string{`"error":"invalid_request"`, `Value passed for the token was invalid.`}}}, words{401, []string{`"error":"unauthorized_client"`}}},
		{authserver.Xero(), []words{{400, []string{`"error":"invalid_grant"`}}}, words{401, []string{`"error":"invalid_client"`}}},
		{authserver.Zoom(), []words{
			{400, []string{`{"reason":"Invalid Token!","error":"invalid_grant"}`}}, {401, []string{`{"reason":"Invalid Token!","error":"invalid_request"}`}},
		}, words{401, []string{`"error":"invalid_client"`}}},
	} {
		covered[tc.provider.Name] = true
		t.Run(tc.provider.Name, func(t *testing.T) {
			require.Equal(t, len(tc.dead), tc.provider.DeadAnswers())
			s := start(t, authserver.Options{Provider: tc.provider, RepeatPause: authserver.NoPause})
			said := func(a answer, want words) {
				require.Equal(t, want.status, a.status, a.body)
				for _, part := range want.body {
					require.Contains(t, a.body, part)
				}
			}
			refreshToken, _ := s.CreateGrant(user)
			for i, want := range tc.dead {
				require.NoError(t, s.Inject(authserver.Fault{Answer: authserver.Dead, Variant: i}))
				said(as(t, s, tc.provider, askedFor(tc.provider, refreshToken)), want)
				require.True(t, s.IsLive(refreshToken), "only told so")
			}
			require.NoError(t, s.Inject(authserver.Fault{Answer: authserver.InvalidClient}))
			said(as(t, s, tc.provider, askedFor(tc.provider, refreshToken)), tc.client)
			s.EndGrants(user)
			said(as(t, s, tc.provider, askedFor(tc.provider, refreshToken)), tc.dead[0])
		})
	}
	for _, p := range authserver.Providers() {
		require.True(t, covered[p.Name], "%s is not in the table", p.Name)
	}
}

// TestASpentTokenMeetsItsProvidersRule presents a token for the second time at four
// moments: at once, at the end of the window, after the use of the new access token, and
// after the use of the new refresh token. "again" is the same pair, "another" another one.
func TestASpentTokenMeetsItsProvidersRule(t *testing.T) {
	salesforce := authserver.Salesforce()
	for _, tc := range []struct {
		provider                            authserver.Provider
		rotating                            bool
		atOnce, late, afterAccess, afterUse string
		survives                            bool // the grant, what came after the window or the use
	}{
		{authserver.Atlassian(), false, "another", "refused", "another", "refused", false},
		{authserver.Box(), false, "again", "refused", "refused", "refused", true},
		{authserver.Fitbit(), false, "again", "refused", "refused", "refused", true},
		{authserver.GitHub(), false, "refused", "refused", "refused", "refused", true},
		{authserver.GitLab(), false, "refused", "refused", "refused", "refused", true},
		{authserver.Microsoft(), false, "another", "refused", "another", "another", true}, // late is its idle end
		{salesforce, true, "refused", "refused", "refused", "refused", false},
		{authserver.Shopify(), false, "another", "refused", "another", "refused", true},
		{authserver.Slack(), false, "refused", "refused", "refused", "refused", true},
		{authserver.Wahoo(), false, "another", "refused", "refused", "refused", true},
		{authserver.Whoop(), false, "refused", "refused", "refused", "refused", false},
		{authserver.Withings(), false, "again", "refused", "refused", "refused", true},
		{authserver.Xero(), false, "again", "refused", "again", "refused", true},
		{authserver.Zoom(), false, "refused", "refused", "refused", "refused", true},
	} {
		t.Run(tc.provider.Name, func(t *testing.T) {
			end := max(tc.provider.ReplayWindow, time.Minute)
			if tc.provider.SpentStaysGood {
				end = tc.provider.Idle
			}
			for moment, want := range map[string]string{"at once": tc.atOnce, "late": tc.late, "after the access token": tc.afterAccess, "after the refresh token": tc.afterUse} {
				clock := newClock()
				s := start(t, authserver.Options{Provider: tc.provider, Rotating: tc.rotating, Now: clock.Now, RepeatPause: authserver.NoPause})
				refreshToken, _ := s.CreateGrant(user)
				first := tokensIn(t, as(t, s, tc.provider, askedFor(tc.provider, refreshToken)))
				last := first["refresh_token"].(string)
				switch moment {
				case "late":
					clock.Advance(end)
				case "after the access token":
					require.Equal(t, http.StatusOK, profile(t, s, first["access_token"].(string)).status)
				case "after the refresh token":
					last = tokensIn(t, as(t, s, tc.provider, askedFor(tc.provider, last)))["refresh_token"].(string)
				}
				second := as(t, s, tc.provider, askedFor(tc.provider, refreshToken))
				tokens := tokensIn(t, second)
				got := "refused"
				switch {
				case tokens["refresh_token"] == first["refresh_token"] && tokens["refresh_token"] != nil:
					got = "again"
				case tokens["refresh_token"] != nil:
					got = "another"
				}
				require.Equal(t, want, got, moment+": "+second.body)
				if got == "refused" && moment != "late" {
					require.Equal(t, tc.survives, s.IsLive(last), moment)
				}
			}
		})
	}
}

func TestGrantsEndWhenTheirProviderSaysSo(t *testing.T) {
	const day = 24 * time.Hour
	for _, tc := range []struct {
		provider authserver.Provider
		every    time.Duration // a refresh
		ends     time.Duration // since the consent
		alive    time.Duration // at which it still is
	}{
		{authserver.Spotify(), 30 * day, 182 * day, 181 * day},
		{authserver.Atlassian(), 30 * day, 365 * day, 360 * day},
		{authserver.Atlassian(), 90 * day, 90 * day, 89 * day},
		{authserver.QuickBooks(), 90 * day, 5 * 365 * day, 1824 * day},
		{authserver.QuickBooks(), 100 * day, 100 * day, 99 * day},
		{authserver.Microsoft(), 90 * day, 90 * day, 89 * day},
		{authserver.Xero(), 60 * day, 60 * day, 59 * day},
		{authserver.Box(), 60 * day, 60 * day, 59 * day},
		{authserver.Shopify(), 90 * day, 90 * day, 89 * day},
		{authserver.Withings(), 365 * day, 365 * day, 364 * day},
		{authserver.GitHub(), 184 * day, 184 * day, 183 * day},
	} {
		t.Run(tc.provider.Name+" every "+tc.every.String(), func(t *testing.T) {
			clock := newClock()
			s := start(t, authserver.Options{Provider: tc.provider, Now: clock.Now})
			refreshToken, _ := s.CreateGrant(user)
			age := tc.every
			for ; age < tc.ends; age += tc.every {
				clock.Advance(tc.every)
				a := as(t, s, tc.provider, askedFor(tc.provider, refreshToken))
				if next, given := tokensIn(t, a)["refresh_token"].(string); given {
					refreshToken = next
				}
				require.True(t, s.IsLive(refreshToken), "at the age of %s: %s", age, a.body)
			}
			clock.Advance(tc.alive - (age - tc.every))
			require.True(t, s.IsLive(refreshToken))
			clock.Advance(tc.ends - tc.alive)
			require.False(t, s.IsLive(refreshToken))
			require.False(t, s.Audit(user).Alive())
			as(t, s, tc.provider, askedFor(tc.provider, refreshToken))
			events := s.Events(user)
			require.Equal(t, grant.Ended, events[len(events)-1].Outcome)
		})
	}
}

func TestAnswersTellTheLivesThatTheirProviderTells(t *testing.T) {
	asks := func(name string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, "true") }
	}
	for _, tc := range []struct {
		provider authserver.Provider
		edit     []func(*http.Request)
		tells    map[string]any
		lacks    []string
	}{
		{authserver.QuickBooks(), nil, map[string]any{"expires_in": 3600., "x_refresh_token_expires_in": 8640000.}, []string{"x_refresh_token_hard_expires_in", "scope"}},
		{authserver.QuickBooks(), []func(*http.Request){asks("x-include-refresh-token-hard-expires-in")},
			map[string]any{"x_refresh_token_hard_expires_in": 157680000.}, nil},
		{authserver.GitHub(), nil, map[string]any{"expires_in": 28800., "refresh_token_expires_in": 15897600.}, nil},
		{authserver.Shopify(), nil, map[string]any{"expires_in": 3600., "refresh_token_expires_in": 7776000.}, nil},
		{authserver.Salesforce(), nil, map[string]any{"instance_url": "https://acme.example"}, []string{"expires_in", "refresh_token"}},
		{authserver.Slack(), nil, map[string]any{"ok": true, "expires_in": 43200., "token_type": "bot"}, nil},
		{authserver.Spotify(), nil, map[string]any{"expires_in": 3600.}, []string{"refresh_token"}},
		{authserver.Microsoft(), nil, map[string]any{"expires_in": 3600., "ext_expires_in": 3600.}, nil},
	} {
		s := start(t, authserver.Options{Provider: tc.provider, Now: newClock().Now})
		refreshToken, _ := s.CreateGrant(user)
		body := as(t, s, tc.provider, askedFor(tc.provider, refreshToken), tc.edit...).json(t)
		for name, want := range tc.tells {
			require.Equal(t, want, body[name], "%s: %s", tc.provider.Name, name)
		}
		for _, name := range tc.lacks {
			require.NotContains(t, body, name, tc.provider.Name)
		}
	}
}

func TestQuickBooksChangesTheTokenOnceADay(t *testing.T) {
	clock := newClock()
	p := authserver.QuickBooks()
	s := start(t, authserver.Options{Provider: p, Now: clock.Now})
	refreshToken, _ := s.CreateGrant(user)
	for hour := 1; hour <= 24; hour++ {
		clock.Advance(time.Hour)
		got := as(t, s, p, askedFor(p, refreshToken)).json(t)["refresh_token"]
		require.Equal(t, hour < 24, got == refreshToken, "after %d hours", hour)
	}
	require.False(t, s.IsLive(refreshToken))
}

func TestSalesforceRotatesWhereTheApplicationOptsIn(t *testing.T) {
	p := authserver.Salesforce()
	s := start(t, authserver.Options{Provider: p, Rotating: true})
	refreshToken, _ := s.CreateGrant(user)
	first := as(t, s, p, askedFor(p, refreshToken)).json(t)
	require.NotEmpty(t, first["refresh_token"])
	require.Equal(t, http.StatusBadRequest, as(t, s, p, askedFor(p, refreshToken)).status)
	require.False(t, s.IsLive(first["refresh_token"].(string)), "the reuse has revoked the grant")

	_, err := authserver.Start(authserver.Options{Provider: authserver.Xero(), Rotating: true})
	require.ErrorContains(t, err, "no application of xero chooses")
}

func TestAUserHasAsManyGrantsAsTheProviderKeeps(t *testing.T) {
	for _, tc := range []struct {
		provider authserver.Provider
		most     int
	}{{authserver.Fitbit(), 1}, {authserver.Zoom(), 1}, {authserver.Salesforce(), 5}, {authserver.GoogleHealth(), 100}} {
		s := start(t, authserver.Options{Provider: tc.provider})
		var all []string
		for range tc.most + 1 {
			refreshToken, _ := s.CreateGrant(user)
			all = append(all, refreshToken)
		}
		require.False(t, s.IsLive(all[0]), "%s ends the oldest", tc.provider.Name)
		for _, refreshToken := range all[1:] {
			require.True(t, s.IsLive(refreshToken), tc.provider.Name)
		}
		s.EndGrants(user)
		require.False(t, s.IsLive(all[tc.most]))
	}
}

func TestWahooRefusesTheEleventhUnusedAccessToken(t *testing.T) {
	p := authserver.Wahoo()
	s := start(t, authserver.Options{Provider: p})
	refreshToken, _ := s.CreateGrant(user)
	var access string
	for range 9 {
		body := as(t, s, p, askedFor(p, refreshToken)).json(t)
		refreshToken, access = body["refresh_token"].(string), body["access_token"].(string)
	}
	refused := as(t, s, p, askedFor(p, refreshToken))
	require.Equal(t, http.StatusBadRequest, refused.status)
	require.Equal(t, `{"error":"Too many unrevoked access tokens exist for this app and user"}`, refused.body)
	require.Equal(t, http.StatusOK, profile(t, s, access).status)
	require.Equal(t, http.StatusOK, as(t, s, p, askedFor(p, refreshToken)).status)
}

func TestOuraTakesAClientAtItsOwnPortalAlone(t *testing.T) {
	old := authserver.Oura()
	moi := old
	moi.TokenPath = old.Portals["moi"]
	for portal, at := range map[string]authserver.Provider{"": old, "moi": moi} {
		s := start(t, authserver.Options{Provider: old, Portal: portal})
		refreshToken, _ := s.CreateGrant(user)
		for _, asked := range []authserver.Provider{old, moi} {
			a := as(t, s, asked, askedFor(old, refreshToken))
			if asked.TokenPath == at.TokenPath {
				require.Equal(t, http.StatusOK, a.status, a.body)
				refreshToken = a.json(t)["refresh_token"].(string)
				continue
			}
			require.Equal(t, http.StatusBadRequest, a.status)
			require.Equal(t, "invalid_request", a.json(t)["error"])
			require.True(t, s.IsLive(refreshToken))
		}
	}
	_, err := authserver.Start(authserver.Options{Provider: old, Portal: "cloud"})
	require.ErrorContains(t, err, `oura has no portal "cloud"; it has [moi]`)
}

func TestGitHubAnswersWithAFormUnlessJSONIsAccepted(t *testing.T) {
	p := authserver.GitHub()
	s := start(t, authserver.Options{Provider: p})
	refreshToken, _ := s.CreateGrant(user)
	a := as(t, s, p, askedFor(p, refreshToken), func(r *http.Request) { r.Header.Del("Accept") })
	require.True(t, strings.HasPrefix(a.header.Get("Content-Type"), "application/x-www-form-urlencoded"))
	form, err := url.ParseQuery(a.body)
	require.NoError(t, err)
	require.Equal(t, "15897600", form.Get("refresh_token_expires_in"))
	require.True(t, s.IsLive(form.Get("refresh_token")))
}

func TestTheOldAccessTokenEndsWhereItsProviderEndsIt(t *testing.T) {
	for _, p := range []authserver.Provider{authserver.GitHub(), authserver.GitLab(), authserver.Fitbit(), authserver.Slack()} {
		s := start(t, authserver.Options{Provider: p})
		refreshToken, access := s.CreateGrant(user)
		require.Equal(t, http.StatusOK, as(t, s, p, askedFor(p, refreshToken)).status)
		require.Equal(t, p.EndsAccess, profile(t, s, access).status == http.StatusUnauthorized, p.Name)
	}
}
