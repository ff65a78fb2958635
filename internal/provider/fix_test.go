package provider_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
)

const moi = "https://moi.ouraring.com/oauth/v2/ext/oauth-token"

// FIELD P2: an app of another portal is refused by all token endpoints but its own.
func TestARefusalNamesTheProvidersFurtherTokenEndpoints(t *testing.T) {
	const choose = "Oura has further token endpoints, which other apps need: moi (" + moi + "); choose one for the account in the providers file (accounts: oura/ACCOUNT: {token_url: NAME}), or else "
	p := lookup(t, "oura")
	p.TokenURLs, p.DeadAnswers = map[string]string{"moi": moi}, nil
	refused := func(p provider.Provider, a provider.Answer) string {
		t.Helper()
		_, failure := provider.Classify(p, a)
		require.NotNil(t, failure)
		return failure.Fix
	}
	invalidRequest := answer(400, `{"error":"invalid_request"}`)
	require.True(t, strings.HasPrefix(refused(p, invalidRequest), choose), refused(p, invalidRequest))
	require.True(t, strings.HasPrefix(refused(p, answer(404, "not here")), choose))

	dead := p
	dead.DeadAnswers = []provider.DeadAnswer{{Status: 400, Value: "invalid_request"}}
	require.True(t, strings.HasPrefix(refused(dead, invalidRequest), choose), "its words for a dead grant are the same")
	require.False(t, strings.HasPrefix(refused(dead, answer(400, deadBody)), choose), "invalid_grant is no matter of the endpoint")

	chosen := p
	chosen.TokenURL = moi
	require.NotContains(t, refused(chosen, invalidRequest), "further token endpoints", "the account has chosen it")
	require.NotContains(t, refused(lookup(t, "whoop"), invalidRequest), "further token endpoints")

	many := p
	many.TokenURLs = map[string]string{}
	for _, name := range strings.Split("a b c d e f g h", " ") {
		many.TokenURLs[name] = "https://example.com/" + name
	}
	require.Contains(t, refused(many, invalidRequest), "e (https://example.com/e);")
	require.NotContains(t, refused(many, invalidRequest), "https://example.com/f")
}

func TestARefusedExchangeNamesTheProvidersFurtherTokenEndpoints(t *testing.T) {
	p, _ := endpointOf(t, "oura", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		reply(w, `{"error":"invalid_request"}`)
	})
	p.TokenURLs, p.DeadAnswers = map[string]string{"moi": moi}, []provider.DeadAnswer{{Status: 400, Value: "invalid_request"}}
	_, err := provider.NewClient(nil).Exchange(t.Context(), p, fakeClient, provider.NewAuthorizationRequest(callback, nil), token.NewSecret("fake-code"))
	failure := failureOf(t, err, provider.RequestRejected)
	require.Contains(t, failure.Fix, "moi ("+moi+")")
	require.Contains(t, failure.Fix, "redirect URI")
	require.False(t, failure.MayBeDead, "there is no grant yet")
}

// Dead answers are about refreshes: the same words at the end of a grant say nothing.
func TestADeadAnswerDoesNotEndAGrant(t *testing.T) {
	p := revokedAt(t, "xero", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		reply(w, `{"error":"invalid_request"}`)
	})
	p.DeadAnswers = []provider.DeadAnswer{{Value: "invalid_request"}}
	requireKind(t, provider.NewClient(nil).Revoke(t.Context(), p, fakeClient, grantInForce), provider.RequestRejected)
}

