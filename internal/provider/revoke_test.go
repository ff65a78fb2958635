package provider_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
)

var grantInForce = token.Pair{AccessToken: token.NewSecret("fake-access-token-1"), RefreshToken: fakeRefresh}

// revokedAt is a built-in provider whose grants end at a server on loopback.
func revokedAt(t *testing.T, name string, handle http.HandlerFunc) provider.Provider {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	p := lookup(t, name)
	p.RevokeURL = server.URL
	return p
}

func TestAGrantIsRevokedAsEachProviderWantsIt(t *testing.T) {
	id, secret := fakeClient.ID, fakeClient.Secret.Reveal()
	for _, tc := range []struct {
		provider, method, authorization string
		form                            url.Values
	}{
		{"fitbit", "POST", "Basic", url.Values{"token": {fakeRefresh.Reveal()}, "token_type_hint": {"refresh_token"}}},
		{"xero", "POST", "Basic", url.Values{"token": {fakeRefresh.Reveal()}, "token_type_hint": {"refresh_token"}}},
		{"google-health", "POST", "", url.Values{"token": {fakeRefresh.Reveal()}}},
		{"strava", "POST", "", url.Values{"access_token": {"fake-access-token-1"}}},
		{"whoop", "DELETE", "Bearer", url.Values{}},
	} {
		t.Run(tc.provider, func(t *testing.T) {
			p := revokedAt(t, tc.provider, func(w http.ResponseWriter, r *http.Request) {
				require.Equal(t, tc.method, r.Method)
				require.NoError(t, r.ParseForm())
				require.Equal(t, tc.form, r.PostForm)
				require.Empty(t, r.URL.RawQuery, "no token goes into a URL")
				switch header := r.Header.Get("Authorization"); tc.authorization {
				case "Basic":
					gotID, gotSecret, _ := r.BasicAuth()
					require.Equal(t, []string{id, secret}, []string{gotID, gotSecret})
				case "Bearer":
					require.Equal(t, "Bearer fake-access-token-1", header)
				default:
					require.Empty(t, header)
				}
			})
			require.NoError(t, provider.NewClient(nil).Revoke(t.Context(), p, fakeClient, grantInForce))
		})
	}
}

func TestAClientThatAuthenticatesInTheBodyRevokesThereToo(t *testing.T) {
	p := revokedAt(t, "fitbit", func(_ http.ResponseWriter, r *http.Request) {
		require.NoError(t, r.ParseForm())
		require.Equal(t, fakeClient.Secret.Reveal(), r.PostForm.Get("client_secret"))
		require.Empty(t, r.Header.Get("Authorization"))
	})
	p.AuthStyle = provider.AuthBody
	require.NoError(t, provider.NewClient(nil).Revoke(t.Context(), p, fakeClient, grantInForce))
}

func TestAGrantThatWasOverBeforeIsOver(t *testing.T) {
	for _, tc := range []struct {
		provider string
		status   int
		body     string
	}{
		{"fitbit", 200, ""},
		{"fitbit", 400, fitbitError("invalid_grant", "Refresh token invalid: "+echoed)},
		{"fitbit", 400, fitbitError("invalid_token", "Token invalid: "+echoed)},
		{"google-health", 400, `{"error":"invalid_token","error_description":"Token expired or revoked"}`},
		{"whoop", 204, ""},
	} {
		p := revokedAt(t, tc.provider, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(tc.status)
			reply(w, tc.body)
		})
		require.NoError(t, provider.NewClient(nil).Revoke(t.Context(), p, fakeClient, grantInForce), "%s: %d %s", tc.provider, tc.status, tc.body)
	}
}

func TestARevocationThatFailsSaysWhatElseToDo(t *testing.T) {
	for _, tc := range []struct {
		name   string
		status int
		body   string
		want   string
	}{
		{"an outage", 503, echoed,
			"provider: revocation at fitbit: unavailable (503 Service Unavailable, something other than JSON); or have the account owner remove the app's access at Fitbit"},
		{"the client is refused", 401, fitbitError("invalid_client", basic),
			"provider: revocation at fitbit: client refused (401 Unauthorized, invalid_client); check the client id and secret in the vault's FitbitCredentials (base64 of client_id:client_secret) against the app's registration at Fitbit"},
		{"retired", 410, echoed,
			"provider: revocation at fitbit: retired (410 Gone, something other than JSON); or have the account owner remove the app's access at Fitbit"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := revokedAt(t, "fitbit", func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tc.status)
				reply(w, tc.body)
			})
			require.EqualError(t, provider.NewClient(nil).Revoke(t.Context(), p, fakeClient, grantInForce), tc.want)
		})
	}
}

func TestNothingIsSentWithoutATokenOrAnEndpoint(t *testing.T) {
	for _, name := range []string{"oura", "withings"} {
		require.ErrorIs(t, provider.NewClient(nil).Revoke(t.Context(), lookup(t, name), fakeClient, grantInForce), provider.ErrNoRevocation)
	}
	p := revokedAt(t, "strava", func(http.ResponseWriter, *http.Request) { t.Error("something was sent") })
	err := provider.NewClient(nil).Revoke(t.Context(), p, fakeClient, token.Pair{RefreshToken: fakeRefresh})
	require.ErrorContains(t, err, "there is no token to show; nothing was sent); have the account owner remove the app's access at Strava")
}

func TestARevocationWithoutAnAnswerIsUnreachable(t *testing.T) {
	p := revokedAt(t, "fitbit", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	var failure *provider.Failure
	require.ErrorAs(t, provider.NewClient(nil).Revoke(t.Context(), p, fakeClient, grantInForce), &failure)
	require.Equal(t, provider.Unreachable, failure.Kind)
}

func TestALapsedAccessTokenCannotEndAGrantAndIsNotTriedAgain(t *testing.T) {
	for _, name := range []string{"strava", "whoop"} {
		p := revokedAt(t, name, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusUnauthorized)
			reply(w, `{"message":"Authorization Error"}`)
		})
		var failure *provider.Failure
		require.ErrorAs(t, provider.NewClient(nil).Revoke(t.Context(), p, fakeClient, grantInForce), &failure)
		require.False(t, failure.Kind.Retryable(), name)
		require.Contains(t, failure.Error(), "have the account owner remove the app's access")
	}
}
