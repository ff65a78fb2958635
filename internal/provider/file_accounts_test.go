package provider_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
)

const accountsFile = `providers:
  oura:
    token_urls: {moi: https://moi.ouraring.com/oauth/v2/ext/oauth-token}
  gitlab-acme:
    like: xero
    token_urls: {lab: https://lab.acme.example/token}
accounts:
  oura/will: {token_url: moi}
  oura/default:
    token_url: http://127.0.0.1:9000/token
    secret_names: {refresh_token: MyOuraToken, credentials: MoiCredentials}
  oura/anna: {secret_names: {credentials: MoiCredentials}}
  gitlab-acme/ci: {token_url: lab, secret_names: {client_id: CiId, client_secret: CiSecret}}
`

func TestTheFileHasSettingsForAccounts(t *testing.T) {
	table := override(t, accountsFile)
	require.Equal(t, []string{"gitlab-acme/ci", "oura/anna", "oura/default", "oura/will"}, table.Accounts())
	for account, want := range map[token.Account]provider.Settings{
		{Provider: "oura", Name: "will"}: {TokenURL: moi},
		{Provider: "oura", Name: "default"}: {TokenURL: "http://127.0.0.1:9000/token",
			SecretNames: provider.SecretNames{RefreshToken: "MyOuraToken", Credentials: "MoiCredentials"}},
		{Provider: "oura", Name: "anna"}:      {SecretNames: provider.SecretNames{Credentials: "MoiCredentials"}},
		{Provider: "gitlab-acme", Name: "ci"}: {TokenURL: "https://lab.acme.example/token", SecretNames: provider.SecretNames{ClientID: "CiId", ClientSecret: "CiSecret"}},
		{Provider: "oura", Name: "otto"}:      {},
		{Provider: "whoop", Name: "will"}:     {},
		// An account that keeps its secrets under other names is the same account.
		{Provider: "oura", Name: "will", SecretsOf: "whoop"}: {TokenURL: moi},
	} {
		require.Equal(t, want, table.Settings(account), account)
	}
	require.Empty(t, provider.Builtin().Accounts())
	require.Zero(t, provider.Builtin().Settings(token.Account{Provider: "oura", Name: "will"}))
}

func TestAFileMayHaveAccountsAlone(t *testing.T) {
	require.Equal(t, []string{"salesforce-like/x"}, override(t, newProviderNamed("salesforce-like")+"accounts: {salesforce-like/x: {token_url: 'https://acme.example/token'}}").Accounts())
	require.Equal(t, []string{"fitbit/will"}, override(t, "accounts: {fitbit/will: {token_url: 'https://acme.example/token'}}").Accounts())
}

func newProviderNamed(name string) string {
	return strings.Replace(newProvider, "example-health", name, 1)
}

func TestMistakesInAccountsAreToldWithTheirLines(t *testing.T) {
	_, err := provider.Builtin().Override([]byte(`accounts:
  will: {token_url: moi}
  ouraa/will: {token_url: moi}
  oura/Will: {token_url: moi}
  oura/will/2: {token_url: moi}
  oura/: {token_url: moi}
  whoop/one: {token_url: moi}
  oura/two:
    token_url: http://auth.example.com/token
    token_urls: {}
    secret_names:
      refresh_token: a.b
      refresh_token: c
  oura/three: {}
  oura/four:
  polar/x: {token_url: moi}
providers:
  polar:
    like: xero
    token_urls: {a: https://a.example/, b: https://b.example/}
`), "p.yaml")
	require.EqualError(t, err, strings.TrimSpace(`
p.yaml:2: account "will" must be named provider/account, such as oura/will or oura/default
p.yaml:3: account "ouraa/will": provider "ouraa" is not known; use one of `+known("polar")+`, or describe it in the providers file
p.yaml:4: account "oura/Will": account name "Will" has capitals, which Key Vault does not tell apart; use "will"
p.yaml:5: account "oura/will/2": account name "will/2" is not valid; use lower-case letters, digits and single hyphens between them, such as "will-2"
p.yaml:6: account "oura/" must be named provider/account, such as oura/will or oura/default
p.yaml:7: account "whoop/one": token_url must be a whole URL, because whoop has no token_urls to choose from
p.yaml:9: account "oura/two": token_url must begin with https:// (http:// is for 127.0.0.1, [::1] and localhost only)
p.yaml:10: account "oura/two": token_urls is not a key; the keys are token_url, secret_names
p.yaml:12: account "oura/two": secret_names refresh_token must be a name that Key Vault takes: 1 to 127 letters, digits and hyphens
p.yaml:13: account "oura/two": secret_names has the key "refresh_token" twice, first in line 12
p.yaml:14: account "oura/three" states nothing
p.yaml:15: account "oura/four" must be a map of keys to values
p.yaml:16: account "polar/x": token_url must be a whole URL, or one of the token_urls of polar: a, b
`))
}

