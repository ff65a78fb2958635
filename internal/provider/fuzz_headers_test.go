package provider_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
)

// FuzzWait has a provider ask for waits in all the headers that are read.
func FuzzWait(f *testing.F) {
	for _, seed := range []string{
		"", "30", "0.5", "-1", "NaN", "Inf", "1e9", "1795334400", "1795334400250", "Sun, 22 Nov 2026 08:05:00 GMT", ".", "0x10", strings.Repeat("9", 400),
		"limit=100, remaining=0, reset=30", `"a";r=0;t=30, "b";r=0;t=1795334400`, `"a";r=5;t=30`, ";;;", "t=,t", "r=0;t=" + strings.Repeat("9", 400),
	} {
		for _, status := range []int{200, 400, 408, 425, 429, 503} {
			f.Add(status, seed, "", "")
			f.Add(status, "", seed, "")
			f.Add(status, "", "", seed)
		}
	}
	f.Fuzz(func(t *testing.T, status int, retryAfter, limit, own string) {
		p := lookup(t, "fitbit")
		a := provider.Answer{Status: status, ReadAt: readAt, Header: http.Header{
			"Retry-After": {retryAfter}, "Ratelimit": {limit}, "Ratelimit-Reset": {limit}, "Fitbit-Rate-Limit-Reset": {own},
		}}
		_, failure := provider.Classify(p, a)
		require.NotNil(t, failure)
		require.GreaterOrEqual(t, failure.RetryAfter, time.Duration(0))
		require.LessOrEqual(t, failure.RetryAfter, p.MaxWait())
		require.Zero(t, failure.RetryAfter%time.Second, "whole seconds")
		if failure.Kind != provider.RateLimited && failure.Kind != provider.Unavailable {
			require.Zero(t, failure.RetryAfter)
		}
		requireOwnWords(t, p, failure)
	})
}

// FuzzRedirect has an endpoint redirect to anywhere.
func FuzzRedirect(f *testing.F) {
	for _, location := range []string{
		"", "/v2/token", "https://auth.example.com/token", "//auth.example.com:8443", "https://" + echoed + "/", "https://" + strings.ToUpper(echoed) + ".example.com/",
		"https://user:" + echoed + "@auth.example.com/?q=" + echoed, "https://[::1]:80/", "https://[", "https://a%1b.example/", "javascript:alert(1)", "https://\u202eexample.com", "https://" + strings.Repeat("a", 300),
	} {
		f.Add(308, location)
	}
	f.Fuzz(func(t *testing.T, status int, location string) {
		if status < 300 || status > 399 {
			status = 300 + (status%100+100)%100
		}
		a := answer(status, "", "Location", location)
		a.Sent = []token.Secret{fakeRefresh}
		p := lookup(t, "fitbit")
		_, failure := provider.Classify(p, a)
		require.Equal(t, provider.Unexpected, failure.Kind)
		require.True(t, failure.MaybeSpent)
		require.False(t, failure.MayBeDead)
		requireShown(t, failure.Fix, 300)
		require.NotContains(t, strings.ToLower(failure.Error()), echoed)
		if u, err := url.Parse(location); err == nil && len(u.Path) > 20 && !strings.Contains("the endpoint has moved to another path of its host; correct token_url of fitbit in the providers file", u.Path) {
			require.NotContains(t, failure.Fix, u.Path)
		}
	})
}
