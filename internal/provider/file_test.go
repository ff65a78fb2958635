package provider_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
)

const newProvider = `
providers:
  example-health:
    token_url: https://auth.example.com/token
    auth_style: body
    rotation: sometimes
    replay_window: 0s
    access_token_lifetime: 90m
`

func TestOverrideOfABuiltinChangesOnlyWhatItStates(t *testing.T) {
	const tokenURL = "http://127.0.0.1:9000/oauth2/token"
	table, err := provider.Builtin().Override([]byte("providers: {fitbit: {token_url: '"+tokenURL+"', replay_window: 0s}}"), "p.yaml")
	require.NoError(t, err)

	want := lookup(t, "fitbit")
	want.TokenURL = tokenURL
	want.ReplayWindow, want.ReplayEndsOnUse = 0, false // without a window there is nothing to end early
	got, err := table.Lookup("fitbit")
	require.NoError(t, err)
	require.Equal(t, want, got)

	untouched, err := table.Lookup("google-health")
	require.NoError(t, err)
	require.Equal(t, lookup(t, "google-health"), untouched)
	require.NotEqual(t, tokenURL, lookup(t, "fitbit").TokenURL, "the built-in table changed")
}

func TestOverrideAddsAProviderOfRFC6749(t *testing.T) {
	table, err := provider.Builtin().Override([]byte(newProvider), "p.yaml")
	require.NoError(t, err)
	got, err := table.Lookup("example-health")
	require.NoError(t, err)
	require.Equal(t, provider.Provider{
		Name:                "example-health",
		Title:               "ExampleHealth",
		TokenURL:            "https://auth.example.com/token",
		AuthStyle:           provider.AuthBody,
		Rotation:            provider.Sometimes,
		AccessTokenLifetime: 90 * time.Minute,
		Dialect:             provider.RFC6749,
	}, got)
}

func TestOverrideTakesEveryKey(t *testing.T) {
	table, err := provider.Builtin().Override([]byte(newProvider+`
    title: Example Health
    auth_url: https://auth.example.com/authorize
    revoke_url: http://[::1]:9000/revoke
    scopes: [profile, sleep]
    auth_params: {access_type: offline, prompt: "true"}
    rate_limit_reset_header: X-Reset
    reuse: revokes-grant
    repeat_pause: 10s
`), "p.yaml")
	require.NoError(t, err)
	got, err := table.Lookup("example-health")
	require.NoError(t, err)
	require.Equal(t, "Example Health", got.Title)
	require.Equal(t, "https://auth.example.com/authorize", got.AuthURL)
	require.Equal(t, "http://[::1]:9000/revoke", got.RevokeURL)
	require.Equal(t, []string{"profile", "sleep"}, got.Scopes)
	require.Equal(t, map[string]string{"access_type": "offline", "prompt": "true"}, got.AuthParams)
	require.Equal(t, "X-Reset", got.RateLimitResetHeader)
	require.Equal(t, provider.RevokesGrant, got.Reuse)
	require.Equal(t, 10*time.Second, got.RepeatPause)
}