func TestTheNamesOfAnAccountsSecrets(t *testing.T) {
	const article = `providers:
  withings:
    secret_names: {refresh_token: WithingsRefreshToken, access_token: WithingsAccessToken, client_id: WithingsClientId, client_secret: WithingsClientSecret}
  oura:
    secret_names: {refresh_token: OuraRT}
accounts:
  withings/anna: {secret_names: {access_token: AnnasToken, credentials: AnnasClient}}
`
	for _, tc := range []struct {
		account token.Account
		want    provider.SecretNames
	}{
		{token.Account{Provider: "withings", Name: "default"}, provider.SecretNames{RefreshToken: "WithingsRefreshToken", AccessToken: "WithingsAccessToken", ClientID: "WithingsClientId", ClientSecret: "WithingsClientSecret"}},
		{token.Account{Provider: "withings", Name: "will"}, provider.SecretNames{RefreshToken: "will-WithingsRefreshToken", AccessToken: "will-WithingsAccessToken", ClientID: "WithingsClientId", ClientSecret: "WithingsClientSecret"}},
		{token.Account{Provider: "withings", Name: "anna"}, provider.SecretNames{RefreshToken: "anna-WithingsRefreshToken", AccessToken: "AnnasToken", Credentials: "AnnasClient"}},
		{token.Account{Provider: "oura", Name: "will"}, provider.SecretNames{RefreshToken: "will-OuraRT", AccessToken: "Oura-will-AccessToken", Credentials: "OuraCredentials"}},
		{token.Account{Provider: "fitbit", Name: "default"}, provider.SecretNames{RefreshToken: "RefreshToken", AccessToken: "AccessToken", Credentials: "FitbitCredentials"}},
		{token.Account{Provider: "google-health", Name: "will"}, provider.SecretNames{RefreshToken: "GoogleHealth-will-RefreshToken", AccessToken: "GoogleHealth-will-AccessToken", Credentials: "GoogleHealthCredentials"}},
	} {
		table := override(t, article)
		p, err := table.Lookup(tc.account.Provider)
		require.NoError(t, err)
		require.Equal(t, tc.want, p.NamesOf(tc.account.Name, table.Settings(tc.account).SecretNames), tc.account)
	}
}

func TestNoTwoSecretsOfAFileShareAName(t *testing.T) {
	for name, tc := range map[string]struct{ yaml, want string }{
		"two accounts": {"accounts:\n  oura/a: {secret_names: {refresh_token: Shared}}\n  oura/b: {secret_names: {refresh_token: shared}}\n",
			"p.yaml:3: secret_names: the refresh token of oura/b and the refresh token of oura/a would share the secret shared; choose another name for one of them"},
		"two accounts of two providers": {"accounts:\n  oura/a: {secret_names: {access_token: X}}\n  whoop/a: {secret_names: {refresh_token: X}}\n",
			"p.yaml:3: secret_names: the refresh token of whoop/a and the access token of oura/a would share the secret X; choose another name for one of them"},
		"two tokens of one account": {"accounts: {oura/a: {secret_names: {access_token: X, refresh_token: x}}}",
			"p.yaml:1: secret_names: the access token of oura/a and the refresh token of oura/a would share the secret X; choose another name for one of them"},
		"two providers": {"providers:\n  oura: {secret_names: {refresh_token: X}}\n  whoop: {secret_names: {refresh_token: X}}\n",
			"p.yaml:3: secret_names: the refresh token of whoop/default and the refresh token of oura/default would share the secret X; choose another name for one of them"},
		"a provider's default account, by the rule": {"accounts: {oura/a: {secret_names: {refresh_token: refreshtoken}}}",
			"p.yaml:1: secret_names: the refresh token of oura/a and the refresh token of fitbit/default would share the secret refreshtoken; choose another name for one of them"},
		"another account of the file, by the rule": {"accounts:\n  oura/a: {secret_names: {refresh_token: b-RefreshToken}}\n  fitbit/b: {token_url: 'https://a.example'}\n",
			"p.yaml:3: secret_names: the refresh token of oura/a and the refresh token of fitbit/b would share the secret b-RefreshToken; choose another name for one of them"},
		"a named account, by a provider's statement": {"providers:\n  whoop: {secret_names: {access_token: W}}\naccounts:\n  whoop/b: {token_url: 'https://a.example'}\n  oura/a: {secret_names: {access_token: B-W}}\n",
			"p.yaml:5: secret_names: the access token of whoop/b and the access token of oura/a would share the secret b-W; choose another name for one of them"},
		"two accounts by the rule": {"accounts: {fitbit/withings: {token_url: 'https://a.example'}}",
			"p.yaml:1: secret_names: the refresh token of fitbit/withings and the refresh token of withings/default would share the secret withings-RefreshToken; choose another name for one of them\n" +
				"p.yaml:1: secret_names: the access token of fitbit/withings and the access token of withings/default would share the secret withings-AccessToken; choose another name for one of them"},
		"credentials by the rule": {"accounts: {oura/a: {secret_names: {refresh_token: FitbitCredentials}}}",
			"p.yaml:1: secret_names: the refresh token of oura/a and the credentials of fitbit would share the secret FitbitCredentials; choose another name for one of them"},
		"credentials that are stated": {"accounts: {oura/a: {secret_names: {refresh_token: X, credentials: X}}}",
			"p.yaml:1: secret_names: the credentials of oura/a and the refresh token of oura/a would share the secret X; choose another name for one of them"},
		"an id and a secret": {"providers: {oura: {secret_names: {client_id: X, client_secret: X}}}",
			"p.yaml:1: secret_names: the client secret of oura and the client id of oura would share the secret X; choose another name for one of them"},
		"two providers' clients": {"providers: {oura: {secret_names: {credentials: XeroCredentials}}}",
			"p.yaml:1: secret_names: the credentials of xero and the credentials of oura would share the secret XeroCredentials; choose another name for one of them"},
		"credentials and an id": {"accounts:\n  oura/a: {secret_names: {credentials: X}}\n  oura/b: {secret_names: {client_id: X, client_secret: Y}}\n",
			"p.yaml:3: secret_names: the client id of oura/b and the credentials of oura/a would share the secret X; choose another name for one of them"},
		"the keyset": {"accounts: {oura/a: {secret_names: {access_token: tokenkeeperkeyset}}}",
			"p.yaml:1: secret_names: the access token of oura/a and the keyset would share the secret tokenkeeperkeyset; choose another name for one of them"},
		"the keyset as credentials": {"providers: {oura: {secret_names: {credentials: TokenKeeperKeyset}}}",
			"p.yaml:1: secret_names: the credentials of oura and the keyset would share the secret TokenKeeperKeyset; choose another name for one of them"},

		"one client for two accounts":            {"accounts: {oura/a: {secret_names: {credentials: X}}, oura/b: {secret_names: {credentials: X}}}", ""},
		"an account's names by the rule, stated": {"accounts: {withings/default: {secret_names: {refresh_token: Withings-RefreshToken}}}", ""},
		"the default provider's own names":       {"providers: {fitbit: {secret_names: {refresh_token: RefreshToken, access_token: AccessToken}}}", ""},
	} {
		t.Run(name, func(t *testing.T) { requireOverride(t, tc.yaml, tc.want) })
	}
}

