package provider_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
)

// The shapes of the answers below are those of each provider's reference, or of
// public reports where the reference shows none; the values are made up.

const (
	// Withings API reference, "Refresh your access token".
	withingsSuccess = `{"status":0,"body":{"userid":363,"access_token":"fake-access-token-2","refresh_token":"fake-refresh-token-2","expires_in":10800,"scope":"user.info,user.metrics","csrf_token":"fake-csrf","token_type":"Bearer"}}`
	// Strava API, "Refreshing Expired Access Tokens".
	stravaSuccess = `{"token_type":"Bearer","access_token":"fake-access-token-2","expires_at":1795430400,"expires_in":20566,"refresh_token":"fake-refresh-token-2"}`
	// Google, "Using OAuth 2.0 for Web Server Applications".
	googleSuccess = `{"access_token":"fake-access-token-2","expires_in":3599,"scope":"https://www.googleapis.com/auth/googlehealth.sleep.readonly","token_type":"Bearer"}`
	// Oura API, "Authentication".
	ouraSuccess = `{"token_type":"bearer","access_token":"fake-access-token-2","expires_in":86400,"refresh_token":"fake-refresh-token-2"}`
	// WHOOP, "Refreshing Access Tokens".
	whoopSuccess = `{"access_token":"fake-access-token-2","expires_in":3600,"refresh_token":"fake-refresh-token-2","scope":"offline read:sleep","token_type":"bearer"}`
	// Xero, "The standard authorization code flow".
	xeroSuccess = `{"id_token":"fake-id-token","access_token":"fake-access-token-2","expires_in":1800,"token_type":"Bearer","refresh_token":"fake-refresh-token-2","scope":"openid offline_access"}`
)

func withingsError(status int, message string) string {
	return fmt.Sprintf(`{"status":%d,"body":{},"error":%q}`, status, message)
}

func stravaError(resource, field string) string {
	return fmt.Sprintf(`{"message":"Bad Request","errors":[{"resource":%q,"field":%q,"code":"invalid"}]}`, resource, field)
}

func TestEachProvidersSuccessIsAPair(t *testing.T) {
	for _, tc := range []struct {
		provider, body string
		rotated        bool
		life           time.Duration
		user           string
		scopes         []string
	}{
		{"fitbit", goodAnswer, true, 8 * time.Hour, "ABC123", []string{"sleep"}},
		{"google-health", googleSuccess, false, 3599 * time.Second, "", []string{"https://www.googleapis.com/auth/googlehealth.sleep.readonly"}},
		{"oura", ouraSuccess, true, 24 * time.Hour, "", []string{}},
		{"strava", stravaSuccess, true, 20566 * time.Second, "", []string{}},
		{"whoop", whoopSuccess, true, time.Hour, "", []string{"offline", "read:sleep"}},
		{"withings", withingsSuccess, true, 3 * time.Hour, "363", []string{"user.info", "user.metrics"}},
		{"xero", xeroSuccess, true, 30 * time.Minute, "", []string{"openid", "offline_access"}},
	} {
		t.Run(tc.provider, func(t *testing.T) {
			want := token.Pair{
				AccessToken: token.NewSecret("fake-access-token-2"), Issue: token.Issue{Expiry: readAt.Add(tc.life), ObtainedAt: readAt, UserID: tc.user, Scopes: tc.scopes},
			}
			if tc.rotated {
				want.RefreshToken = token.NewSecret("fake-refresh-token-2")
			}
			if idle := lookup(t, tc.provider).GrantIdle; idle > 0 {
				want.RefreshEnds = readAt.Add(idle)
			}
			pair, failure := provider.Classify(lookup(t, tc.provider), answer(200, tc.body))
			require.Nil(t, failure)
			require.Equal(t, want, pair)
		})
	}
}