// FIELD P6.
func TestAConsentWithoutTheOfflineScopeNamesIt(t *testing.T) {
	const body = `{"access_token":"a","expires_in":3599}`
	offered := func(scopes ...string) func(*provider.Provider) {
		return func(p *provider.Provider) { p.Scopes, p.RefreshParams = scopes, nil }
	}
	for _, tc := range []struct {
		name, provider string
		change         func(*provider.Provider)
		asked          []string
		want           string
	}{
		{"single use", "whoop", nil, []string{"read:sleep"},
			"the consent was not asked for the scope offline, without which WHOOP gives no refresh token; ask for it as well (--scopes), or for the provider's own scopes (without --scopes)"},
		{"single use with dots", "whoop", offered("tweet.read", "offline.access"), []string{"tweet.read"},
			"the consent was not asked for the scope offline.access, without which WHOOP gives no refresh token; ask for it as well (--scopes), or for the provider's own scopes (without --scopes)"},
		{"no rotation", "google-health", offered("api", "refresh_token"), []string{"api"},
			"the consent was not asked for the scope refresh_token, without which Google Health gives no refresh token; ask for it as well (--scopes), or for the provider's own scopes (without --scopes)"},
		{"asked for", "whoop", nil, []string{"offline", "read:sleep"},
			"the scope offline was asked for; see that the app may have it and that the account owner did not decline it at WHOOP"},
		{"by default", "xero", nil, nil,
			"the scope offline_access was asked for; see that the app may have it and that the account owner did not decline it at Xero"},
		{"no scope of that kind", "strava", nil, []string{"read"},
			"ask for the scope that stands for offline access; the defaults of strava are read activity:read"},
		{"no scopes at all", "strava", offered(), nil,
			"ask for the scope that stands for offline access at this provider"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, _ := endpointOf(t, tc.provider, func(w http.ResponseWriter, _ *http.Request) { reply(w, body) })
			if tc.change != nil {
				tc.change(&p)
			}
			_, err := provider.NewClient(nil).Exchange(t.Context(), p, fakeClient, provider.NewAuthorizationRequest(callback, tc.asked), token.NewSecret("fake-code"))
			require.Equal(t, tc.want, failureOf(t, err, provider.Malformed).Fix)
		})
	}
}

func TestARefreshWithoutTheOfflineScopeNamesIt(t *testing.T) {
	for name, want := range map[string]string{
		"whoop":  "WHOOP issues refresh tokens for the scope offline alone; if it goes on, have the account owner consent again with it (starter authorize), and see that refresh_params of whoop asks for it",
		"xero":   "Xero issues refresh tokens for the scope offline_access alone; if it goes on, have the account owner consent again with it (starter authorize)",
		"fitbit": "",
	} {
		_, failure := provider.Classify(lookup(t, name), answer(200, `{"access_token":"a"}`))
		require.Equal(t, "no refresh token", failure.Detail)
		require.Equal(t, want, failure.Fix)
	}
}

// FIELD P11.
func TestARefusedClientSaysWhatTheBasicHeaderEncodes(t *testing.T) {
	const (
		plain   = "check the client id and secret in the vault's XeroCredentials (base64 of client_id:client_secret) against the app's registration at Xero"
		encoded = plain + "; this client has characters that the Basic header form-encodes (RFC 6749 section 2.3.1), which some providers do not decode: if they are right, state auth_style: body for xero in the providers file"
	)
	for _, tc := range []struct {
		name       string
		style      provider.AuthStyle
		id, secret string
		want       string
	}{
		{"a plain client", provider.AuthHeader, "23ABCD", "0123-abc_def.~", plain},
		{"an odd secret", provider.AuthHeader, "23ABCD", "p+q/r==", encoded},
		{"an odd id", provider.AuthHeader, "app@example.com", "0123abc", encoded},
		{"an odd secret in the body", provider.AuthBody, "23ABCD", "p+q/r==", plain},
		{"a public client", provider.AuthHeader, "app@example.com", "", plain},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for op, run := range operations {
				address, _ := record(t, 401, nil, `{"error":"invalid_client"}`)
				p := lookup(t, "xero")
				p.TokenURL, p.RevokeURL, p.AuthStyle = address, address, tc.style
				err := run(t.Context(), provider.NewClient(nil), p, token.Client{ID: tc.id, Secret: token.NewSecret(tc.secret)})
				require.Equal(t, tc.want, failureOf(t, err, provider.InvalidClient).Fix, op)
			}
		})
	}
}

func TestARefusedClientNamesTheSecretsThatHoldIt(t *testing.T) {
	for _, tc := range []struct {
		names provider.SecretNames
		want  string
	}{
		{provider.SecretNames{}, "the vault's XeroCredentials (base64 of client_id:client_secret) against"},
		{provider.SecretNames{Credentials: "OurClient"}, "the vault's OurClient (base64 of client_id:client_secret) against"},
		{provider.SecretNames{ClientID: "OurId", ClientSecret: "OurSecret"}, "the vault's OurId and OurSecret against"},
	} {
		p := lookup(t, "xero")
		p.SecretNames = tc.names
		_, failure := provider.Classify(p, answer(401, `{"error":"invalid_client"}`))
		require.Contains(t, failure.Fix, tc.want)
	}
}