func TestOverrideNamesEveryMistakeWithItsLine(t *testing.T) {
	_, err := provider.Builtin().Override([]byte(`providers:
  fitbit:
    token_url: http://auth.example.com/token
    token_uri: fake-secret-1
    auth_style: auto
    scopes: [profile, 3]
    title:
    title: Twice
  Polar:
    token_url: https://wbsapi.example.com/token
    rotation: single-use
    replay_window: 120
  googlehealth:
    token_url: https://someone:fake-secret-2@auth.example.com/token
    auth_style: header
    rotation: none
    replay_window: -1s
    access_token_lifetime: 0s
    auth_params: {max_age: 3}
    revoke_url: [none]
    auth_url: %zz
  fit-bit:
    token_url: https://auth.example.com/token#fake-secret-3
    auth_style: header
    rotation: none
    replay_window: soon
    access_token_lifetime: 1h
  google-health: {}
  fit-bit2: {auth_params: none, scopes: none}
  empty:
provider: {}
`), "providers.yaml")
	require.EqualError(t, err, strings.TrimSpace(`
providers.yaml:3: provider "fitbit": token_url must begin with https:// (http:// is for 127.0.0.1, [::1] and localhost only)
providers.yaml:4: provider "fitbit": token_uri is not a key; the keys are like, title, auth_url, token_url, token_urls, revoke_url, auth_style, rotation, replay_window, replay_ends_on_use, repeat_pause, reuse, dead_answers, access_token_lifetime, ends_access_token, grant_idle, grant_life, grant_ends, refresh_lifetime_field, grant_lifetime_field, scopes, auth_params, refresh_params, rate_limit_reset_header, secret_names, source, source_read, unverified
providers.yaml:5: provider "fitbit": auth_style must be one of header, body, json, query
providers.yaml:6: provider "fitbit": scopes must be a list of texts, such as [profile, sleep]
providers.yaml:7: provider "fitbit": title must be a text that is not empty
providers.yaml:8: provider "fitbit" has the key "title" twice, first in line 7
providers.yaml:9: provider name "Polar" has capitals, which Key Vault does not tell apart; use "polar"
providers.yaml:9: provider "Polar" is a new one and must state auth_style, access_token_lifetime, or which built-in provider it is like
providers.yaml:12: provider "Polar": replay_window must be a duration with its unit, such as 2m, 8h, 90d or 0s
providers.yaml:13: provider "googlehealth" would share its names in the vault (GooglehealthCredentials) with provider "google-health"; call one of them otherwise
providers.yaml:14: provider "googlehealth": token_url must not hold a user name or password; client credentials belong in the vault
providers.yaml:17: provider "googlehealth": replay_window "-1s" is negative
providers.yaml:18: provider "googlehealth": access_token_lifetime "0s" is too short
providers.yaml:19: provider "googlehealth": auth_params must be a map of texts, such as {access_type: offline}; put numbers and true or false in quotes
providers.yaml:20: provider "googlehealth": revoke_url must be a text that is not empty
providers.yaml:21: provider "googlehealth": auth_url is not a URL; write it whole, such as https://auth.example.com/token
providers.yaml:22: provider "fit-bit" would share its names in the vault (FitBitCredentials) with provider "fitbit"; call one of them otherwise
providers.yaml:23: provider "fit-bit": token_url must not have a fragment (#…)
providers.yaml:26: provider "fit-bit": replay_window "soon" is not a duration; write it with its unit, such as 2m, 8h, 90d or 0s
providers.yaml:28: provider "google-health" states nothing
providers.yaml:29: provider "fit-bit2" is a new one and must state token_url, auth_style, rotation, replay_window, access_token_lifetime, or which built-in provider it is like
providers.yaml:29: provider "fit-bit2": auth_params must be a map of texts, such as {access_type: offline}; put numbers and true or false in quotes
providers.yaml:29: provider "fit-bit2": scopes must be a list of texts, such as [profile, sleep]
providers.yaml:30: provider "empty" must be a map of keys to values
providers.yaml:30: provider "empty" is a new one and must state token_url, auth_style, rotation, replay_window, access_token_lifetime, or which built-in provider it is like
providers.yaml:31: "provider" is not a key of this file; it has "providers" and "accounts"
`))
}

func TestOverrideRefusesAReplayWindowWhereNothingIsSpent(t *testing.T) {
	const contradiction = `: rotation none and a replay_window of 2m0s contradict each other; state replay_window 0s if its refresh tokens never change, or else another rotation`
	for name, tc := range map[string]struct{ yaml, want string }{
		"a built-in's rotation":            {"providers:\n  fitbit:\n    rotation: none\n", `p.yaml:3: provider "fitbit"` + contradiction},
		"a built-in's window":              {"providers:\n  google-health: {replay_window: 2m}\n", `p.yaml:2: provider "google-health"` + contradiction},
		"both":                             {"providers:\n  fitbit:\n    title: x\n    replay_window: 2m\n    rotation: none\n", `p.yaml:4: provider "fitbit"` + contradiction},
		"never rotating without a window":  {"providers: {fitbit: {rotation: none, replay_window: 0s}}", ""},
		"rotating at times, with a window": {"providers: {strava: {replay_window: 2m}}", ""},
	} {
		t.Run(name, func(t *testing.T) { requireOverride(t, tc.yaml, tc.want) })
	}
}

func TestOverrideRefusesAReuseWhereNothingIsSpent(t *testing.T) {
	const contradiction = `: rotation none and reuse contradict each other; a token that never changes is never spent`
	for name, tc := range map[string]struct{ yaml, want string }{
		"a built-in that never rotates": {"providers:\n  google-health:\n    reuse: harmless\n", `p.yaml:3: provider "google-health"` + contradiction},
		"a built-in's rotation":         {"providers: {xero: {replay_window: 0s,\n rotation: none}}", `p.yaml:2: provider "xero"` + contradiction},
		"another word":                  {"providers: {fitbit: {reuse: fine}}", `p.yaml:1: provider "fitbit": reuse must be one of harmless, refused, revokes-grant`},
		"not a word":                    {"providers: {fitbit: {reuse: true}}", `p.yaml:1: provider "fitbit": reuse must be one of harmless, refused, revokes-grant`},
		"where tokens rotate":           {"providers: {fitbit: {reuse: refused}, strava: {reuse: harmless}, oura: {reuse: revokes-grant}}", ""},
	} {
		t.Run(name, func(t *testing.T) { requireOverride(t, tc.yaml, tc.want) })
	}
}

