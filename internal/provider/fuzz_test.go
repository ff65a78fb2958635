package provider_test

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
)

func FuzzClassify(f *testing.F) {
	add := func(status int, body, retryAfter string, which uint8, cut bool) {
		f.Add(status, body, retryAfter, which, cut, 400, "error", "invalid_request", "x_end")
	}
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
				add(status, body, "60", uint8(i), body == "")
			}
		}
	}
	withings := uint8(slices.IndexFunc(provider.Builtin().Providers(), func(p provider.Provider) bool { return p.Name == "withings" }))
	for _, retryAfter := range []string{"1795334400", "1795334400250", "0.5", "Sun, 22 Nov 2026 08:05:00 GMT", "-1", "NaN", "1e9", ".", strings.Repeat("9", 400)} {
		add(429, "", retryAfter, uint8(0), false)
		add(200, `{"status":601,"body":{"wait_seconds":"`+retryAfter+`"}}`, "", withings, false)
	}
	oversize := strings.Repeat("a", token.MaxLength+1)
	add(200, pairBody(oversize, "r"), "", uint8(0), false)
	add(200, pairBody("a", oversize), "", uint8(0), false)
	add(200, pairBody(oversize, oversize), "", uint8(0), false)
	for _, dead := range []struct {
		status int
		body   string
		field  string
		value  string
	}{
		{200, `{"error":"bad_refresh_token"}`, "", "bad_refresh_token"},
		{0, `{"a":{"b":{"c":17}}}`, "a.b.c", "17"},
		{0, `{"ok":false}`, "ok", "false"},
		{500, `{"error":"gone"}`, "error", "gone"},
		{0, `{"error":"invalid_grant","refresh_token":"` + echoed + `"}`, "refresh_token", "other"},
		{200, strings.TrimSuffix(goodAnswer, "}") + `,"x":{"y":"1e300"}}`, "x.y", "1e300"},
		{200, strings.TrimSuffix(goodAnswer, "}") + `,"x":1795334400}`, "x", ""},
	} {
		for _, status := range []int{200, 400, 403, 429, 500} {
			f.Add(status, dead.body, "", uint8(0), false, dead.status, dead.field, dead.value, dead.field)
		}
	}
	f.Fuzz(func(t *testing.T, status int, body, retryAfter string, which uint8, cut bool, deadStatus int, deadField, deadValue, lifetimeField string) {
		all := provider.Builtin().Providers()
		p := all[int(which)%len(all)]
		p.DeadAnswers = append([]provider.DeadAnswer{{Status: deadStatus, Field: deadField, Value: deadValue}}, p.DeadAnswers...)
		p.RefreshLifetimeField, p.GrantLifetimeField = lifetimeField, lifetimeField
		a := answer(status, body, "Retry-After", retryAfter)
		a.Cut, a.Sent = cut, []token.Secret{token.NewSecret(echoed)}
		pair, failure := provider.Classify(p, a)
		success := status >= 200 && status < 300
		if failure == nil {
			require.True(t, !cut || json.Valid([]byte(body)), "a pair came out of half an answer")
			require.True(t, success)
			requirePair(t, p, pair)
			return
		}
		require.Equal(t, token.Pair{}, pair)
		require.GreaterOrEqual(t, failure.RetryAfter, time.Duration(0))
		require.LessOrEqual(t, failure.RetryAfter, p.MaxWait())
		require.True(t, failure.MaybeSpent || !success || p.Dialect == provider.WithingsEnvelope, "an answer of success may have spent it")
		require.True(t, failure.MaybeSpent || failure.Kind == provider.InvalidGrant || failure.Kind == provider.InvalidClient || failure.Kind == provider.RequestRejected)
		require.True(t, failure.MaybeSpent || !failure.Issued)
		require.False(t, failure.MayBeDead && (failure.Kind == provider.InvalidGrant || failure.Kind == provider.Unavailable || failure.Kind == provider.RateLimited))
		if failure.Kind == provider.InvalidGrant {
			require.True(t, success || status >= 400 && status < 500 && status != 408 && status != 410 && status != 425 && status != 429)
			require.True(t, !cut || p.Dialect == provider.WithingsEnvelope && json.Valid([]byte(body)))
		}
		requireOwnWords(t, p, failure)
		// The error is the same whatever else the body held: no word is from it.
		again := a
		again.Body = token.NewSecret(strings.ReplaceAll(body, echoed, "fake-refresh-token-9"))
		if strings.Contains(deadValue+deadField, "fake-refresh-token-") {
			return // the entry is no secret
		}
		_, same := provider.Classify(p, again)
		require.Equal(t, failure, same)
	})
}

// requirePair demands that a pair can be stored and shown.
func requirePair(t *testing.T, p provider.Provider, pair token.Pair) {
	t.Helper()
	if pair.AccessProblem == "" {
		require.NoError(t, token.CheckValue(pair.AccessToken.Reveal()))
	} else {
		require.True(t, pair.AccessToken.Empty())
	}
	if p.Rotation == provider.SingleUse && pair.RefreshProblem == "" || !pair.RefreshToken.Empty() {
		require.NoError(t, token.CheckValue(pair.RefreshToken.Reveal()))
	}
	require.False(t, pair.Expiry.Before(readAt), "each provider documents a life")
	for _, end := range []time.Time{pair.Expiry, pair.RefreshEnds, pair.GrantEnds} {
		require.True(t, end.IsZero() || end.After(readAt) && end.Before(readAt.AddDate(101, 0, 0)))
	}
	require.LessOrEqual(t, len(pair.Scopes), 100)
	for _, text := range append([]string{pair.UserID}, pair.Scopes...) {
		require.LessOrEqual(t, len(text), 200)
		require.NotContains(t, text, echoed)
		for _, secret := range []token.Secret{pair.AccessToken, pair.RefreshToken} {
			require.False(t, text != "" && text == secret.Reveal())
		}
		for _, r := range text {
			require.True(t, unicode.IsPrint(r))
		}
	}
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
	own := ownWords
	for _, dead := range p.DeadAnswers {
		own = append(own[:len(own):len(own)], dead.Value, dead.Field+" "+dead.Value)
	}
	require.Contains(t, own, f.Detail)
	require.NotContains(t, f.Fix, echoed)
	require.LessOrEqual(t, len(f.Fix), 4000)
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
