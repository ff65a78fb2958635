package provider_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
)

func FuzzClassify(f *testing.F) {
	for _, body := range []string{
		goodAnswer, deadBody, wafPage, "", "{}", "[]", "null",
		fitbitError("invalid_grant", "Refresh token invalid: "+echoed+"."),
		fitbitError("system", "Too Many Requests"),
		`{"access_token":"a","refresh_token":"r","expires_in":"1e400"}`,
		withingsSuccess, withingsError(503, "Invalid Params: invalid refresh_token "+echoed), withingsError(601, ""),
		stravaSuccess, stravaError("RefreshToken", "refresh_token"), stravaError("Application", ""),
		pairBody(" leading", "trailing "), pairBody("in ner", "  "),
	} {
		for _, status := range []int{200, 400, 401, 410, 429, 503} {
			for i := range provider.Builtin().Providers() {
				f.Add(status, body, "60", uint8(i), body == "")
			}
		}
	}
	for _, retryAfter := range []string{"1795334400", "1795334400250", "0.5", "Sun, 22 Nov 2026 08:05:00 GMT", "-1", "NaN", "1e9", ".", strings.Repeat("9", 400)} {
		f.Add(429, "", retryAfter, uint8(0), false)
		f.Add(200, `{"status":601,"body":{"wait_seconds":"`+retryAfter+`"}}`, "", uint8(5), false)
	}
	oversize := strings.Repeat("a", token.MaxLength+1)
	f.Add(200, pairBody(oversize, "r"), "", uint8(0), false)
	f.Add(200, pairBody("a", oversize), "", uint8(0), false)
	f.Add(200, pairBody(oversize, oversize), "", uint8(0), false)
	f.Fuzz(func(t *testing.T, status int, body, retryAfter string, which uint8, cut bool) {
		all := provider.Builtin().Providers()
		p := all[int(which)%len(all)]
		a := answer(status, body, "Retry-After", retryAfter)
		a.Cut = cut
		pair, failure := provider.Classify(p, a)
		if failure == nil {
			require.True(t, !cut || json.Valid([]byte(body)), "a pair came out of half an answer")
			require.True(t, status >= 200 && status < 300)
			if pair.AccessProblem == "" {
				require.NoError(t, token.CheckValue(pair.AccessToken.Reveal()))
			} else {
				require.True(t, pair.AccessToken.Empty())
			}
			if p.Rotation == provider.SingleUse && pair.RefreshProblem == "" || !pair.RefreshToken.Empty() {
				require.NoError(t, token.CheckValue(pair.RefreshToken.Reveal()))
			}
			require.False(t, !pair.Expiry.IsZero() && pair.Expiry.Before(readAt))
			return
		}
		require.Equal(t, token.Pair{}, pair)
		require.GreaterOrEqual(t, failure.RetryAfter, time.Duration(0))
		require.LessOrEqual(t, failure.RetryAfter, p.MaxWait())
		require.True(t, failure.MaybeSpent || status >= 300 || p.Dialect == provider.WithingsEnvelope, "an answer of success may have spent it")
		require.True(t, failure.MaybeSpent || failure.Kind == provider.InvalidGrant || failure.Kind == provider.InvalidClient || failure.Kind == provider.RequestRejected)
		require.True(t, failure.MaybeSpent || !failure.Issued)
		if failure.Kind == provider.InvalidGrant {
			require.True(t, status == 400 || status == 401 || status == 403 || status >= 200 && status < 300)
			require.True(t, !cut || p.Dialect == provider.WithingsEnvelope && json.Valid([]byte(body)))
		}
		requireOwnWords(t, p, failure)
		// The error is the same whatever else the body held: no word is from it.
		again := a
		again.Body = token.NewSecret(strings.ReplaceAll(body, echoed, "fake-refresh-token-9"))
		_, same := provider.Classify(p, again)
		require.Equal(t, failure, same)
	})
}

// ownWords are all other details: error codes, and descriptions of an answer.
var ownWords = []string{
	"", "invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope",
	"server_error", "temporarily_unavailable", "deleted_client", "invalid_token", "expired_token",
	"incorrect_client_credentials", "invalid_client_id", "bad_client_secret", "ratelimited", "fatal_error", "internal_error", "request_timeout", "service_unavailable",
	"no known OAuth error code", "an answer of more than 256 KiB", "an answer that broke off", "an empty answer", "HTML instead of JSON",
	"something other than JSON", "broken or truncated JSON", "JSON of another shape", "an error code in an answer of success",
	"no access token", "an access token that is empty", "an access token that has characters that no token may have (RFC 6749 appendix A)", "no refresh token",
	"a refresh token that is empty", "a refresh token that has characters that no token may have (RFC 6749 appendix A)",
}

