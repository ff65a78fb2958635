package provider_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
)

// echoed is the token, and basic the header, that providers repeat in the
// bodies of their errors.
const (
	echoed = "fake-refresh-token-1"
	basic  = "Basic ZmFrZS1pZDpmYWtlLXNlY3JldA=="
)

var readAt = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

func answer(status int, body string, header ...string) provider.Answer {
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return provider.Answer{Status: status, Header: h, Body: token.NewSecret(body), ReadAt: readAt}
}

// fitbitError is the shape of Fitbit's refusals.
func fitbitError(errorType, message string) string {
	return `{"errors":[{"errorType":"` + errorType + `","message":"` + message + ` Visit https://dev.fitbit.com/docs/oauth2 for more information."}],"success":false}`
}

const (
	wafPage  = `<!DOCTYPE html><html><body>Request blocked. Token ` + echoed + ` refused.</body></html>`
	deadBody = `{"error":"invalid_grant","error_description":"Token ` + echoed + ` has been expired or revoked."}`
)

func TestClassifyRefusals(t *testing.T) {
	cut := answer(400, deadBody)
	cut.Cut = true
	for _, tc := range []struct {
		name     string
		provider string
		answer   provider.Answer
		kind     provider.Kind
		detail   string
	}{
		// The grant is dead by a well-formed invalid_grant with 400, 401 or 403.
		{"Fitbit refuses a spent token", "fitbit", answer(400, fitbitError("invalid_grant", "Refresh token invalid: "+echoed+".")), provider.InvalidGrant, "invalid_grant"},
		{"Fitbit's invalid_grant with 401", "fitbit", answer(401, fitbitError("invalid_grant", "Refresh token invalid: "+echoed+".")), provider.InvalidGrant, "invalid_grant"},
		{"RFC 6749 invalid_grant", "google-health", answer(400, deadBody), provider.InvalidGrant, "invalid_grant"},
		{"RFC 6749 invalid_grant from Fitbit", "fitbit", answer(400, deadBody), provider.InvalidGrant, "invalid_grant"},
		{"invalid_grant with 403", "google-health", answer(403, deadBody), provider.InvalidGrant, "invalid_grant"},
		{"invalid_grant with 404", "google-health", answer(404, deadBody), provider.Unexpected, "invalid_grant"},
		{"invalid_grant with 302", "google-health", answer(302, deadBody), provider.Unexpected, "invalid_grant"},
		{"invalid_grant with 500", "google-health", answer(500, deadBody), provider.Unavailable, "invalid_grant"},
		{"invalid_grant with 429", "google-health", answer(429, deadBody), provider.RateLimited, "invalid_grant"},
		{"invalid_grant cut short", "google-health", answer(400, deadBody[:40]), provider.Unexpected, "broken or truncated JSON"},
		{"invalid_grant on a broken connection", "google-health", cut, provider.Unexpected, "an answer that broke off"},
		{"invalid_grant with an appendix", "google-health", answer(400, deadBody+"<!-- cached -->"), provider.Unexpected, "broken or truncated JSON"},
		{"invalid_grant in a list", "google-health", answer(400, "["+deadBody+"]"), provider.Unexpected, "something other than JSON"},
		{"invalid_grant as a form", "google-health", answer(400, "error=invalid_grant"), provider.Unexpected, "something other than JSON"},
		{"invalid_grant in capitals", "google-health", answer(400, `{"error":"INVALID_GRANT"}`), provider.Unexpected, "no known OAuth error code"},
		{"invalid_grant in prose", "google-health", answer(400, `{"message":"invalid_grant"}`), provider.Unexpected, "no known OAuth error code"},
		{"an error that is an object", "google-health", answer(400, `{"error":{"code":"invalid_grant"}}`), provider.Unexpected, "JSON of another shape"},
		{"a page that is too long", "google-health", answer(400, deadBody+strings.Repeat(" ", provider.MaxBody)), provider.Unexpected, "an answer of more than 256 KiB"},

		{"Fitbit refuses the client", "fitbit", answer(401, fitbitError("invalid_client", "Invalid authorization header. Client id invalid.")), provider.InvalidClient, "invalid_client"},
		{"Fitbit echoes the Basic header", "fitbit", answer(401, fitbitError("invalid_client", "Invalid authorization header format. Received header = "+basic+".")), provider.InvalidClient, "invalid_client"},
		{"unauthorized_client", "google-health", answer(401, `{"error":"unauthorized_client"}`), provider.InvalidClient, "unauthorized_client"},
		{"Auth0 refuses the client", "atlassian", answer(401, `{"error":"access_denied","error_description":"Unauthorized"}`), provider.InvalidClient, "access_denied"},
		{"something else denies access", "atlassian", answer(403, `{"error":"access_denied"}`), provider.Unexpected, "access_denied"},
		{"Google deleted the client", "google-health", answer(401, `{"error":"deleted_client","error_description":"The OAuth client was deleted."}`), provider.InvalidClient, "deleted_client"},
		{"Fitbit misses a parameter", "fitbit", answer(400, fitbitError("invalid_request", "Missing parameters: refresh_token")), provider.RequestRejected, "invalid_request"},
		{"invalid_scope", "google-health", answer(400, `{"error":"invalid_scope"}`), provider.RequestRejected, "invalid_scope"},
		{"unsupported_grant_type", "google-health", answer(400, `{"error":"unsupported_grant_type"}`), provider.RequestRejected, "unsupported_grant_type"},

		{"429 with nothing", "fitbit", answer(429, ""), provider.RateLimited, ""},
		{"Fitbit's system with 429", "fitbit", answer(429, fitbitError("system", "Too Many Requests")), provider.RateLimited, ""},
		{"Fitbit's system with 400", "fitbit", answer(400, fitbitError("system", "Too Many Requests")), provider.RateLimited, ""},
		{"Fitbit's system with 503", "fitbit", answer(503, fitbitError("system", "Service unavailable")), provider.Unavailable, ""},
		{"Fitbit's system with 410", "fitbit", answer(410, fitbitError("system", "Gone")), provider.ProviderRetired, ""},
		{"system from another provider", "google-health", answer(400, `{"error":"system"}`), provider.Unexpected, "no known OAuth error code"},

		{"502 with a page", "fitbit", answer(502, wafPage), provider.Unavailable, ""},
		{"503 with nothing", "fitbit", answer(503, ""), provider.Unavailable, ""},
		{"server_error with 400", "google-health", answer(400, `{"error":"server_error"}`), provider.Unavailable, "server_error"},
		{"temporarily_unavailable with 400", "google-health", answer(400, `{"error":"temporarily_unavailable"}`), provider.Unavailable, "temporarily_unavailable"},

		{"410", "fitbit", answer(410, wafPage), provider.ProviderRetired, ""},
		{"410 with invalid_grant", "fitbit", answer(410, fitbitError("invalid_grant", "Refresh token invalid: "+echoed+".")), provider.ProviderRetired, "invalid_grant"},

		// A token endpoint that speaks of an access token says nothing of the grant.
		{"Fitbit's expired_token", "fitbit", answer(401, fitbitError("expired_token", "Access token expired: "+echoed+".")), provider.Unexpected, "expired_token"},
		{"Fitbit's invalid_token", "fitbit", answer(401, fitbitError("invalid_token", "Access token invalid: "+basic+".")), provider.Unexpected, "invalid_token"},

		{"a firewall's page", "fitbit", answer(403, wafPage, "Content-Type", "text/html"), provider.Unexpected, "HTML instead of JSON"},
		{"401 with nothing", "fitbit", answer(401, ""), provider.Unexpected, "an empty answer"},
		{"404", "fitbit", answer(404, "not found: "+echoed), provider.Unexpected, "something other than JSON"},
		{"408", "google-health", answer(408, deadBody), provider.Unavailable, "invalid_grant"},
		{"425", "google-health", answer(425, deadBody), provider.Unavailable, "invalid_grant"},
		{"a code that is the token", "google-health", answer(400, `{"error":"`+echoed+`"}`), provider.Unexpected, "no known OAuth error code"},
		{"a Fitbit code that is the token", "fitbit", answer(400, fitbitError(echoed, echoed)), provider.Unexpected, "no known OAuth error code"},
		{"Fitbit without errors", "fitbit", answer(400, `{"errors":[],"success":false}`), provider.Unexpected, "no known OAuth error code"},
		{"a redirect", "fitbit", answer(302, "", "Location", "https://example.com/?token="+echoed), provider.Unexpected, "an empty answer"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			pair, failure := provider.Classify(lookup(t, tc.provider), tc.answer)
			require.NotNil(t, failure)
			require.Equal(t, token.Pair{}, pair)
			require.Equal(t, tc.kind, failure.Kind)
			require.Equal(t, tc.detail, failure.Detail)
			require.Equal(t, tc.provider, failure.Provider)
			require.NotContains(t, failure.Error(), echoed)
			require.NotContains(t, failure.Error(), basic)
		})
	}
}