// FIELD P13.
func TestARedirectNamesTheHostToCorrectAndNoMore(t *testing.T) {
	const correct = "; correct token_url of fitbit in the providers file"
	const otherHost = "the endpoint has moved to another host" + correct
	for _, tc := range []struct{ name, location, want string }{
		{"a host", "https://auth.example.com/token?refresh_token=" + echoed, "the endpoint has moved to auth.example.com" + correct},
		{"a host with a port", "https://auth.example.com:8443/", "the endpoint has moved to auth.example.com:8443" + correct},
		{"an address", "http://10.0.0.7/login", "the endpoint has moved to 10.0.0.7" + correct},
		{"without a scheme", "//auth.example.com/token", "the endpoint has moved to auth.example.com" + correct},
		{"a user name", "https://" + echoed + "@auth.example.com/token", "the endpoint has moved to auth.example.com" + correct},
		{"a path", "/v2/token?x=" + echoed, "the endpoint has moved to another path of its host" + correct},
		{"nothing", "", "redirects are not followed with a token" + correct},
		{"no URL", "https://[", "redirects are not followed with a token" + correct},
		{"a host that is the token", "https://" + echoed + "/token", otherHost},
		{"a host that is the token in capitals", "https://" + strings.ToUpper(echoed) + "/token", otherHost},
		{"a host that holds the token", "https://x" + echoed + ".example.com/token", otherHost},
		{"a host that is too long", "https://" + strings.Repeat("a.", 60) + "com/token", otherHost},
		{"a host with an escape sequence", "https://a%1b%5b2J.example.com/", "redirects are not followed with a token" + correct},
		{"a host beyond ASCII", "https://ex\u202eample.com/", otherHost},
		{"an IPv6 address", "https://[2001:db8::1]/token", otherHost},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := answer(308, wafPage, "Location", tc.location)
			a.Sent = []token.Secret{fakeRefresh, fakeClient.Secret}
			_, failure := provider.Classify(lookup(t, "fitbit"), a)
			require.Equal(t, provider.Unexpected, failure.Kind)
			require.Equal(t, tc.want, failure.Fix)
			require.NotContains(t, strings.ToLower(failure.Error()), echoed)
		})
	}
}

func TestAHostHidesTheTokenWhateverItsCapitals(t *testing.T) {
	a := answer(308, "", "Location", "https://fake-token-in-capitals.example.com/")
	a.Sent = []token.Secret{token.NewSecret("FAKE-Token-In-Capitals")}
	_, failure := provider.Classify(lookup(t, "fitbit"), a)
	require.Contains(t, failure.Fix, "has moved to another host")
}

func TestAMovedRevocationNamesItsOwnSetting(t *testing.T) {
	p := revokedAt(t, "xero", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://auth.example.com/revoke", http.StatusPermanentRedirect)
	})
	err := provider.NewClient(nil).Revoke(t.Context(), p, fakeClient, grantInForce)
	require.EqualError(t, err, "provider: revocation at xero: unexpected answer (308 Permanent Redirect, an empty answer); the endpoint has moved to auth.example.com; correct revoke_url of xero in the providers file, or have the account owner remove the app's access at Xero")
}

func TestWhatMayBeADeadGrantSaysWhatToDoAboutThat(t *testing.T) {
	const consent = "have the account owner consent again at Example (starter authorize)"
	for _, tc := range []struct {
		name   string
		answer provider.Answer
		want   string
	}{
		{"a page", answer(403, wafPage), consent + ", or check that token_url of example is its token endpoint and that nothing between refuses the worker"},
		{"invalid_request", answer(400, `{"error":"invalid_request"}`), consent + ", or check token_url and the entry of example in the providers file"},
		{"invalid_scope", answer(400, `{"error":"invalid_scope"}`), "check scopes, refresh_params and auth_style of example in the providers file, or " + consent},
		{"404", answer(404, ""), "check that token_url of example is its token endpoint, or " + consent},
		{"an unknown error with 200", answer(200, `{"error":"odd"}`), consent + ", or list the answer in dead_answers of example in the providers file"},
		{"an access token's error", answer(401, `{"error":"invalid_token"}`), "check that token_url of example is its token endpoint, because the answer speaks of an access token, which a refresh does not send; or " + consent},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, failure := provider.Classify(rfc6749(), tc.answer)
			require.True(t, failure.MayBeDead)
			require.Equal(t, tc.want, failure.Fix)
			require.True(t, strings.HasSuffix(failure.Error(), "; if it goes on, "+tc.want), failure.Error())
		})
	}
}
