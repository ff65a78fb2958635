package authserver_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/token"
)

const callback = "http://127.0.0.1:8080/callback"

func registered(redirects ...string) authserver.Options {
	client := authserver.DefaultClient()
	client.RedirectURIs = redirects
	return authserver.Options{Client: client}
}

func oauthConfig(s *authserver.Server) oauth2.Config {
	return oauth2.Config{
		ClientID:     s.Client().ID,
		ClientSecret: s.Client().Secret.Reveal(),
		RedirectURL:  callback,
		Scopes:       []string{"sleep", "profile"},
		Endpoint: oauth2.Endpoint{
			AuthURL:   s.URL() + "/oauth2/authorize",
			TokenURL:  s.URL() + "/oauth2/token",
			AuthStyle: oauth2.AuthStyleInHeader,
		},
	}
}

// decide posts the consent form and returns where the browser is sent.
func decide(t *testing.T, authorizeURL string, form url.Values) *url.URL {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, authorizeURL, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	a, err := send(r)
	require.NoError(t, err)
	require.Equal(t, http.StatusFound, a.status, a.body)
	require.True(t, strings.HasSuffix(a.header.Get("Location"), "#_=_"), a.header.Get("Location"))
	location, err := url.Parse(a.header.Get("Location"))
	require.NoError(t, err)
	return location
}

func get(t *testing.T, rawURL string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, rawURL, nil)
	require.NoError(t, err)
	a, err := send(r)
	require.NoError(t, err)
	return a
}

func TestConsentWithPKCEThroughAStandardClient(t *testing.T) {
	s := start(t, registered("https://fake.example/other", callback))
	config, verifier := oauthConfig(s), oauth2.GenerateVerifier()
	authorizeURL := config.AuthCodeURL("fake-state", oauth2.S256ChallengeOption(verifier))

	page := get(t, authorizeURL)
	require.Equal(t, http.StatusOK, page.status)
	require.Contains(t, page.body, `<button name="decision" value="allow">`)
	require.Contains(t, page.body, "<li>sleep")

	location := decide(t, authorizeURL, url.Values{"user": {user}, "decision": {"allow"}})
	require.Equal(t, "/callback", location.Path)
	require.Equal(t, "fake-state", location.Query().Get("state"))
	code := location.Query().Get("code")
	pair, err := config.Exchange(t.Context(), code, oauth2.VerifierOption(verifier))
	require.NoError(t, err)
	require.True(t, s.IsLive(pair.RefreshToken))
	require.Equal(t, user, pair.Extra("user_id"))
	require.Equal(t, "sleep profile", pair.Extra("scope"))

	_, err = config.Exchange(t.Context(), code, oauth2.VerifierOption(verifier))
	require.Error(t, err, "a code works once")
	require.True(t, s.IsLive(pair.RefreshToken))
}

func TestCodeIsBoundToItsVerifier(t *testing.T) {
	s := start(t, registered(callback))
	config := oauthConfig(s)
	authorizeURL := config.AuthCodeURL("fake-state", oauth2.S256ChallengeOption(oauth2.GenerateVerifier()))
	code := decide(t, authorizeURL, url.Values{"user": {user}, "decision": {"allow"}}).Query().Get("code")
	_, err := config.Exchange(t.Context(), code, oauth2.VerifierOption(oauth2.GenerateVerifier()))
	require.ErrorContains(t, err, "invalid_grant")
	require.False(t, s.Audit(user).Alive())
}

func TestChallengeWithoutAMethodIsPlain(t *testing.T) {
	s := start(t, registered(callback))
	config := oauthConfig(s)
	authorizeURL := config.AuthCodeURL("fake-state", oauth2.SetAuthURLParam("code_challenge", "fake-verifier"))
	code := decide(t, authorizeURL, url.Values{"user": {user}, "decision": {"allow"}}).Query().Get("code")
	_, err := config.Exchange(t.Context(), code, oauth2.VerifierOption("fake-verifier"))
	require.NoError(t, err)
}