// requireOwnWords demands that nothing of a failure can be from an answer.
func requireOwnWords(t *testing.T, p provider.Provider, f *provider.Failure) {
	t.Helper()
	require.Equal(t, p.Name, f.Provider)
	require.Contains(t, ownWords, f.Detail)
	require.NotContains(t, f.Fix, echoed)
}

// FuzzRevocation has a grant revoked at every provider that can, and any answer
// come back.
func FuzzRevocation(f *testing.F) {
	for _, body := range []string{
		"", "{}", wafPage, deadBody, `{"error":"invalid_token"}`, `{"error":"invalid_client"}`, `{"error":"` + echoed + `"}`,
		fitbitError("invalid_token", "Token invalid: "+echoed), stravaError("RefreshToken", "refresh_token"), stravaError("Athlete", "access_token"),
	} {
		for _, status := range []int{200, 204, 302, 400, 401, 404, 410, 429, 503} {
			for i := range provider.Builtin().Providers() {
				f.Add(status, body, "60", uint8(i))
			}
		}
	}
	f.Fuzz(func(t *testing.T, status int, body, retryAfter string, which uint8) {
		all := provider.Builtin().Providers()
		p, sent := all[int(which)%len(all)], 0
		client := provider.NewClient(roundTripper(func(r *http.Request) (*http.Response, error) {
			sent++
			require.NotContains(t, r.URL.String(), "fake-", "no token goes into a URL")
			return &http.Response{StatusCode: status, Header: http.Header{"Retry-After": {retryAfter}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
		}))
		err := client.Revoke(t.Context(), p, fakeClient, grantInForce)
		if p.RevokeURL == "" {
			require.ErrorIs(t, err, provider.ErrNoRevocation)
			require.Zero(t, sent)
			return
		}
		require.Equal(t, 1, sent)
		if err == nil {
			over := strings.Contains(body, "invalid_grant") || strings.Contains(body, "invalid_token") || p.Dialect == provider.StravaErrors
			require.True(t, status >= 200 && status < 300 || (status == 400 || status == 401) && over, "a grant is over by %d", status)
			return
		}
		var failure *provider.Failure
		require.ErrorAs(t, err, &failure)
		requireOwnWords(t, p, failure)
		require.NotContains(t, err.Error(), grantInForce.AccessToken.Reveal())
		require.NotContains(t, err.Error(), fakeRefresh.Reveal())
	})
}

func FuzzOverride(f *testing.F) {
	for _, yaml := range []string{
		newProvider,
		"providers: {fitbit: {rotation: none}}", "providers: {whoop: {refresh_params: {refresh_token: x}}}",
		"providers: {fitbit: {token_url: 'http://127.0.0.1:9000/oauth2/token'}}",
		"providers:\n  fitbit: &a {scopes: [a, b]}\n  other: *a\n",
		"providers:\n  ? [x]\n  : {<<: {title: x}}\n",
		"a: b\n---\n- c\n", "%YAML 1.2\n", "\"", "",
	} {
		f.Add(yaml)
	}
	f.Fuzz(func(t *testing.T, yaml string) {
		table, err := provider.Builtin().Override([]byte(yaml), "p.yaml")
		if err != nil {
			require.True(t, strings.HasPrefix(err.Error(), "p.yaml:"), err)
			return
		}
		for _, p := range table.Providers() {
			require.NotEmpty(t, p.AuthStyle)
			require.NotEmpty(t, p.Rotation)
			require.Positive(t, p.AccessTokenLifetime)
			require.True(t, p.Rotation != provider.NoRotation || p.ReplayWindow == 0, "nothing is spent, and repeated all the same")
			for _, params := range []map[string]string{p.AuthParams, p.RefreshParams} {
				for _, own := range []string{"client_secret", "refresh_token", "redirect_uri"} {
					require.NotContains(t, params, own)
				}
			}
			require.NotContains(t, p.AuthParams, "state")
			require.NotContains(t, p.RefreshParams, "grant_type")
			for _, endpoint := range []string{p.TokenURL, p.AuthURL, p.RevokeURL} {
				if endpoint == "" {
					continue
				}
				u, err := url.Parse(endpoint)
				require.NoError(t, err)
				require.Nil(t, u.User)
				require.True(t, u.Scheme == "https" || u.Scheme == "http" && slices.Contains([]string{"localhost", "127", "::1"}, strings.Split(strings.ToLower(u.Hostname()), ".")[0]), endpoint)
			}
			require.NotEmpty(t, p.TokenURL)
		}
	})
}