func TestClassifyNeverTakesAnUnusableSuccessForAPair(t *testing.T) {
	cut := answer(200, `{"access_token":"a","refresh_token":"r"`)
	cut.Cut = true
	for _, tc := range []struct {
		name     string
		provider string
		answer   provider.Answer
		detail   string
	}{
		{"a page", "fitbit", answer(200, wafPage), "HTML instead of JSON"},
		{"nothing", "fitbit", answer(204, ""), "an empty answer"},
		{"truncated", "fitbit", answer(200, `{"access_token":"a","refresh_token":"`+echoed), "broken or truncated JSON"},
		{"broke off", "fitbit", cut, "an answer that broke off"},
		{"a list", "fitbit", answer(200, `[]`), "something other than JSON"},
		{"a number for a token", "fitbit", answer(200, `{"access_token":1,"refresh_token":"r"}`), "JSON of another shape"},
		{"too long", "fitbit", answer(200, `{"access_token":"a","refresh_token":"r"`+strings.Repeat(" ", provider.MaxBody)+`}`), "an answer of more than 256 KiB"},
		{"no tokens at all", "fitbit", answer(200, `{}`), "no access token"},
		{"no access token", "fitbit", answer(200, `{"refresh_token":"`+echoed+`"}`), "no access token"},
		{"an empty access token", "fitbit", answer(200, `{"access_token":"","refresh_token":"`+echoed+`"}`), "no access token"},
		{"a blank refresh token", "fitbit", answer(200, `{"access_token":"a","refresh_token":"  "}`), "a refresh token that is empty"},
		{"no refresh token of single use", "fitbit", answer(200, `{"access_token":"a"}`), "no refresh token"},
		{"an empty refresh token of single use", "fitbit", answer(200, `{"access_token":"a","refresh_token":""}`), "no refresh token"},
		{"null for a refresh token of single use", "fitbit", answer(200, `{"access_token":"a","refresh_token":null}`), "no refresh token"},
		{"a damaged refresh token", "fitbit", answer(200, `{"access_token":"a","refresh_token":"r\ufffd"}`), "a refresh token that has characters that no token may have (RFC 6749 appendix A)"},
		{"not UTF-8 in a token", "fitbit", answer(200, "{\"access_token\":\"a\",\"refresh_token\":\"r\xff\"}"), "a refresh token that has characters that no token may have (RFC 6749 appendix A)"},
		{"an unknown error with 200", "google-health", answer(200, `{"error":"`+echoed+`"}`), "an error code in an answer of success"},
		{"invalid_grant with 200 beside a token", "google-health", answer(200, `{"error":"invalid_grant","refresh_token":"`+echoed+`"}`), "an error code in an answer of success"},
		{"an unknown Fitbit error with 200", "fitbit", answer(200, fitbitError("odd", echoed)), "an error code in an answer of success"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			pair, failure := provider.Classify(lookup(t, tc.provider), tc.answer)
			require.NotNil(t, failure)
			require.Equal(t, token.Pair{}, pair)
			require.Equal(t, provider.Malformed, failure.Kind)
			require.Equal(t, tc.detail, failure.Detail)
			require.NotContains(t, failure.Error(), echoed)
		})
	}
}

