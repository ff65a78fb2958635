package provider_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
)

// rfc6749 is a provider of RFC 6749 with these words of its own for a dead grant.
func rfc6749(dead ...provider.DeadAnswer) provider.Provider {
	return provider.Provider{Name: "example", Title: "Example", Dialect: provider.RFC6749, Rotation: provider.SingleUse, DeadAnswers: dead}
}

func TestAProvidersOwnWordsForADeadGrantAreData(t *testing.T) {
	oura := provider.DeadAnswer{Status: 400, Value: "invalid_request"}
	github := provider.DeadAnswer{Status: 200, Field: "error", Value: "bad_refresh_token"}
	inside := provider.DeadAnswer{Field: "fault.detail.code", Value: "token_gone"}
	number := provider.DeadAnswer{Status: 401, Field: "code", Value: "17"}
	truth := provider.DeadAnswer{Status: 200, Field: "ok", Value: "false"}

	for _, tc := range []struct {
		name   string
		dead   []provider.DeadAnswer
		answer provider.Answer
		kind   provider.Kind
		detail string
		spent  bool // the request may have spent the token
	}{
		{"another code with its status", []provider.DeadAnswer{oura}, answer(400, `{"error":"invalid_request","error_description":"`+echoed+`"}`), provider.InvalidGrant, "invalid_request", false},
		{"the same code with another status", []provider.DeadAnswer{oura}, answer(401, `{"error":"invalid_request"}`), provider.RequestRejected, "invalid_request", false},
		{"another code", []provider.DeadAnswer{oura}, answer(400, `{"error":"invalid_scope"}`), provider.RequestRejected, "invalid_scope", false},
		{"invalid_grant beside the entry's own", []provider.DeadAnswer{oura}, answer(400, deadBody), provider.InvalidGrant, "invalid_grant", false},
		{"the second of two", []provider.DeadAnswer{inside, oura}, answer(400, `{"error":"invalid_request"}`), provider.InvalidGrant, "invalid_request", false},
		{"a word that no RFC knows", []provider.DeadAnswer{{Value: "token_gone"}}, answer(404, `{"error":"token_gone"}`), provider.InvalidGrant, "token_gone", false},
		{"a field inside others", []provider.DeadAnswer{inside}, answer(422, `{"fault":{"detail":{"code":"token_gone"}}}`), provider.InvalidGrant, "fault.detail.code token_gone", false},
		{"a field that is not there", []provider.DeadAnswer{inside}, answer(422, `{"fault":{"detail":[]}}`), provider.Unexpected, "no known OAuth error code", true},
		{"a number", []provider.DeadAnswer{number}, answer(401, `{"code":17}`), provider.InvalidGrant, "code 17", false},
		{"another number", []provider.DeadAnswer{number}, answer(401, `{"code":170}`), provider.Unexpected, "no known OAuth error code", true},
		{"capitals", []provider.DeadAnswer{oura}, answer(400, `{"error":"INVALID_REQUEST"}`), provider.Unexpected, "no known OAuth error code", true},

		{"with 200", []provider.DeadAnswer{github}, answer(200, `{"error":"bad_refresh_token","error_description":"`+echoed+`"}`), provider.InvalidGrant, "bad_refresh_token", true},
		{"with 200 and without the field error", []provider.DeadAnswer{truth}, answer(200, `{"ok":false}`), provider.InvalidGrant, "ok false", true},
		{"with 200 beside a token", []provider.DeadAnswer{github}, answer(200, `{"error":"bad_refresh_token","access_token":"a"}`), provider.Malformed, "an error code in an answer of success", true},
		{"with 400 where the entry has 200", []provider.DeadAnswer{github}, answer(400, `{"error":"bad_refresh_token"}`), provider.Unexpected, "no known OAuth error code", true},

		// A status that speaks for the whole service outranks every word.
		{"with 500", []provider.DeadAnswer{{Value: "token_gone"}}, answer(500, `{"error":"token_gone"}`), provider.Unavailable, "", true},
		{"with 429", []provider.DeadAnswer{{Value: "token_gone"}}, answer(429, `{"error":"token_gone"}`), provider.RateLimited, "", true},
		{"with 408", []provider.DeadAnswer{{Value: "token_gone"}}, answer(408, `{"error":"token_gone"}`), provider.Unavailable, "", true},
		{"with 425", []provider.DeadAnswer{{Value: "token_gone"}}, answer(425, `{"error":"token_gone"}`), provider.Unavailable, "", true},
		{"with 410", []provider.DeadAnswer{{Value: "token_gone"}}, answer(410, `{"error":"token_gone"}`), provider.ProviderRetired, "", true},
		{"with 302", []provider.DeadAnswer{{Value: "token_gone"}}, answer(302, `{"error":"token_gone"}`), provider.Unexpected, "no known OAuth error code", true},
		{"cut short", []provider.DeadAnswer{{Value: "token_gone"}}, answer(400, `{"error":"token_gone"`), provider.Unexpected, "broken or truncated JSON", true},
		{"too long", []provider.DeadAnswer{{Value: "token_gone"}}, answer(400, `{"error":"token_gone"}`+strings.Repeat(" ", provider.MaxBody)), provider.Unexpected, "an answer of more than 256 KiB", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			pair, failure := provider.Classify(rfc6749(tc.dead...), tc.answer)
			require.NotNil(t, failure)
			require.Equal(t, token.Pair{}, pair)
			require.Equal(t, tc.kind, failure.Kind)
			require.Equal(t, tc.detail, failure.Detail)
			require.Equal(t, tc.spent, failure.MaybeSpent)
			require.NotContains(t, failure.Error(), echoed)
			require.False(t, failure.Kind == provider.InvalidGrant && failure.MayBeDead, "what is dead is not in doubt")
		})
	}
}

