package provider_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
)

const callback = "http://127.0.0.1:8765/callback"

func TestTheConsentPageIsAskedAsEachProviderWantsIt(t *testing.T) {
	for _, tc := range []struct{ provider, page, scope string }{
		{"fitbit", "https://www.fitbit.com/oauth2/authorize", "activity heartrate profile sleep weight"},
		{"oura", "https://cloud.ouraring.com/oauth/authorize", "daily heartrate personal workout"},
		{"strava", "https://www.strava.com/oauth/authorize", "read,activity:read"},
		{"whoop", "https://api.prod.whoop.com/oauth/oauth2/auth", "offline read:cycles read:profile read:recovery read:sleep read:workout"},
		{"withings", "https://account.withings.com/oauth2_user/authorize2", "user.info,user.metrics,user.activity"},
		{"xero", "https://login.xero.com/identity/connect/authorize", "offline_access openid profile email accounting.settings.read"},
	} {
		t.Run(tc.provider, func(t *testing.T) {
			consent := provider.NewAuthorizationRequest(callback, nil)
			page, query := consentPage(t, consent, tc.provider)
			require.Equal(t, tc.page, page)
			require.Equal(t, tc.scope, query.Get("scope"))
			require.Equal(t, "code", query.Get("response_type"))
			require.Equal(t, "fake-id", query.Get("client_id"))
			require.Equal(t, callback, query.Get("redirect_uri"))
			require.Equal(t, consent.State, query.Get("state"))
			require.Equal(t, "S256", query.Get("code_challenge_method"))
			require.Equal(t, oauth2.S256ChallengeFromVerifier(consent.Verifier), query.Get("code_challenge"))
			require.NotContains(t, query.Encode(), consent.Verifier)
		})
	}
}

func TestGoogleIsAskedForARefreshToken(t *testing.T) {
	_, query := consentPage(t, provider.NewAuthorizationRequest(callback, []string{"one", "two"}), "google-health")
	require.Equal(t, "offline", query.Get("access_type"))
	require.Equal(t, "consent", query.Get("prompt"))
	require.Equal(t, "one two", query.Get("scope"), "the operator's scopes replace the provider's")
}

func TestEachConsentIsTiedToItself(t *testing.T) {
	one, other := provider.NewAuthorizationRequest(callback, nil), provider.NewAuthorizationRequest(callback, nil)
	require.NotEqual(t, one.State, other.State)
	require.NotEqual(t, one.Verifier, other.Verifier)
	require.NotEqual(t, one.State, one.Verifier)
	require.Len(t, one.Verifier, 43)
}

func TestAProviderWithoutAConsentPageSaysSo(t *testing.T) {
	_, err := provider.NewAuthorizationRequest(callback, nil).URL(provider.Provider{Name: "example"}, "fake-id")
	require.EqualError(t, err, "provider example has no auth_url, the page for consent; state it in the providers file")
}

func consentPage(t *testing.T, c provider.AuthorizationRequest, name string) (page string, query url.Values) {
	t.Helper()
	at, err := c.URL(lookup(t, name), "fake-id")
	require.NoError(t, err)
	u, err := url.Parse(at)
	require.NoError(t, err)
	query = u.Query()
	u.RawQuery = ""
	return u.String(), query
}

func TestACodeIsExchangedInOnePost(t *testing.T) {
	consent := provider.NewAuthorizationRequest(callback, nil)
	p, requests := endpoint(t, func(w http.ResponseWriter, r *http.Request) {
		require.NoError(t, r.ParseForm())
		require.Equal(t, url.Values{
			"grant_type": {"authorization_code"}, "code": {"fake-code"}, "redirect_uri": {callback}, "code_verifier": {consent.Verifier},
		}, r.PostForm)
		id, secret, ok := r.BasicAuth()
		require.True(t, ok)
		require.Equal(t, fakeClient, token.Client{ID: id, Secret: token.NewSecret(secret)})
		reply(w, goodAnswer)
	})
	pair, err := provider.NewClient(nil).Exchange(t.Context(), p, fakeClient, consent, token.NewSecret("fake-code"))
	require.NoError(t, err)
	require.Equal(t, "fake-refresh-token-2", pair.RefreshToken.Reveal())
	require.Equal(t, "ABC123", pair.UserID)
	require.EqualValues(t, 1, requests.Load())
}