func TestNoNameOfAProviderEndsLikeAnothers(t *testing.T) {
	const end = ", so that a named account's secret could be another's; choose another name, or state it for the account oura/default under accounts"
	for name, tc := range map[string]struct{ yaml, want string }{
		"like those by the rule":          {"providers: {oura: {secret_names: {refresh_token: my-refreshtoken}}}", `p.yaml:1: provider "oura": secret_names: my-refreshtoken ends with RefreshToken` + end},
		"its own by the rule":             {"providers: {oura: {secret_names: {access_token: Oura-AccessToken}}}", `p.yaml:1: provider "oura": secret_names: Oura-AccessToken ends with AccessToken` + end},
		"like another provider's":         {"providers:\n  whoop: {secret_names: {access_token: Band}}\n  oura: {secret_names: {refresh_token: my-band}}\n", `p.yaml:3: provider "oura": secret_names: my-band ends with Band` + end},
		"like another's, whatever order":  {"providers:\n  oura: {secret_names: {refresh_token: my-band}}\n  whoop: {secret_names: {access_token: Band}}\n", `p.yaml:2: provider "oura": secret_names: my-band ends with Band` + end},
		"a rule's name where it is free":  {"providers:\n  fitbit: {secret_names: {refresh_token: FitbitRT}}\n  oura: {secret_names: {refresh_token: RefreshToken}}\n", `p.yaml:3: provider "oura": secret_names: RefreshToken ends with RefreshToken` + end},
		"too long for an account's name":  {"providers: {oura: {secret_names: {refresh_token: " + strings.Repeat("x", 77) + "}}}", `p.yaml:1: provider "oura": secret_names: ` + strings.Repeat("x", 77) + ` has 77 characters; use at most 76, because the names of accounts come before it`},
		"the longest":                     {"providers: {oura: {secret_names: {refresh_token: " + strings.Repeat("x", 76) + "}}}", ""},
		"a name that only ends like one":  {"providers: {oura: {secret_names: {refresh_token: OuraRefreshToken}}}", ""},
		"for the default account, stated": {"accounts: {oura/default: {secret_names: {refresh_token: my-RefreshToken}}}", ""},
	} {
		t.Run(name, func(t *testing.T) { requireOverride(t, tc.yaml, tc.want) })
	}
}

func TestAFileMayHaveTenThousandAccounts(t *testing.T) {
	var b strings.Builder
	b.WriteString("accounts:\n")
	for i := range 10_000 {
		fmt.Fprintf(&b, "  oura/a%d: {secret_names: {refresh_token: R%[1]d}}\n", i)
	}
	require.Len(t, override(t, b.String()).Accounts(), 10_000)
}