func TestDeadAnswersAreReadAfterTheDialect(t *testing.T) {
	p := lookup(t, "fitbit")
	p.DeadAnswers = []provider.DeadAnswer{{Status: 400, Value: "invalid_request"}}
	_, failure := provider.Classify(p, answer(400, fitbitError("invalid_request", echoed)))
	require.Equal(t, provider.InvalidGrant, failure.Kind)
}

func TestAPairIsAPairWhateverElseTheAnswerSays(t *testing.T) {
	pair, failure := provider.Classify(rfc6749(provider.DeadAnswer{Field: "token_type", Value: "Bearer"}), answer(200, goodAnswer))
	require.Nil(t, failure)
	require.Equal(t, "fake-refresh-token-2", pair.RefreshToken.Reveal())
}

func TestAnErrorInAnAnswerOfSuccessIsClassifiedByItsCode(t *testing.T) {
	for _, tc := range []struct {
		name, body string
		kind       provider.Kind
		detail     string
		mayBeDead  bool
	}{
		{"a dead grant", deadBody, provider.InvalidGrant, "invalid_grant", false},
		{"GitHub's client", `{"error":"incorrect_client_credentials","error_description":"The client_id and/or client_secret passed are incorrect."}`, provider.InvalidClient, "incorrect_client_credentials", false},
		{"Slack's client", `{"ok":false,"error":"bad_client_secret"}`, provider.InvalidClient, "bad_client_secret", false},
		{"Slack's outage", `{"ok":false,"error":"internal_error"}`, provider.Unavailable, "internal_error", false},
		{"Slack's rate limit", `{"ok":false,"error":"ratelimited"}`, provider.RateLimited, "ratelimited", false},
		{"a wrong request", `{"error":"invalid_request"}`, provider.RequestRejected, "invalid_request", true},
		{"an access token's code", `{"error":"invalid_token"}`, provider.Unexpected, "invalid_token", true},
		{"an unknown code", `{"error":"bad_refresh_token"}`, provider.Malformed, "an error code in an answer of success", true},
		{"a code that is the token", `{"error":"` + echoed + `"}`, provider.Malformed, "an error code in an answer of success", true},
		{"a code that is a number", `{"error":17}`, provider.Malformed, "an error code in an answer of success", true},
		{"an error that is an object", `{"error":{"code":"invalid_grant"}}`, provider.Malformed, "an error code in an answer of success", true},
		{"a dead grant that names a token", `{"error":"invalid_grant","refresh_token":"` + echoed + `"}`, provider.Malformed, "an error code in an answer of success", true},
		{"no error at all", `{"error":null}`, provider.Malformed, "no access token", true},
		{"an empty error", `{"error":""}`, provider.Malformed, "no access token", true},
		{"an error that is false", `{"error":false}`, provider.Malformed, "no access token", true},
		{"another object", `{"ok":false}`, provider.Malformed, "no access token", true},
		{"another code", `{"errcode":40030,"errmsg":"invalid refresh_token"}`, provider.Malformed, "no access token", true},
		{"tokens of another shape", `{"access_token":{},"refresh_token":null}`, provider.Malformed, "JSON of another shape", true},
		{"a page", wafPage, provider.Malformed, "HTML instead of JSON", false},
		{"nothing", "", provider.Malformed, "an empty answer", false},
		{"a part of an object", `{"ok":fal`, provider.Malformed, "broken or truncated JSON", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, failure := provider.Classify(rfc6749(), answer(200, tc.body))
			require.NotNil(t, failure)
			require.Equal(t, tc.kind, failure.Kind)
			require.Equal(t, tc.detail, failure.Detail)
			require.Equal(t, tc.mayBeDead, failure.MayBeDead)
			require.True(t, failure.MaybeSpent, "an answer of success may have spent the token")
			require.False(t, failure.Issued)
			require.NotContains(t, failure.Error(), echoed)
		})
	}
}

