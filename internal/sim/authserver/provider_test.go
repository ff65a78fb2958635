package authserver_test

import (
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/authserver"
)

func askedFor(p authserver.Provider, refreshToken string) url.Values {
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refreshToken}}
	if p.RefreshScope != "" {
		form.Set("scope", p.RefreshScope)
	}
	return form
}

// tokensIn is the answer without Withings' envelope.
func tokensIn(t *testing.T, a answer) map[string]any {
	t.Helper()
	body := a.json(t)
	if inside, ok := body["body"].(map[string]any); ok {
		return inside
	}
	return body
}

func TestEachProviderRotatesInItsOwnWay(t *testing.T) {
	rotates, silent := []string{"new", "new", "new", "new"}, []string{"none", "none", "none", "none"}
	covered := map[string]bool{}
	for _, tc := range []struct {
		provider authserver.Provider
		tokens   []string // what each of four refreshes, an access token's life apart, answers with
	}{
		{authserver.Atlassian(), rotates},
		{authserver.Box(), rotates},
		{authserver.Calendly(), rotates},
		{authserver.Canva(), rotates},
		{authserver.Docusign(), rotates},
		{authserver.Dropbox(), silent},
		{authserver.Fitbit(), rotates},
		{authserver.GitHub(), rotates},
		{authserver.GitLab(), rotates},
		{authserver.GoogleHealth(), silent},
		{authserver.HubSpot(), []string{"same", "same", "same", "same"}},
		{authserver.Linear(), rotates},
		{authserver.Microsoft(), []string{"beside", "beside", "beside", "beside"}},
		{authserver.Oura(), rotates},
		{authserver.QuickBooks(), []string{"same", "same", "same", "same"}}, // four hours
		{authserver.Salesforce(), silent},
		{authserver.Shopify(), rotates},
		{authserver.Slack(), rotates},
		{authserver.Spotify(), silent},
		{authserver.Strava(), []string{"same", "new", "same", "new"}},
		{authserver.Wahoo(), rotates},
		{authserver.Whoop(), rotates},
		{authserver.Withings(), rotates},
		{authserver.X(), rotates},
		{authserver.Xero(), rotates},
		{authserver.Zoom(), rotates},
	} {
		covered[tc.provider.Name] = true
		t.Run(tc.provider.Name, func(t *testing.T) {
			clock := newClock()
			s := start(t, authserver.Options{Provider: tc.provider, Now: clock.Now})
			refreshToken, access := s.CreateGrant(user)
			for _, want := range tc.tokens {
				clock.Advance(tc.provider.AccessTokenLifetime)
				a := as(t, s, tc.provider, askedFor(tc.provider, refreshToken))
				require.Equal(t, http.StatusOK, a.status, a.body)
				tokens := tokensIn(t, a)
				got, _ := tokens["refresh_token"].(string)
				switch want {
				case "none":
					require.Empty(t, got)
				case "same":
					require.Equal(t, refreshToken, got)
				case "new":
					require.NotEqual(t, refreshToken, got)
					require.False(t, s.IsLive(refreshToken))
					refreshToken = got
				case "beside":
					require.NotEqual(t, refreshToken, got)
					require.True(t, s.IsLive(refreshToken), "the old one stays good")
					refreshToken = got
				}
				require.True(t, s.IsLive(refreshToken))
				require.NotEqual(t, access, tokens["access_token"])
				access = tokens["access_token"].(string)
			}
		})
	}
	for _, p := range authserver.Providers() {
		require.True(t, covered[p.Name], "%s is not in the table", p.Name)
	}
}

func TestStravaAnswersWithWhatIsInForce(t *testing.T) {
	clock := newClock()
	s := start(t, authserver.Options{Provider: authserver.Strava(), Now: clock.Now})
	refreshToken, access := s.CreateGrant(user)
	clock.Advance(2 * time.Hour)
	tokens := as(t, s, authserver.Strava(), askedFor(authserver.Strava(), refreshToken)).json(t)
	require.Equal(t, access, tokens["access_token"])
	require.Equal(t, refreshToken, tokens["refresh_token"])
	require.EqualValues(t, 4*3600, tokens["expires_in"])
}

