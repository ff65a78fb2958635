package provider_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
)

// override is the built-in table with a file that is right.
func override(t *testing.T, yaml string) provider.Table {
	t.Helper()
	table, err := provider.Builtin().Override([]byte(yaml), "p.yaml")
	require.NoError(t, err)
	return table
}

// known lists the built-in providers, and others, as messages do.
func known(others ...string) string {
	for _, p := range provider.Builtin().Providers() {
		others = append(others, p.Name)
	}
	slices.Sort(others)
	return strings.Join(others, ", ")
}

func TestTheFileHasEveryFieldOfTheModel(t *testing.T) {
	table := override(t, strings.Replace(newProvider, "replay_window: 0s", "replay_window: 10m", 1)+`
    token_urls:
      moi: https://moi.example.com/token
      old-portal: http://localhost:9000/token
    replay_ends_on_use: true
    dead_answers:
      - {status: 400, value: invalid_request}
      - status: 200
        field: error.code
        value: "17"
      - value: token_gone
    ends_access_token: true
    grant_idle: 90d
    grant_life: 8760h
    grant_ends: the owner's administrator may end it
    refresh_lifetime_field: refresh_token_expires_in
    grant_lifetime_field: meta.hard-end
    secret_names: {refresh_token: ExampleRT, access_token: ExampleAT, client_id: ExampleId, client_secret: ExampleSecret}
    source: developer.example.com, "Refresh tokens"
    source_read: "2026-11-26"
    unverified: what a reuse does
`)
	got, err := table.Lookup("example-health")
	require.NoError(t, err)
	require.Equal(t, provider.Provider{
		Name:                "example-health",
		Title:               "ExampleHealth",
		TokenURL:            "https://auth.example.com/token",
		TokenURLs:           map[string]string{"moi": "https://moi.example.com/token", "old-portal": "http://localhost:9000/token"},
		AuthStyle:           provider.AuthBody,
		Rotation:            provider.Sometimes,
		ReplayWindow:        10 * time.Minute,
		ReplayEndsOnUse:     true,
		DeadAnswers:         []provider.DeadAnswer{{Status: 400, Value: "invalid_request"}, {Status: 200, Field: "error.code", Value: "17"}, {Value: "token_gone"}},
		AccessTokenLifetime: 90 * time.Minute,
		EndsAccessToken:     true,
		GrantIdle:           90 * day,
		GrantLife:           365 * day,
		GrantEnds:           "the owner's administrator may end it",

		RefreshLifetimeField: "refresh_token_expires_in",
		GrantLifetimeField:   "meta.hard-end",
		SecretNames:          provider.SecretNames{RefreshToken: "ExampleRT", AccessToken: "ExampleAT", ClientID: "ExampleId", ClientSecret: "ExampleSecret"},
		Dialect:              provider.RFC6749,
		Source:               provider.Source{Page: `developer.example.com, "Refresh tokens"`, Read: "2026-11-26", Unverified: "what a reuse does"},
	}, got)
}

func TestTheClientsPlaceIsOneOfFour(t *testing.T) {
	for _, style := range []provider.AuthStyle{provider.AuthHeader, provider.AuthBody, provider.AuthJSON, provider.AuthQuery} {
		p, err := override(t, "providers: {fitbit: {auth_style: "+string(style)+"}}").Lookup("fitbit")
		require.NoError(t, err)
		require.Equal(t, style, p.AuthStyle)
	}
}

func TestANewProviderMayBeLikeABuiltinOne(t *testing.T) {
	table := override(t, `providers:
  xero-acme:
    token_url: https://acme.example/token
    like: xero
  strava: {secret_names: {refresh_token: MyStravaToken}}
  strava-two: {like: strava}
`)
	xero, got := lookup(t, "xero"), provider.Provider{}
	got, err := table.Lookup("xero-acme")
	require.NoError(t, err)
	want := xero
	want.Name, want.Title, want.TokenURL = "xero-acme", "XeroAcme", "https://acme.example/token"
	require.Equal(t, want, got)
	require.Equal(t, "XeroAcmeCredentials", got.CredentialsName())

	got, err = table.Lookup("strava-two")
	require.NoError(t, err)
	require.Zero(t, got.SecretNames, "no two providers share names")
	require.Equal(t, provider.StravaErrors, got.Dialect)
}

