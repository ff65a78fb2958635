package provider_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
)

func TestOnlyFailuresThatMayPassAreRetryable(t *testing.T) {
	for kind, want := range map[provider.Kind]bool{
		provider.Unreachable:     true,
		provider.Unavailable:     true,
		provider.RateLimited:     true,
		provider.Malformed:       true,
		provider.Unexpected:      true,
		provider.InvalidGrant:    false,
		provider.InvalidClient:   false,
		provider.RequestRejected: false,
		provider.ProviderRetired: false,
	} {
		require.Equal(t, want, kind.Retryable(), kind)
	}
}

func TestFailuresTellWhatWhyAndTheFix(t *testing.T) {
	unnamed := lookup(t, "google-health")
	for _, tc := range []struct {
		name     string
		provider provider.Provider
		answer   provider.Answer
		want     string
	}{
		{"a dead grant", lookup(t, "fitbit"), answer(400, fitbitError("invalid_grant", "")),
			"provider: refresh at fitbit: grant dead (400 Bad Request, invalid_grant); if no newer token is in the vault, the person must consent again at Fitbit, and the new refresh token goes into the vault"},
		{"a wrong client", lookup(t, "fitbit"), answer(401, fitbitError("invalid_client", "")),
			"provider: refresh at fitbit: client refused (401 Unauthorized, invalid_client); check the client id and secret in the vault's FitbitCredentials (base64 of client_id:client_secret) against the app's registration at Fitbit"},
		{"a rejected request", unnamed, answer(400, `{"error":"invalid_scope"}`),
			"provider: refresh at google-health: request rejected (400 Bad Request, invalid_scope); check the entry of google-health in the providers file; if there is none, this is a defect to report"},
		{"Google's grant is dead", lookup(t, "google-health"), answer(400, deadBody),
			"provider: refresh at google-health: grant dead (400 Bad Request, invalid_grant); if no newer token is in the vault, the person must consent again at Google Health, and the new refresh token goes into the vault; see first that it will last: Google Health ends a refresh token after 7 days while the app's consent screen is in testing, after six months without use, and when the person has given more than 100 to one client"},
		{"retired with a successor", lookup(t, "fitbit"), answer(410, ""),
			"provider: refresh at fitbit: retired (410 Gone); Fitbit has ended this API in autumn 2026; grants do not move, so the person must consent anew at its successor, provider google-health"},
		{"retired without a successor", unnamed, answer(410, ""),
			"provider: refresh at google-health: retired (410 Gone); Google Health has ended this API; look up its successor and correct token_url of google-health in the providers file"},
		{"rate limited", lookup(t, "fitbit"), answer(429, "", "Retry-After", "2100"),
			"provider: refresh at fitbit: rate limited (429 Too Many Requests, retry after 35m0s)"},
		{"an access token's error", lookup(t, "fitbit"), answer(401, fitbitError("expired_token", "")),
			"provider: refresh at fitbit: unexpected answer (401 Unauthorized, expired_token); the answer speaks of an access token, which a refresh does not send; check that token_url of fitbit is its token endpoint"},
		{"a status without a name", unnamed, answer(499, `{}`),
			"provider: refresh at google-health: unexpected answer (499, no known OAuth error code)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, failure := provider.Classify(tc.provider, tc.answer)
			require.EqualError(t, failure, tc.want)
		})
	}
}