func TestNewConsentReplacesTheGrant(t *testing.T) {
	s := start(t, registered(callback))
	old, _ := s.CreateGrant(user)
	config := oauthConfig(s)
	authorizeURL := config.AuthCodeURL("fake-state")
	code := decide(t, authorizeURL, url.Values{"user": {user}, "decision": {"allow"}}).Query().Get("code")
	require.True(t, s.IsLive(old), "until the code is redeemed")
	_, err := config.Exchange(t.Context(), code)
	require.NoError(t, err)
	require.False(t, s.IsLive(old))
	require.Zero(t, s.Audit(user).Generation)
}

func TestTheOnlyRedirectURIMayBeOmitted(t *testing.T) {
	s := start(t, registered(callback+"?from=fitbit"))
	config := oauthConfig(s)
	config.RedirectURL = ""
	location := decide(t, config.AuthCodeURL("fake-state"), url.Values{"user": {user}, "decision": {"allow"}})
	require.Equal(t, "fitbit", location.Query().Get("from"))
	_, err := config.Exchange(t.Context(), location.Query().Get("code"))
	require.NoError(t, err)
}

func TestRefusedAuthorizationsGoBackToTheClient(t *testing.T) {
	s := start(t, registered(callback))
	config := oauthConfig(s)
	cases := []struct {
		name    string
		options []oauth2.AuthCodeOption
		form    url.Values
		want    string
	}{
		{"denied", nil, url.Values{"user": {user}, "decision": {"deny"}}, "access_denied"},
		{"another response type", param("response_type", "token"), nil, "unsupported_response_type"},
		{"no scope", param("scope", " "), nil, "invalid_scope"},
		{"another challenge method", param("code_challenge_method", "S512"), nil, "invalid_request"},
		{"another prompt", param("prompt", "please"), nil, "invalid_request"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			location := decide(t, config.AuthCodeURL("fake-state", c.options...), c.form)
			require.Equal(t, c.want, location.Query().Get("error"))
			require.Equal(t, "fake-state", location.Query().Get("state"))
		})
	}
	t.Run("prompt none, as no user is logged in", func(t *testing.T) {
		a := get(t, config.AuthCodeURL("fake-state", param("prompt", "none")...))
		require.Contains(t, a.header.Get("Location"), "error=login_required")
	})
}

func TestAnUntrustedRequestGetsAPageAndNoRedirect(t *testing.T) {
	s := start(t, registered(callback))
	config := oauthConfig(s)
	cases := []struct {
		name    string
		options []oauth2.AuthCodeOption
		want    string
	}{
		{"unknown client", param("client_id", "<b>FAKE99</b>"), "Invalid client_id: &lt;b&gt;FAKE99"},
		{"redirect_uri that only begins alike", param("redirect_uri", callback+"/"), "Invalid redirect_uri"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := get(t, config.AuthCodeURL("fake-state", c.options...))
			require.Equal(t, http.StatusBadRequest, a.status)
			require.Contains(t, a.body, c.want)
			require.Empty(t, a.header.Get("Location"))
		})
	}
	t.Run("form without a user", func(t *testing.T) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, config.AuthCodeURL("fake-state"), strings.NewReader("decision=allow"))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		a, err := send(r)
		require.NoError(t, err)
		require.Equal(t, http.StatusBadRequest, a.status)
	})
}

func TestPublicClientNeedsPKCE(t *testing.T) {
	s := start(t, authserver.Options{Client: authserver.Client{ID: "FAKEPUB", Secret: token.Secret{}, RedirectURIs: []string{callback}}})
	config := oauthConfig(s)
	config.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	form := url.Values{"user": {user}, "decision": {"allow"}}
	require.Equal(t, "invalid_request", decide(t, config.AuthCodeURL("fake-state"), form).Query().Get("error"))

	verifier := oauth2.GenerateVerifier()
	location := decide(t, config.AuthCodeURL("fake-state", oauth2.S256ChallengeOption(verifier)), form)
	_, err := config.Exchange(t.Context(), location.Query().Get("code"), oauth2.VerifierOption(verifier))
	require.NoError(t, err)
}

func param(name, value string) []oauth2.AuthCodeOption {
	return []oauth2.AuthCodeOption{oauth2.SetAuthURLParam(name, value)}
}