func TestAProviderIsNeverLikeAnotherInItsSecretsNames(t *testing.T) {
	table := override(t, "providers: {strava: {secret_names: {refresh_token: MyStravaToken}}}")
	table, err := table.Override([]byte("providers: {strava-two: {like: strava}}"), "q.yaml")
	require.NoError(t, err)
	p, err := table.Lookup("strava-two")
	require.NoError(t, err)
	require.Zero(t, p.SecretNames)
}

// A name that is refused is in no list of known providers either.
func TestANameThatIsRefusedIsShownQuotedOnly(t *testing.T) {
	_, err := provider.Builtin().Override([]byte("providers:\n  \"a\\x1b[2J\": {like: xero}\naccounts:\n  polar/x: {token_url: a}\n"), "p.yaml")
	require.ErrorContains(t, err, `p.yaml:4: account "polar/x": provider "polar" is not known`)
	require.NotContains(t, err.Error(), "\x1b")
}

func TestMistakesInTheModelAreToldWithTheirLines(t *testing.T) {
	_, err := provider.Builtin().Override([]byte(`providers:
  fitbit:
    like: xero
    token_urls:
      Moi: https://a.example/token
      old: http://a.example/token
      old: https://a.example/token
    dead_answers:
      - {status: 429, value: x}
      - status: 200
        fields: error
        value:
      - {status: "400", value: [x]}
      - {field: error..code}
      - just text
    ends_access_token: 1
    replay_ends_on_use: "true"
    grant_idle: 90
    grant_life: 40000d
    refresh_lifetime_field: "a b"
    grant_lifetime_field: a..b
    source_read: yesterday
    secret_names:
      refresh_token: under_score
      acess_token: x
      credentials: A
      client_id: B
    rate_limit_reset_header: "X Reset"
    auth_params: {a: b, a: c}
  oura:
    secret_names: {client_id: OnlyTheId}
    dead_answers: []
    token_urls: {}
    replay_ends_on_use: true
  polar:
    like: polaris
  whoop:
    like: [fitbit]
`), "p.yaml")
	require.EqualError(t, err, strings.TrimSpace(`
p.yaml:3: provider "fitbit": like is for a new provider, and this one is built in
p.yaml:5: provider "fitbit": token_urls has the name "Moi"; use lower-case letters, digits and single hyphens
p.yaml:6: provider "fitbit": token_urls old must begin with https:// (http:// is for 127.0.0.1, [::1] and localhost only)
p.yaml:7: provider "fitbit": token_urls has the key "old" twice, first in line 6
p.yaml:9: provider "fitbit": dead_answers status must be one of 200 to 299 or 400 to 499, without 408, 410, 425 and 429, which speak for the whole service; leave it out for any
p.yaml:11: provider "fitbit": dead_answers fields is not a key; the keys are status, field, value
p.yaml:12: provider "fitbit": dead_answers value must be a text that is not empty
p.yaml:13: provider "fitbit": dead_answers status must be one of 200 to 299 or 400 to 499, without 408, 410, 425 and 429, which speak for the whole service; leave it out for any
p.yaml:13: provider "fitbit": dead_answers value must be a text that is not empty
p.yaml:14: provider "fitbit": dead_answers field must be the field of an answer, with dots between keys, such as refresh_token_expires_in
p.yaml:15: provider "fitbit": dead_answers must be a map of keys to values
p.yaml:16: provider "fitbit": ends_access_token must be true or false
p.yaml:17: provider "fitbit": replay_ends_on_use must be true or false
p.yaml:18: provider "fitbit": grant_idle must be a duration with its unit, such as 2m, 8h, 90d or 0s
p.yaml:19: provider "fitbit": grant_life "40000d" is too long
p.yaml:20: provider "fitbit": refresh_lifetime_field must be the field of an answer, with dots between keys, such as refresh_token_expires_in
p.yaml:21: provider "fitbit": grant_lifetime_field must be the field of an answer, with dots between keys, such as refresh_token_expires_in
p.yaml:22: provider "fitbit": source_read must be a day, such as 2026-11-26
p.yaml:23: provider "fitbit": secret_names must name credentials, or client_id and client_secret: the client is in one secret or in two
p.yaml:24: provider "fitbit": secret_names refresh_token must be a name that Key Vault takes: 1 to 127 letters, digits and hyphens
p.yaml:25: provider "fitbit": secret_names has the key acess_token; its keys are refresh_token, access_token, credentials, client_id, client_secret
p.yaml:28: provider "fitbit": rate_limit_reset_header must be the name of a header, such as X-RateLimit-Reset
p.yaml:29: provider "fitbit": auth_params has the key "a" twice, first in line 29
p.yaml:31: provider "oura": secret_names must name client_id and client_secret together
p.yaml:32: provider "oura": dead_answers must be a list of answers, such as [{status: 400, field: error, value: bad_refresh_token}]
p.yaml:33: provider "oura": token_urls states nothing
p.yaml:34: provider "oura": replay_ends_on_use needs a replay_window to end; state its length, or leave replay_ends_on_use out
p.yaml:36: provider "polar": like must be one of `+known()+`
p.yaml:38: provider "whoop": like is for a new provider, and this one is built in
`))
}

