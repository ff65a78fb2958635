package provider_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
)

func FuzzOverride(f *testing.F) {
	for _, yaml := range []string{
		newProvider, accountsFile,
		"providers: {fitbit: {rotation: none}}", "providers: {whoop: {refresh_params: {refresh_token: x}}}",
		"providers: {fitbit: {token_url: 'http://127.0.0.1:9000/oauth2/token'}}",
		"providers:\n  fitbit: &a {scopes: [a, b]}\n  other: *a\n",
		"providers:\n  ? [x]\n  : {<<: {title: x}}\n",
		"providers: {x: {like: xero, token_urls: {a: 'https://a.example/'}, dead_answers: [{status: 200, field: a.b, value: '1'}], grant_life: 90d}}",
		"providers: {oura: {secret_names: {refresh_token: X, client_id: Y, client_secret: Z}}}\naccounts: {oura/will: {secret_names: {access_token: will-X}}}",
		"accounts: {oura/will: {token_url: 'https://a.example'}}", "accounts: {fitbit/withings: {token_url: x}}", "accounts: {a/b/c: {}}",
		"providers: {fitbit: {title: \"\\x1b[2J\"}}",
		"a: b\n---\n- c\n", "%YAML 1.2\n", "\"", "",
	} {
		f.Add(yaml)
	}
	f.Fuzz(func(t *testing.T, yaml string) {
		table, err := provider.Builtin().Override([]byte(yaml), "p.yaml")
		if err != nil {
			for line := range strings.SplitSeq(err.Error(), "\n") {
				require.True(t, strings.HasPrefix(line, "p.yaml:"), line)
				requireShown(t, line, 5000)
			}
			return
		}
		for _, p := range table.Providers() {
			requireProvider(t, p)
		}
		requireOwners(t, table)
	})
}

// requireShown demands a text that a terminal shows and does not obey.
func requireShown(t *testing.T, text string, most int) {
	t.Helper()
	require.LessOrEqual(t, len(text), most)
	for _, r := range text {
		require.True(t, unicode.IsPrint(r), "%q", text)
	}
}

// requireProvider demands what the rest of the program takes for granted of an entry.
func requireProvider(t *testing.T, p provider.Provider) {
	t.Helper()
	require.NotEmpty(t, p.AuthStyle)
	require.NotEmpty(t, p.Rotation)
	require.Positive(t, p.AccessTokenLifetime)
	require.True(t, p.Rotation != provider.NoRotation || p.ReplayWindow == 0, "nothing is spent, and repeated all the same")
	require.True(t, p.Rotation != provider.NoRotation || p.Reuse == "", "nothing is spent, and reused all the same")
	require.True(t, p.ReplayWindow > 0 || !p.ReplayEndsOnUse)
	for _, params := range []map[string]string{p.AuthParams, p.RefreshParams} {
		for _, own := range []string{"client_secret", "refresh_token", "redirect_uri"} {
			require.NotContains(t, params, own)
		}
	}
	require.NotContains(t, p.AuthParams, "state")
	require.NotContains(t, p.RefreshParams, "grant_type")
	require.NotEmpty(t, p.TokenURL)
	endpoints := []string{p.TokenURL, p.AuthURL, p.RevokeURL}
	for name, endpoint := range p.TokenURLs {
		requireShown(t, name, 60)
		endpoints = append(endpoints, endpoint)
	}
	for _, endpoint := range endpoints {
		requireEndpoint(t, endpoint)
	}
	for _, dead := range p.DeadAnswers {
		require.NotEmpty(t, dead.Value)
		require.NotContains(t, []int{408, 410, 425, 429}, dead.Status)
		require.True(t, dead.Status == 0 || dead.Status >= 200 && dead.Status < 300 || dead.Status >= 400 && dead.Status < 500)
		requireShown(t, dead.Value+dead.Field, 700)
	}
	requireShown(t, p.Title, 60)
	for _, text := range []string{p.GrantEnds, p.Source.Page, p.Source.Read, p.Source.Unverified, p.RefreshLifetimeField, p.GrantLifetimeField, p.RateLimitResetHeader} {
		requireShown(t, text, 500)
	}
	for _, scope := range p.Scopes {
		requireShown(t, scope, 200)
	}
}

func requireEndpoint(t *testing.T, endpoint string) {
	t.Helper()
	if endpoint == "" {
		return
	}
	u, err := url.Parse(endpoint)
	require.NoError(t, err)
	require.Nil(t, u.User)
	require.True(t, u.Scheme == "https" || u.Scheme == "http" && slices.Contains([]string{"localhost", "127", "::1"}, strings.Split(strings.ToLower(u.Hostname()), ".")[0]), endpoint)
	requireShown(t, endpoint, 500)
}

// requireOwners demands that no two tokens of the file's accounts, and of each provider's
// default account, have one name.
func requireOwners(t *testing.T, table provider.Table) {
	t.Helper()
	accounts := table.Accounts()
	for _, p := range table.Providers() {
		if own := p.Name + "/" + token.DefaultAccount; !slices.Contains(accounts, own) {
			accounts = append(accounts, own)
		}
	}
	owners := map[string]string{"tokenkeeperkeyset": "the keyset"}
	for _, account := range accounts {
		providerName, name, _ := strings.Cut(account, "/")
		a, err := token.NewAccount(providerName, name)
		require.NoError(t, err)
		p, err := table.Lookup(a.Provider)
		require.NoError(t, err)
		settings := table.Settings(a)
		requireEndpoint(t, settings.TokenURL)
		names := p.NamesOf(a.Name, settings.SecretNames)
		for _, name := range []string{names.RefreshToken, names.AccessToken} {
			require.Regexp(t, `^[0-9A-Za-z-]{1,127}$`, name)
			key := strings.ToLower(name)
			require.Empty(t, owners[key], "%s of %s", name, account)
			owners[key] = account
		}
		require.True(t, (names.Credentials == "") == (names.ClientID != "") && (names.ClientID == "") == (names.ClientSecret == ""))
		for _, name := range []string{names.Credentials, names.ClientID, names.ClientSecret} {
			require.Empty(t, owners[strings.ToLower(name)], "%s is a token's as well", name)
		}
	}
}