func TestEachProviderRefusesInItsOwnWords(t *testing.T) {
	for _, tc := range []struct {
		provider authserver.Provider
		status   int
		body     string
	}{
		{authserver.Fitbit(), 400, `"errorType":"invalid_grant","message":"Refresh token invalid: fake-unknown`},
		{authserver.GoogleHealth(), 400, `"error":"invalid_grant"`},
		{authserver.Strava(), 400, `{"resource":"RefreshToken","field":"refresh_token","code":"invalid"}`},
		{authserver.Withings(), 200, `{"status":503,"body":{},"error":"Invalid Params: invalid refresh_token`},
	} {
		t.Run(tc.provider.Name, func(t *testing.T) {
			s := start(t, authserver.Options{Provider: tc.provider})
			a := as(t, s, tc.provider, askedFor(tc.provider, "fake-unknown"))
			require.Equal(t, tc.status, a.status)
			require.Contains(t, a.body, tc.body)
		})
	}
}

func TestWithingsRefusesARequestWithoutItsAction(t *testing.T) {
	s := start(t, authserver.Options{Provider: authserver.Withings()})
	refreshToken, _ := s.CreateGrant(user)
	plain := authserver.Withings()
	plain.TokenForm = nil
	a := as(t, s, plain, askedFor(plain, refreshToken))
	require.Contains(t, a.body, `"error":"Invalid Params: invalid action"`)
	require.True(t, s.IsLive(refreshToken))
}

func TestWhoopGivesNoRefreshTokenToWhoDoesNotAskForOne(t *testing.T) {
	s := start(t, authserver.Options{Provider: authserver.Whoop()})
	refreshToken, _ := s.CreateGrant(user)
	careless := authserver.Whoop()
	careless.RefreshScope = ""
	tokens := as(t, s, careless, askedFor(careless, refreshToken)).json(t)
	require.NotContains(t, tokens, "refresh_token")
	require.False(t, s.IsLive(refreshToken), "it is spent all the same")
}

func TestFaultsSpeakTheProvidersWords(t *testing.T) {
	for _, tc := range []struct {
		name     string
		provider authserver.Provider
		fault    authserver.Fault
		status   int
		body     string
	}{
		{"Withings has too many calls", authserver.Withings(), authserver.Fault{Answer: authserver.Status, Status: 429}, 200, `"status":601`},
		{"Withings lacks the tokens", authserver.Withings(), authserver.Fault{Answer: authserver.NoTokens}, 200, `{"status":0,"body":{"userid":`},
		{"Withings refuses the client", authserver.Withings(), authserver.Fault{Answer: authserver.InvalidClient}, 200, "invalid client_id"},
		{"Strava refuses the client", authserver.Strava(), authserver.Fault{Answer: authserver.InvalidClient}, 401, `"resource":"Application"`},
		{"Strava has empty tokens", authserver.Strava(), authserver.Fault{Answer: authserver.EmptyTokens}, 200, `"access_token":""`},
		{"Xero refuses the client", authserver.Xero(), authserver.Fault{Answer: authserver.InvalidClient}, 401, `"error":"invalid_client"`},
		{"Xero is down", authserver.Xero(), authserver.Fault{Answer: authserver.Status, Status: 503}, 503, "<html>"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t, authserver.Options{Provider: tc.provider})
			refreshToken, _ := s.CreateGrant(user)
			require.NoError(t, s.Inject(tc.fault))
			a := as(t, s, tc.provider, askedFor(tc.provider, refreshToken))
			require.Equal(t, tc.status, a.status)
			require.Contains(t, a.body, tc.body)
			require.True(t, s.IsLive(refreshToken))
		})
	}
}

func TestRetiredIsGoneInEveryProvidersWords(t *testing.T) {
	for _, p := range authserver.Providers() {
		s := start(t, authserver.Options{Provider: p})
		refreshToken, _ := s.CreateGrant(user)
		s.Retire()
		require.Equal(t, http.StatusGone, as(t, s, p, askedFor(p, refreshToken)).status, p.Name)
	}
}

