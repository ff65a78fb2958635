package provider_test

import (
	"encoding/json"
	"net/url"
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
	} {
		for _, status := range []int{200, 400, 401, 410, 429, 503} {
			for i := range provider.Builtin().Providers() {
				f.Add(status, body, "60", uint8(i), body == "")
			}
		}
	}
	f.Fuzz(func(t *testing.T, status int, body, retryAfter string, which uint8, cut bool) {
		all := provider.Builtin().Providers()
		p := all[int(which)%len(all)]
		a := answer(status, body, "Retry-After", retryAfter)
		a.Cut = cut
		pair, failure := provider.Classify(p, a)
		if failure == nil {
			require.True(t, !cut || json.Valid([]byte(body)), "a pair came out of half an answer")
			require.True(t, status >= 200 && status < 300)
			require.False(t, pair.AccessToken.Empty())
			require.True(t, p.Rotation != provider.SingleUse || !pair.RefreshToken.Empty())
			require.False(t, !pair.Expiry.IsZero() && pair.Expiry.Before(readAt))
			return
		}
		require.Equal(t, token.Pair{}, pair)
		require.GreaterOrEqual(t, failure.RetryAfter, time.Duration(0))
		require.LessOrEqual(t, failure.RetryAfter, provider.MaxRetryAfter)
		if failure.Kind == provider.GrantDead {
			// Withings says everything with 200.
			require.True(t, status == 400 || status == 401 || p.Dialect == provider.WithingsEnvelope && status >= 200 && status < 300)
			require.True(t, !cut || p.Dialect == provider.WithingsEnvelope && json.Valid([]byte(body)))
		}
		// The error is the same whatever else the body held: no word is from it.
		again := a
		again.Body = token.NewSecret(strings.ReplaceAll(body, echoed, "fake-refresh-token-9"))
		_, same := provider.Classify(p, again)
		require.Equal(t, failure, same)
	})
}

func FuzzOverride(f *testing.F) {
	for _, yaml := range []string{
		newProvider,
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
			u, err := url.Parse(p.TokenURL)
			require.NoError(t, err)
			require.True(t, u.Scheme == "https" || u.Scheme == "http")
		}
	})
}