func TestAFailedExchangeNamesTheFixAndNoSecret(t *testing.T) {
	for _, tc := range []struct {
		name, provider string
		status         int
		body           string
		want           string
	}{
		{"a spent code", "fitbit", 400, fitbitError("invalid_grant", "Authorization code invalid: fake-code"),
			"provider: code exchange at fitbit: grant dead (400 Bad Request, invalid_grant); the code is spent or too old, or belongs to another client or redirect URI; have the account owner consent again"},
		{"another redirect URI", "fitbit", 400, fitbitError("invalid_request", "Invalid redirect_uri parameter value fake-code"),
			"provider: code exchange at fitbit: request rejected (400 Bad Request, invalid_request); check that the redirect URI is registered with the app at Fitbit, letter by letter"},
		{"an outage", "fitbit", 503, "fake-code",
			"provider: code exchange at fitbit: unavailable (503 Service Unavailable); a code is good for one use and some seconds or minutes; have the account owner consent again"},
		{"Google gives no refresh token", "google-health", 200, `{"access_token":"a","expires_in":3599}`,
			"provider: code exchange at google-health: malformed answer (200 OK, no refresh token); Google Health gives a refresh token for the first consent only; have the account owner remove the app's access there and consent again"},
		{"no offline scope where tokens are of single use", "whoop", 200, `{"access_token":"a","expires_in":3599}`,
			"provider: code exchange at whoop: malformed answer (200 OK, no refresh token); the scope offline was asked for; see that the app may have it and that the account owner did not decline it at WHOOP"},
		{"no offline scope was asked for", "strava", 200, `{"access_token":"a","expires_in":3599}`,
			"provider: code exchange at strava: malformed answer (200 OK, no refresh token); ask for the scope that stands for offline access; the defaults of strava are read activity:read"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, _ := endpointOf(t, tc.provider, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tc.status)
				reply(w, tc.body)
			})
			_, err := provider.NewClient(nil).Exchange(t.Context(), p, fakeClient, provider.NewAuthorizationRequest(callback, nil), token.NewSecret("fake-code"))
			require.EqualError(t, err, tc.want)
		})
	}
}

func TestWithingsWantsAnActionInEachTokenRequest(t *testing.T) {
	p, requests := endpointOf(t, "withings", func(w http.ResponseWriter, r *http.Request) {
		require.NoError(t, r.ParseForm())
		require.Equal(t, "requesttoken", r.PostForm.Get("action"))
		require.Equal(t, fakeClient.ID, r.PostForm.Get("client_id"))
		require.Equal(t, fakeClient.Secret.Reveal(), r.PostForm.Get("client_secret"))
		require.Empty(t, r.Header.Get("Authorization"))
		reply(w, withingsSuccess)
	})
	_, err := provider.NewClient(nil).Refresh(t.Context(), p, fakeClient, fakeRefresh)
	require.NoError(t, err)
	_, err = provider.NewClient(nil).Exchange(t.Context(), p, fakeClient, provider.NewAuthorizationRequest(callback, nil), token.NewSecret("fake-code"))
	require.NoError(t, err)
	require.EqualValues(t, 2, requests.Load())
}

func TestWHOOPIsAskedForOfflineAccessAtEachRefresh(t *testing.T) {
	p, requests := endpointOf(t, "whoop", func(w http.ResponseWriter, r *http.Request) {
		require.NoError(t, r.ParseForm())
		require.Equal(t, url.Values{
			"grant_type": {"refresh_token"}, "refresh_token": {fakeRefresh.Reveal()}, "scope": {"offline"},
			"client_id": {fakeClient.ID}, "client_secret": {fakeClient.Secret.Reveal()},
		}, r.PostForm)
		reply(w, goodAnswer)
	})
	_, err := provider.NewClient(nil).Refresh(t.Context(), p, fakeClient, fakeRefresh)
	require.NoError(t, err)
	require.EqualValues(t, 1, requests.Load())
}
