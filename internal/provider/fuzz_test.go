package provider_test

import (
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
	} {
		for _, status := range []int{200, 400, 401, 410, 429, 503} {
			f.Add(status, body, "60", true, body == "")
		}
	}
	f.Fuzz(func(t *testing.T, status int, body, retryAfter string, fitbit, cut bool) {
		p := lookup(t, "google-health")
		if fitbit {
			p = lookup(t, "fitbit")
		}
		a := answer(status, body, "Retry-After", retryAfter)
		a.Cut = cut
		pair, failure := provider.Classify(p, a)
		if failure == nil {
			require.False(t, cut)
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
			require.Contains(t, []int{400, 401}, status)
			require.False(t, cut)
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
