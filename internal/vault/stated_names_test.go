package vault_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// tableOf is the built-in table with the changes of a providers file.
func tableOf(t testing.TB, yaml string) provider.Table {
	t.Helper()
	table, err := provider.Builtin().Override([]byte(yaml), "providers.yaml")
	require.NoError(t, err)
	return table
}

// accountOf reads "provider/account", with the provider whose names it keeps after a colon.
func accountOf(account string) token.Account {
	account, secretsOf, _ := strings.Cut(account, ":")
	issuer, name, _ := strings.Cut(account, "/")
	return token.Account{Provider: issuer, Name: name, SecretsOf: secretsOf}
}

// The names of the article author's own later project.
const ofTheArticlesAuthor = `
providers:
  withings:
    secret_names:
      refresh_token: WithingsRefreshToken
      access_token: WithingsAccessToken
      client_id: WithingsClientId
      client_secret: WithingsClientSecret
`

func TestThoseWhoComeFromTheArticlesAuthorsLaterProjectRenameNothing(t *testing.T) {
	table := tableOf(t, ofTheArticlesAuthor)
	require.NoError(t, vault.CheckTable(table))
	l, err := vault.Locate(table, accountOf("withings/default"))
	require.NoError(t, err)
	require.Equal(t, vault.Names{
		RefreshToken: "WithingsRefreshToken", AccessToken: "WithingsAccessToken",
		ClientID: "WithingsClientId", ClientSecret: "WithingsClientSecret", Provider: "withings", Account: "default",
	}, l.Names)

	r := open(t)
	r.secrets.Put("WithingsRefreshToken", "fake-refresh-1\n")
	r.secrets.Put("WithingsAccessToken", "fake-access-1")
	r.secrets.Put("WithingsClientId", "fake-id")
	r.secrets.Put("WithingsClientSecret", "fake-secret")
	client, err := r.vault.Credentials(t.Context(), l.Names)
	require.NoError(t, err)
	require.Equal(t, token.Client{ID: "fake-id", Secret: token.NewSecret("fake-secret")}, client)
	current, _, err := r.vault.Load(t.Context(), l.Names, 0)
	require.NoError(t, err)
	require.NoError(t, r.vault.RecordIntent(t.Context(), l.Names, l.Account, current, run, nil))
	issued := issuedFor(current, "2")
	issued.Account = l.Account
	_, err = r.vault.Store(t.Context(), l.Names, issued, run)
	require.NoError(t, err)
	require.Equal(t, "fake-refresh-2", r.top("WithingsRefreshToken").Value.Reveal())
	require.Equal(t, "fake-access-2", r.top("WithingsAccessToken").Value.Reveal())
}