func TestTextsOfTheFileAreFitForATerminal(t *testing.T) {
	const wrong = `must be one line of printable characters, at most `
	for name, tc := range map[string]struct{ yaml, want string }{
		"a title with an escape sequence": {`providers: {fitbit: {title: "\x1b[2J"}}`, `p.yaml:1: provider "fitbit": title ` + wrong + `60 bytes`},
		"a title that is too long":        {`providers: {fitbit: {title: ` + strings.Repeat("x", 61) + `}}`, `p.yaml:1: provider "fitbit": title ` + wrong + `60 bytes`},
		"a clause of two lines":           {`providers: {fitbit: {grant_ends: "a\nb"}}`, `p.yaml:1: provider "fitbit": grant_ends ` + wrong + `500 bytes`},
		"a source that turns around":      {`providers: {fitbit: {source: "a\u202eb"}}`, `p.yaml:1: provider "fitbit": source ` + wrong + `500 bytes`},
		"a value of a dead answer":        {`providers: {fitbit: {dead_answers: [{value: "a\ab"}]}}`, `p.yaml:1: provider "fitbit": dead_answers value ` + wrong + `200 bytes`},
		"a URL that is too long":          {`providers: {fitbit: {token_url: 'https://a.example/` + strings.Repeat("x", 500) + `'}}`, `p.yaml:1: provider "fitbit": token_url ` + wrong + `500 bytes`},
		"a key":                           {`providers: {fitbit: {"\x1b[2J": x}}`, `p.yaml:1: provider "fitbit": "\x1b[2J" is not a key; the keys are like, title`},
		"a long key":                      {`providers: {fitbit: {` + strings.Repeat("k", 99) + `: x}}`, `p.yaml:1: provider "fitbit": "` + strings.Repeat("k", 60) + `" is not a key; the keys are like, title`},
		"a provider":                      {`providers: {"\x1b[2J": {like: xero}}`, `p.yaml:1: provider name "\x1b[2J" is not valid`},
		"a section":                       {`"\x1b[2J": {}`, `p.yaml:1: "\x1b[2J" is not a key of this file`},
		"an account":                      {`accounts: {"fitbit/\x1b[2J": {token_url: x}}`, `p.yaml:1: account "fitbit/\x1b[2J": account name "\x1b[2J" is not valid`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := provider.Builtin().Override([]byte(tc.yaml), "p.yaml")
			require.ErrorContains(t, err, tc.want)
			require.NotContains(t, err.Error(), "\x1b")
			require.NotContains(t, err.Error(), "\u202e")
		})
	}
}

func TestEveryKeyOfTheFileHasAMeaning(t *testing.T) {
	entry, account, dead, names := provider.FileKeys()
	for _, keys := range [][]provider.FileKey{entry, account, dead, names} {
		require.NotEmpty(t, keys)
		for _, key := range keys {
			require.NotEmpty(t, key.Meaning, key.Name)
		}
	}
}

func TestAnIdleEndShortensThePeriod(t *testing.T) {
	p := provider.Provider{AccessTokenLifetime: 90 * day, GrantIdle: 12 * time.Hour}
	require.Equal(t, 8*time.Hour, p.Period())
	p.GrantIdle = 60 * day
	require.Equal(t, 24*time.Hour, p.Period())
}