func TestEachProvidersRefusalIsWhatItMeans(t *testing.T) {
	for _, tc := range []struct {
		name, provider string
		answer         provider.Answer
		kind           provider.Kind
		detail         string
	}{
		{"a spent token", "google-health", answer(400, deadBody), provider.InvalidGrant, "invalid_grant"},
		{"the client", "google-health", answer(401, `{"error":"invalid_client","error_description":"The provided client secret is invalid."}`), provider.InvalidClient, "invalid_client"},

		{"a spent token", "oura", answer(400, `{"status":400,"title":"Token already used or revoked","error":"invalid_grant","error_description":"`+echoed+`"}`), provider.InvalidGrant, "invalid_grant"},
		{"the client", "oura", answer(401, `{"status":401,"title":"Unauthorized","error":"invalid_client"}`), provider.InvalidClient, "invalid_client"},

		{"a spent token", "whoop", answer(400, `{"error":"invalid_grant","error_description":"The provided authorization grant is invalid: `+echoed+`"}`), provider.InvalidGrant, "invalid_grant"},
		{"a spent token, in Hydra's way", "whoop", answer(401, `{"error":"invalid_grant","error_hint":"`+echoed+`"}`), provider.InvalidGrant, "invalid_grant"},
		{"the client", "whoop", answer(401, `{"error":"invalid_client"}`), provider.InvalidClient, "invalid_client"},

		{"a spent token", "xero", answer(400, `{"error":"invalid_grant"}`), provider.InvalidGrant, "invalid_grant"},
		{"the client", "xero", answer(400, `{"error":"invalid_client"}`), provider.InvalidClient, "invalid_client"},
		{"a client that may not", "xero", answer(400, `{"error":"unauthorized_client"}`), provider.InvalidClient, "unauthorized_client"},

		{"a spent token", "strava", answer(400, stravaError("RefreshToken", "refresh_token")), provider.InvalidGrant, "invalid_grant"},
		{"a spent code", "strava", answer(400, stravaError("AuthorizationCode", "code")), provider.InvalidGrant, "invalid_grant"},
		{"a wrong client id", "strava", answer(400, stravaError("Application", "client_id")), provider.InvalidClient, "invalid_client"},
		{"a wrong client secret", "strava", answer(401, stravaError("Application", "")), provider.InvalidClient, "invalid_client"},
		{"a dead application with 403", "strava", answer(403, stravaError("Application", "Status")), provider.Unexpected, "no known OAuth error code"},
		{"another resource", "strava", answer(400, stravaError("Athlete", "access_token")), provider.Unexpected, "no known OAuth error code"},
		{"too many calls", "strava", answer(429, `{"message":"Rate Limit Exceeded","errors":[{"resource":"Application","field":"rate limit","code":"exceeded"}]}`), provider.RateLimited, ""},
		{"an outage that repeats a refusal", "strava", answer(500, stravaError("RefreshToken", "refresh_token")), provider.Unavailable, ""},

		{"a spent token", "withings", answer(200, withingsError(503, "Invalid Params: invalid refresh_token "+echoed)), provider.InvalidGrant, "invalid_grant"},
		{"a spent code", "withings", answer(200, withingsError(503, "Invalid Params: invalid code")), provider.InvalidGrant, "invalid_grant"},
		{"a wrong client id", "withings", answer(200, withingsError(503, "Invalid Params: invalid client_id")), provider.InvalidClient, "invalid_client"},
		{"a wrong client secret", "withings", answer(200, withingsError(503, "Invalid Params: invalid client_secret")), provider.InvalidClient, "invalid_client"},
		{"another parameter", "withings", answer(200, withingsError(503, "Invalid Params: invalid action")), provider.RequestRejected, "invalid_request"},
		{"an access token, which a refresh does not send", "withings", answer(200, withingsError(401, "XRequestID: Not provided invalid_token: The access token provided is invalid")), provider.Unexpected, "invalid_token"},
		{"too many calls", "withings", answer(200, withingsError(601, "Too many requests")), provider.RateLimited, "temporarily_unavailable"},
		{"a timeout of its own", "withings", answer(200, withingsError(522, "Timeout")), provider.Unavailable, "temporarily_unavailable"},
		{"a bad state of its own", "withings", answer(200, withingsError(524, "Bad state")), provider.Unavailable, "temporarily_unavailable"},
		{"an unknown number", "withings", answer(200, withingsError(293, "The callback URL is wrong "+echoed)), provider.Unexpected, "no known OAuth error code"},
		{"503 that is HTTP's own", "withings", answer(503, withingsError(503, "Invalid Params: invalid refresh_token")), provider.Unavailable, ""},
		{"an envelope cut short", "withings", answer(200, `{"status":503,"body":{},"error":"Invalid Params: invalid refr`), provider.Malformed, "broken or truncated JSON"},
		{"a status that is a word", "withings", answer(200, `{"status":"503","error":"Invalid Params: invalid refresh_token"}`), provider.Malformed, "an error code in an answer of success"},
		{"an empty body of success", "withings", answer(200, `{"status":0,"body":{}}`), provider.Malformed, "no access token"},
		{"a body that is a list", "withings", answer(200, `{"status":0,"body":[]}`), provider.Malformed, "something other than JSON"},
		{"no body", "withings", answer(200, `{"status":0}`), provider.Malformed, "an empty answer"},
		{"tokens without an envelope and without a refresh token", "withings", answer(200, `{"access_token":"a"}`), provider.Malformed, "no refresh token"},
	} {
		t.Run(tc.provider+" refuses "+tc.name, func(t *testing.T) {
			pair, failure := provider.Classify(lookup(t, tc.provider), tc.answer)
			require.NotNil(t, failure)
			require.Equal(t, token.Pair{}, pair)
			require.Equal(t, tc.kind, failure.Kind)
			require.Equal(t, tc.detail, failure.Detail)
			require.NotContains(t, failure.Error(), echoed)
		})
	}
}

func TestEveryProviderIsRetiredBy410AndAwayWith5xxAndSilentWith429(t *testing.T) {
	for _, p := range provider.Builtin().Providers() {
		for status, kind := range map[int]provider.Kind{410: provider.ProviderRetired, 502: provider.Unavailable, 429: provider.RateLimited} {
			for _, body := range []string{"", wafPage, deadBody, withingsError(503, "Invalid Params: invalid refresh_token"), stravaError("RefreshToken", "refresh_token")} {
				_, failure := provider.Classify(p, answer(status, body, "Retry-After", "7"))
				require.NotNil(t, failure)
				require.Equal(t, kind, failure.Kind, "%s: %d %s", p.Name, status, body)
			}
		}
	}
}

func TestStravaMayAnswerWithWhatIsInForce(t *testing.T) {
	const inForce = `{"token_type":"Bearer","access_token":"fake-access-token-1","expires_at":1795430400,"expires_in":17000,"refresh_token":"` + echoed + `"}`
	pair, failure := provider.Classify(lookup(t, "strava"), answer(200, inForce))
	require.Nil(t, failure)
	require.Equal(t, token.NewSecret(echoed), pair.RefreshToken)
	require.Equal(t, readAt.Add(17000*time.Second), pair.Expiry)
}

func TestAWholeEnvelopeOnABrokenConnectionIsWhole(t *testing.T) {
	cut := answer(200, withingsSuccess)
	cut.Cut = true
	pair, failure := provider.Classify(lookup(t, "withings"), cut)
	require.Nil(t, failure)
	require.Equal(t, "fake-refresh-token-2", pair.RefreshToken.Reveal())
}