func TestStatedNamesAreHonoured(t *testing.T) {
	table := tableOf(t, ofTheArticlesAuthor+`
  oura:
    secret_names: {refresh_token: RingRefresh}
    token_urls: {moi: https://moi.oura.test/token}
accounts:
  withings/ann: {secret_names: {refresh_token: AnnsOwn, credentials: AnnsClient}}
  fitbit/will: {secret_names: {access_token: WillsAccess}}
  oura/will: {token_url: moi}
  oura/bob: {token_url: https://bob.test/token}
`)
	require.NoError(t, vault.CheckTable(table))
	for account, want := range map[string]vault.Names{
		"withings/will":              {RefreshToken: "will-WithingsRefreshToken", AccessToken: "will-WithingsAccessToken", ClientID: "WithingsClientId", ClientSecret: "WithingsClientSecret", Provider: "withings"},
		"withings/ann":               {RefreshToken: "AnnsOwn", AccessToken: "ann-WithingsAccessToken", Credentials: "AnnsClient", Provider: "withings"},
		"fitbit/will":                {RefreshToken: "will-RefreshToken", AccessToken: "WillsAccess", Credentials: "FitbitCredentials", Provider: "fitbit"},
		"fitbit/bob":                 {RefreshToken: "bob-RefreshToken", AccessToken: "bob-AccessToken", Credentials: "FitbitCredentials", Provider: "fitbit"},
		"oura/default":               {RefreshToken: "RingRefresh", AccessToken: "Oura-AccessToken", Credentials: "OuraCredentials", Provider: "oura"},
		"oura/will":                  {RefreshToken: "will-RingRefresh", AccessToken: "Oura-will-AccessToken", Credentials: "OuraCredentials", Provider: "oura"},
		"google-health/will:fitbit":  {RefreshToken: "will-RefreshToken", AccessToken: "WillsAccess", Credentials: "GoogleHealthCredentials", Provider: "google-health", SharedWith: "fitbit"},
		"google-health/ann:withings": {RefreshToken: "AnnsOwn", AccessToken: "ann-WithingsAccessToken", Credentials: "GoogleHealthCredentials", Provider: "google-health", SharedWith: "withings"},
	} {
		l, err := vault.Locate(table, accountOf(account))
		require.NoError(t, err, account)
		want.Account = l.Account.Name
		require.Equal(t, want, l.Names, account)
	}
	ann, err := vault.Locate(table, accountOf("withings/ann"))
	require.NoError(t, err)
	require.Equal(t, provider.SecretNames{RefreshToken: "WithingsRefreshToken", AccessToken: "WithingsAccessToken", Credentials: "AnnsClient"}, ann.Provider.SecretNames,
		"a failure's fix names another client's secrets")
	oura, err := table.Lookup("oura")
	require.NoError(t, err)
	for account, want := range map[string]string{"oura/will": "https://moi.oura.test/token", "oura/bob": "https://bob.test/token", "oura/eve": oura.TokenURL} {
		l, err := vault.Locate(table, accountOf(account))
		require.NoError(t, err)
		require.Equal(t, want, l.Provider.TokenURL, account)
	}
}

// Each row states a name for the account that is refused. What has the name by rule goes
// on, and of two that state it neither does.
func TestAStatedNameThatIsInUseIsRefusedWithBothAndTheFix(t *testing.T) {
	for _, tc := range []struct{ name, accounts, account, secret, use, other, goesOn string }{
		{"another account's by rule", "oura/x: {secret_names: {refresh_token: will-RefreshToken}}", "oura/x", "will-RefreshToken", "the refresh_token of oura/x", "the refresh_token of fitbit/will", "fitbit/will"},
		{"in another case", "oura/x: {secret_names: {refresh_token: WILL-REFRESHTOKEN}}", "oura/x", "WILL-REFRESHTOKEN", "the refresh_token of oura/x", "the refresh_token of fitbit/will", "fitbit/will"},
		{"of a provider with a prefix", "oura/x: {secret_names: {access_token: Withings-will-RefreshToken}}", "oura/x", "Withings-will-RefreshToken", "the access_token of oura/x", "the refresh_token of withings/will", "withings/will"},
		{"another account's that its provider states", "oura/x: {secret_names: {refresh_token: eve-WithingsRefreshToken}}", "oura/x", "eve-WithingsRefreshToken", "the refresh_token of oura/x", "the refresh_token of withings/eve", "withings/bob"},
		{"another account's of the same provider", "withings/x: {secret_names: {refresh_token: eve-withingsrefreshtoken}}", "withings/x", "eve-withingsrefreshtoken", "the refresh_token of withings/x", "the refresh_token of withings/eve", "withings/bob"},
		{"by rule, where its provider states others", "oura/x: {secret_names: {refresh_token: Withings-eve-RefreshToken}}", "oura/x", "Withings-eve-RefreshToken", "the refresh_token of oura/x", "the refresh_token of withings/eve", "withings/eve"},
		{"its own other token's by rule", "oura/x: {secret_names: {refresh_token: Oura-x-AccessToken, access_token: OurX}}", "oura/x", "Oura-x-AccessToken", "the refresh_token of oura/x", "the access_token of oura/x", "oura/y"},
		{"a client for an account's token", "oura/x: {secret_names: {credentials: eve-AccessToken}}", "oura/x", "eve-AccessToken", "the credentials of oura", "the access_token of fitbit/eve", "fitbit/eve"},
		{"a name of a moved account's", "oura/x: {secret_names: {refresh_token: bob-RefreshToken}}", "google-health/x:oura", "bob-RefreshToken", "the refresh_token of oura/x", "the refresh_token of fitbit/bob", "fitbit/bob"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			table := tableOf(t, ofTheArticlesAuthor+"accounts:\n  "+tc.accounts)
			a := accountOf(tc.account)
			l, err := vault.Locate(table, a)
			kind, _, _ := strings.Cut(strings.TrimPrefix(tc.use, "the "), " ")
			want := fmt.Sprintf("account %q at %s would have %s in %s, which is for %s; state another %s in secret_names of the providers file", a.Name, a.Provider, tc.use, tc.secret, tc.other, kind)
			require.EqualError(t, err, want)
			require.Zero(t, l)
			require.Error(t, vault.CheckTable(table), "it is not told at the start")
			_, err = vault.Locate(table, accountOf(tc.goesOn))
			require.NoError(t, err, "what has the name is refused too")
		})
	}
	table := tableOf(t, "accounts: {google-health/will: {secret_names: {access_token: Own}}}")
	_, err := vault.Locate(table, accountOf("google-health/will:fitbit"))
	require.EqualError(t, err, `account "will" at google-health has names for its tokens in the providers file, and is to use those of fitbit as well; take refresh_token and access_token out of its secret_names, or leave fitbit out`)
}