// consented is the answer to the code of a consent that was asked for so.
func consented(t *testing.T, s *authserver.Server, p authserver.Provider, ask url.Values) (redirect url.Values, a answer) {
	t.Helper()
	for key, value := range map[string]string{"response_type": "code", "client_id": s.Client().ID, "redirect_uri": callback, "state": "fake-state"} {
		ask.Set(key, value)
	}
	allowed, err := post(t.Context(), s, p.AuthorizePath+"?"+ask.Encode(), url.Values{"user": {user}, "decision": {"allow"}})
	require.NoError(t, err)
	require.Equal(t, http.StatusFound, allowed.status, allowed.body)
	at, err := url.Parse(allowed.header.Get("Location"))
	require.NoError(t, err)
	return at.Query(), as(t, s, p, url.Values{"grant_type": {"authorization_code"}, "code": {at.Query().Get("code")}, "redirect_uri": {callback}})
}

func TestARefreshTokenIsGivenToWhoAsksForIt(t *testing.T) {
	google, whoop, xero, strava := authserver.GoogleHealth(), authserver.Whoop(), authserver.Xero(), authserver.Strava()
	for _, tc := range []struct {
		name     string
		provider authserver.Provider
		ask      url.Values
		before   bool // the user has consented before
		given    bool
	}{
		{"Google, offline", google, url.Values{"scope": {"sleep"}, "access_type": {"offline"}}, false, true},
		{"Google, not offline", google, url.Values{"scope": {"sleep"}}, false, false},
		{"Google, again", google, url.Values{"scope": {"sleep"}, "access_type": {"offline"}}, true, false},
		{"Google, again and asked", google, url.Values{"scope": {"sleep"}, "access_type": {"offline"}, "prompt": {"consent"}}, true, true},
		{"WHOOP, offline", whoop, url.Values{"scope": {"offline read:sleep"}}, false, true},
		{"WHOOP, not offline", whoop, url.Values{"scope": {"read:sleep"}}, false, false},
		{"Xero, not offline", xero, url.Values{"scope": {"openid"}}, false, false},
		{"Strava", strava, url.Values{"scope": {"read,activity:read"}}, false, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			options := registered(callback)
			options.Provider = tc.provider
			s := start(t, options)
			if tc.before {
				s.CreateGrant(user)
			}
			redirect, a := consented(t, s, tc.provider, tc.ask)
			require.Equal(t, http.StatusOK, a.status, a.body)
			_, given := a.json(t)["refresh_token"]
			require.Equal(t, tc.given, given)
			require.Equal(t, tc.provider.ScopeInRedirect, redirect.Has("scope"))
		})
	}
}

func TestAGrantIsRevokedInEachProvidersWay(t *testing.T) {
	basic := func(s *authserver.Server) func(*http.Request) {
		return func(r *http.Request) { r.SetBasicAuth(s.Client().ID, s.Client().Secret.Reveal()) }
	}
	for _, p := range authserver.Providers() {
		if p.RevokePath == "" {
			continue
		}
		t.Run(p.Name, func(t *testing.T) {
			s := start(t, authserver.Options{Provider: p})
			refreshToken, access := s.CreateGrant(user)
			form, edit := url.Values{"token": {refreshToken}}, basic(s)
			if !slices.Contains(p.ClientIn, authserver.InHeader) {
				form.Set("client_id", s.Client().ID)
				form.Set("client_secret", s.Client().Secret.Reveal())
				edit = func(r *http.Request) { r.Header.Del("Authorization") }
			}
			switch p.Revocation {
			case authserver.ByAnyone:
				edit = func(r *http.Request) { r.Header.Del("Authorization") }
			case authserver.ByAccessToken:
				form = url.Values{"access_token": {access}}
			case authserver.ByBearer:
				form = url.Values{}
				edit = func(r *http.Request) {
					r.Method = http.MethodDelete
					r.Header.Set("Authorization", "Bearer "+access)
				}
			}
			a, err := post(t.Context(), s, p.RevokePath, form, edit)
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, a.status, a.body)
			require.False(t, s.IsLive(refreshToken))
		})
	}
}

func TestAProviderIsFoundByItsName(t *testing.T) {
	for _, p := range authserver.Providers() {
		found, err := authserver.ProviderOf(p.Name)
		require.NoError(t, err)
		require.Equal(t, p, found)
	}
	_, err := authserver.ProviderOf("polar")
	require.ErrorContains(t, err, `provider "polar" is unknown; use one of atlassian, box, calendly, canva, `)
}