// Its token is spent, and the answer may come whole the next time.
func TestAnAnswerOfSuccessWithATokenMeansNoDeadGrant(t *testing.T) {
	for _, body := range []string{`{"access_token":"a"}`, `{"refresh_token":"r"}`, `{"access_token":1,"refresh_token":"r"}`, `{"body":{"access_token":"a","refresh_token":"r"}}`} {
		_, failure := provider.Classify(rfc6749(), answer(200, body))
		require.NotNil(t, failure)
		require.True(t, failure.Issued, body)
		require.False(t, failure.MayBeDead, body)
	}
}

func TestARateLimitInAnAnswerOfSuccessIsWaitedFor(t *testing.T) {
	_, failure := provider.Classify(rfc6749(), answer(200, `{"error":"ratelimited"}`, "Retry-After", "30"))
	require.Equal(t, "30s", failure.RetryAfter.String())
}

func TestOnlyAnAnswerThatSaysNothingDefiniteMayMeanADeadGrant(t *testing.T) {
	for _, tc := range []struct {
		name   string
		answer provider.Answer
		want   bool
	}{
		{"a firewall's page", answer(403, wafPage), true},
		{"nothing with 400", answer(400, ""), true},
		{"401 with an unknown code", answer(401, `{"error":"odd"}`), true},
		{"404", answer(404, "not found"), true},
		{"invalid_grant with 404", answer(404, deadBody), true},
		{"a broken body", answer(400, deadBody[:20]), true},
		{"an access token's error", answer(401, `{"error":"invalid_token"}`), true},
		{"invalid_request", answer(400, `{"error":"invalid_request"}`), true},
		{"invalid_scope", answer(400, `{"error":"invalid_scope"}`), true},

		{"a dead grant", answer(403, deadBody), false},
		{"the client", answer(401, `{"error":"invalid_client"}`), false},
		{"a fault of its own with 400", answer(400, `{"error":"server_error"}`), false},
		{"408", answer(408, ""), false},
		{"425", answer(425, ""), false},
		{"429", answer(429, ""), false},
		{"410", answer(410, ""), false},
		{"500", answer(500, deadBody), false},
		{"503 with an unknown code", answer(503, `{"error":"odd"}`), false},
		{"a redirect", answer(302, ""), false},
		{"304", answer(304, ""), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, failure := provider.Classify(rfc6749(), tc.answer)
			require.NotNil(t, failure)
			require.Equal(t, tc.want, failure.MayBeDead, "%v", failure)
		})
	}
}

func TestARefusalThatIsNotTheTokenEndpointsMayPass(t *testing.T) {
	for _, tc := range []struct {
		name   string
		answer provider.Answer
		want   bool
	}{
		{"a firewall's page", answer(403, wafPage), true},
		{"nothing", answer(400, ""), true},
		{"a broken body", answer(400, deadBody[:20]), true},
		{"a text", answer(405, "no"), true},
		{"404", answer(404, "not found"), true},
		{"404 in JSON", answer(404, `{"error":"not_found"}`), true},
		{"an unknown code", answer(403, `{"error":"odd"}`), false},
		{"an error that is an object", answer(400, `{"error":{"code":17}}`), false},
		{"invalid_request", answer(400, `{"error":"invalid_request"}`), false},
		{"an unknown code in a 200", answer(200, `{"error":"odd"}`), false},
		{"a dead grant", answer(400, deadBody), false},
		{"an outage", answer(503, wafPage), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, failure := provider.Classify(rfc6749(), tc.answer)
			require.NotNil(t, failure)
			require.Equal(t, tc.want, failure.Passing, "%v", failure)
		})
	}
}