// TestNoTwoAccountsShareAStatedName has the names that can be stated meet all accounts.
func TestNoTwoAccountsShareAStatedName(t *testing.T) {
	stems := []string{"X", "will-X", "x", "RefreshToken", "will-RefreshToken", "Withings-RefreshToken", "Oura-will-AccessToken", "WithingsCredentials", "TokenKeeperKeyset", "bob-will-X"}
	files, located := 0, 0
	for _, first := range stems {
		for _, second := range stems {
			table, err := provider.Builtin().Override([]byte(fmt.Sprintf(`
providers:
  withings: {secret_names: {refresh_token: %s}}
accounts:
  oura/will: {secret_names: {access_token: %s}}
`, first, second)), "providers.yaml")
			if err != nil {
				continue // the file is refused with a line
			}
			files++
			seen := map[string]string{"tokenkeeperkeyset": "the keyset"}
			for _, p := range []string{"fitbit", "withings", "oura"} {
				for _, name := range []string{"default", "will", "bob", "bob-will", "x", "will-x", "oura-will", "oura-default", "withings", "withings-will"} {
					account := p + "/" + name
					l, err := vault.Locate(table, accountOf(account))
					if err != nil {
						continue
					}
					located++
					for _, secret := range []string{l.Names.RefreshToken, l.Names.AccessToken} {
						key := strings.ToLower(secret)
						require.Empty(t, seen[key], "%s of %s, with %s and %s", secret, account, first, second)
						seen[key] = account
					}
				}
			}
			for _, client := range []string{"fitbitcredentials", "withingscredentials", "ouracredentials"} {
				require.Empty(t, seen[client])
			}
		}
	}
	require.Greater(t, files, 5)
	require.Greater(t, located, 100)
}

func TestAStatedNameThatIsTooLongForAnAccountIsRefused(t *testing.T) {
	stem := strings.Repeat("x", 127)
	table := tableOf(t, "accounts: {oura/will: {secret_names: {refresh_token: "+stem+"}}}")
	_, err := vault.Locate(table, accountOf("oura/will"))
	require.NoError(t, err, "127 are not too many")
	_, err = provider.Builtin().Override([]byte("providers: {oura: {secret_names: {refresh_token: "+stem+"}}}"), "providers.yaml")
	require.ErrorContains(t, err, "127 characters", "the names of accounts come before it")
}