func TestClassifyReadsAPair(t *testing.T) {
	const fitbitBody = `{"access_token":"fake-access-token-2","expires_in":28800,"refresh_token":"fake-refresh-token-2","scope":"sleep profile","token_type":"Bearer","user_id":"ABC123"}`
	whole := token.Pair{
		AccessToken:  token.NewSecret("fake-access-token-2"),
		RefreshToken: token.NewSecret("fake-refresh-token-2"),
		Issue: token.Issue{
			Expiry:     readAt.Add(8 * time.Hour),
			ObtainedAt: readAt,
			UserID:     "ABC123",
			Scopes:     []string{"sleep", "profile"},
		},
	}
	// Where an answer names no life of its own, Fitbit's documented one counts.
	bare := token.Pair{AccessToken: token.NewSecret("a"), RefreshToken: token.NewSecret("r"), Issue: token.Issue{Expiry: readAt.Add(8 * time.Hour), ObtainedAt: readAt, Scopes: []string{}}}
	with := func(change func(*token.Pair)) token.Pair {
		p := bare
		change(&p)
		return p
	}
	kept := with(func(p *token.Pair) { p.RefreshToken = token.Secret{} })

	for _, tc := range []struct {
		name     string
		rotation provider.Rotation
		body     string
		want     token.Pair
	}{
		{"Fitbit's", provider.SingleUse, fitbitBody, whole},
		{"with other capitals and a byte of space", provider.SingleUse, " {\"access_token\":\"a\",\"refresh_token\":\"r\",\"token_type\":\"bearer\"}\n", bare},
		{"the same refresh token again", provider.SingleUse, `{"access_token":"a","refresh_token":"` + echoed + `"}`, with(func(p *token.Pair) { p.RefreshToken = token.NewSecret(echoed) })},
		{"a provider that does not rotate gives none", provider.NoRotation, `{"access_token":"a"}`, kept},
		{"a provider that does not rotate gives an empty one", provider.NoRotation, `{"access_token":"a","refresh_token":""}`, kept},
		{"a provider that does not rotate gives one after all", provider.NoRotation, `{"access_token":"a","refresh_token":"r"}`, bare},
		{"one that rotates at times gives none", provider.Sometimes, `{"access_token":"a"}`, kept},
		{"one that rotates at times gives one", provider.Sometimes, `{"access_token":"a","refresh_token":"r"}`, bare},
		{"a lifetime in quotes", provider.SingleUse, `{"access_token":"a","refresh_token":"r","expires_in":"3600"}`, with(func(p *token.Pair) { p.Expiry = readAt.Add(time.Hour) })},
		{"a lifetime with a fraction", provider.SingleUse, `{"access_token":"a","refresh_token":"r","expires_in":3600.0}`, with(func(p *token.Pair) { p.Expiry = readAt.Add(time.Hour) })},
		{"no lifetime", provider.SingleUse, `{"access_token":"a","refresh_token":"r","expires_in":null}`, bare},
		{"a negative lifetime, which says nothing", provider.SingleUse, `{"access_token":"a","refresh_token":"r","expires_in":-1}`, bare},
		{"an absurd lifetime", provider.SingleUse, `{"access_token":"a","refresh_token":"r","expires_in":1e18}`, bare},
		{"a lifetime in words", provider.SingleUse, `{"access_token":"a","refresh_token":"r","expires_in":"NaN"}`, bare},
		{"a token type of its own", provider.SingleUse, `{"access_token":"a","refresh_token":"r","token_type":7}`, bare},
		{"a name in another encoding", provider.SingleUse, "{\"access_token\":\"a\",\"refresh_token\":\"r\",\"name\":\"J\xe9r\xf4me\"}", bare},
		{"a byte order mark", provider.SingleUse, "\ufeff" + `{"access_token":"a","refresh_token":"r"}`, bare},
		{"a lifetime of zero, which says nothing", provider.SingleUse, `{"access_token":"a","refresh_token":"r","expires_in":0}`, bare},
		{"a user id that is a number", provider.SingleUse, `{"access_token":"a","refresh_token":"r","user_id":12345678901}`, with(func(p *token.Pair) { p.UserID = "12345678901" })},
		{"fields of unknown shapes lose no pair", provider.SingleUse, `{"access_token":"a","refresh_token":"r","user_id":{},"scope":["x"],"extra":[1]}`, bare},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := lookup(t, "fitbit")
			p.Rotation = tc.rotation
			pair, failure := provider.Classify(p, answer(200, tc.body))
			require.Nil(t, failure)
			require.Equal(t, tc.want, pair)
		})
	}
}