func TestOverrideLeavesRoomForRepeats(t *testing.T) {
	for name, tc := range map[string]struct{ yaml, want string }{
		"a pause too long":       {"providers:\n  fitbit:\n    title: x\n    repeat_pause: 31s\n", `p.yaml:4: provider "fitbit": a repeat_pause of 31s is more than a quarter of the replay_window of 2m0s, which leaves too few attempts; correct one of them`},
		"a window too short":     {"providers: {withings: {replay_window: 39s}}", `p.yaml:1: provider "withings": a repeat_pause of 10s is more than a quarter of the replay_window of 39s, which leaves too few attempts; correct one of them`},
		"a quarter":              {"providers: {withings: {replay_window: 40s}}", ""},
		"no window":              {"providers: {withings: {replay_window: 0s}}", ""},
		"no pause":               {"providers: {withings: {repeat_pause: 0s, replay_window: 1s}}", ""},
		"a negative pause":       {"providers: {withings: {repeat_pause: -1s}}", `p.yaml:1: provider "withings": repeat_pause "-1s" is negative`},
		"a pause without a unit": {"providers: {withings: {repeat_pause: 10}}", `p.yaml:1: provider "withings": repeat_pause must be a duration with its unit, such as 2m, 8h, 90d or 0s`},
	} {
		t.Run(name, func(t *testing.T) { requireOverride(t, tc.yaml, tc.want) })
	}
}

// requireOverride wants this error, or none.
func requireOverride(t *testing.T, yaml, want string) {
	t.Helper()
	_, err := provider.Builtin().Override([]byte(yaml), "p.yaml")
	if want == "" {
		require.NoError(t, err)
		return
	}
	require.EqualError(t, err, want)
}

func TestParametersOfTheFileNeverTakeTheProtocolsPlace(t *testing.T) {
	everywhere := []string{"client_id", "client_secret", "redirect_uri", "code", "code_verifier", "refresh_token", "access_token"}
	for key, own := range map[string][]string{
		"auth_params":    {"response_type", "state", "scope", "code_challenge", "code_challenge_method"},
		"refresh_params": {"grant_type"},
	} {
		for _, name := range append(own, everywhere...) {
			_, err := provider.Builtin().Override([]byte("providers: {whoop: {"+key+": {"+name+": fake-secret-1}}}"), "p.yaml")
			require.EqualError(t, err, `p.yaml:1: provider "whoop": `+key+" must not hold "+name+", which Token Keeper sends itself where it is due")
		}
	}
	_, err := provider.Builtin().Override([]byte("providers: {whoop: {refresh_params: {scope: offline, audience: a}}}"), "p.yaml")
	require.NoError(t, err, "the scope of a refresh is the provider's to want")
}

func TestOverrideRefusesFilesOfAnotherShape(t *testing.T) {
	for name, tc := range map[string]struct{ yaml, want string }{
		"empty":            {"", `p.yaml:1: the file must be one YAML document with "providers:" or "accounts:"`},
		"two documents":    {"providers: {}\n---\nproviders: {}\n", `p.yaml:1: the file must be one YAML document with "providers:" or "accounts:"`},
		"a list":           {"- fitbit\n", `p.yaml:1: the file must be a map of keys to values`},
		"providers a list": {"\nproviders: [fitbit]\n", `p.yaml:2: providers must be a map of keys to values`},
		"no provider":      {"providers: {}\n", `p.yaml:1: providers states nothing`},
		"an alias":         {"providers:\n  fitbit: *other\n", `p.yaml:2: provider "fitbit" must be a map of keys to values`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := provider.Builtin().Override([]byte(tc.yaml), "p.yaml")
			require.EqualError(t, err, tc.want)
		})
	}
}

func TestOverrideTellsWhereTheYAMLIsBroken(t *testing.T) {
	_, err := provider.Builtin().Override([]byte("providers:\n  fitbit:\n    token_url: 'fake-secret-1\n"), "p.yaml")
	require.ErrorContains(t, err, "p.yaml:3: not readable as YAML: ")
	require.NotContains(t, err.Error(), "fake-secret-1")
}

func TestURLsAreHTTPSOrLoopback(t *testing.T) {
	for url, ok := range map[string]bool{
		"https://auth.example.com/token":      true,
		"https://auth.example.com/token?v=2":  true,
		"http://localhost:9000/token":         true,
		"http://127.8.0.1/token":              true,
		"http://[::1]/token":                  true,
		"http://10.0.0.1/token":               false,
		"http://localhost.example.com/token":  false,
		"http://127.0.0.1.example.com/token":  false,
		"ftp://localhost/token":               false,
		"auth.example.com/token":              false,
		"https:///token":                      false,
		"https://:443/token":                  false,
		"https://auth.example.com/%zz":        false,
		"https://id@auth.example.com/token":   false,
		"https://auth.example.com/token#here": false,
	} {
		_, err := provider.Builtin().Override([]byte("providers: {fitbit: {token_url: '"+url+"'}}"), "p.yaml")
		require.Equal(t, ok, err == nil, "%s: %v", url, err)
	}
}

func TestAProviderWhoseNameWouldShareWorkflowIDsIsRefused(t *testing.T) {
	_, err := provider.Builtin().Override([]byte("providers: {fitbit-token-refresh: {token_url: 'https://a.test', auth_style: body, rotation: none, replay_window: 0s, access_token_lifetime: 1h}}"), "a.yaml")
	require.EqualError(t, err, `a.yaml:1: provider "fitbit-token-refresh" would share workflow ids with another provider's accounts; leave token-refresh out of its name`)
}