func TestClassifyKeepsTheBlanksOfATokenAsTheyAre(t *testing.T) {
	for _, text := range []string{" leading", "in ner", "trailing ", " all of them "} {
		pair, failure := provider.Classify(lookup(t, "fitbit"), answer(200, pairBody(text, "r"+text)))
		require.Nil(t, failure, text)
		require.Equal(t, text, pair.AccessToken.Reveal())
		require.Equal(t, "r"+text, pair.RefreshToken.Reveal())
	}
}

func TestATokenThatCannotBeStoredIsLeftOutOfThePairWithTheReason(t *testing.T) {
	longest, oversize := strings.Repeat("a", token.MaxLength), strings.Repeat("a", token.MaxLength+1)
	const tooLong = "is too long: it has 25601 bytes, and Key Vault takes 25600"
	const odd = "has characters that no token may have (RFC 6749 appendix A)"
	for _, tc := range []struct {
		name, provider, access, refresh string
		accessProblem, refreshProblem   string
	}{
		{"the longest tokens", "fitbit", longest, longest, "", ""},
		{"an oversize refresh token", "fitbit", "a", oversize, "", tooLong},
		{"an oversize access token", "fitbit", oversize, "r", tooLong, ""},
		{"both oversize", "fitbit", oversize, oversize, tooLong, tooLong},
		{"an access token with a line break", "whoop", "a\n", "r", odd, ""},
		{"an access token that is not ASCII", "xero", "a\u00a0", "r", odd, ""},
		{"an access token of blanks", "oura", "  ", "r", "is empty", ""},
		{"an oversize refresh token where the old one stays in force", "google-health", "a", oversize, "", ""},
		{"an odd refresh token where the old one stays in force", "google-health", "a", "r\n", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			pair, failure := provider.Classify(lookup(t, tc.provider), answer(200, pairBody(tc.access, tc.refresh)))
			require.Nil(t, failure)
			require.Equal(t, tc.accessProblem, pair.AccessProblem)
			require.Equal(t, tc.refreshProblem, pair.RefreshProblem)
			want := func(value, problem string, keptOld bool) string {
				if problem != "" || keptOld {
					return ""
				}
				return value
			}
			require.Equal(t, want(tc.access, tc.accessProblem, false), pair.AccessToken.Reveal())
			require.Equal(t, want(tc.refresh, tc.refreshProblem, tc.provider == "google-health"), pair.RefreshToken.Reveal())
		})
	}
}

// pairBody is an answer of success with these tokens.
func pairBody(access, refresh string) string {
	return fmt.Sprintf(`{"access_token":%q,"refresh_token":%q}`, access, refresh)
}

func TestAnEmptyRefreshTokenIsALostOneWhereTokensRotateAtTimes(t *testing.T) {
	p := lookup(t, "fitbit")
	p.Rotation = provider.Sometimes
	_, failure := provider.Classify(p, answer(200, `{"access_token":"a","refresh_token":""}`))
	require.NotNil(t, failure)
	require.Equal(t, provider.Malformed, failure.Kind)
}
