package vault_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

func namesOf(issuer, name string) (vault.Names, error) {
	l, err := vault.Locate(provider.Builtin(), token.Account{Provider: issuer, Name: name})
	return l.Names, err
}

func TestNamesAreTheArticles(t *testing.T) {
	for _, tc := range []struct{ provider, account, refresh, access, credentials string }{
		{"fitbit", "default", "RefreshToken", "AccessToken", "FitbitCredentials"},
		{"fitbit", "will", "will-RefreshToken", "will-AccessToken", "FitbitCredentials"},
		{"fitbit", "will-2", "will-2-RefreshToken", "will-2-AccessToken", "FitbitCredentials"},
		{"withings", "default", "Withings-RefreshToken", "Withings-AccessToken", "WithingsCredentials"},
		{"withings", "will", "Withings-will-RefreshToken", "Withings-will-AccessToken", "WithingsCredentials"},
		{"google-health", "withings", "GoogleHealth-withings-RefreshToken", "GoogleHealth-withings-AccessToken", "GoogleHealthCredentials"},
	} {
		t.Run(tc.provider+"/"+tc.account, func(t *testing.T) {
			got, err := namesOf(tc.provider, tc.account)
			require.NoError(t, err)
			require.Equal(t, vault.Names{RefreshToken: tc.refresh, AccessToken: tc.access, Credentials: tc.credentials, Provider: tc.provider, Account: tc.account}, got)
		})
	}
}

func TestAnAccountNeverTakesAnotherProvidersNames(t *testing.T) {
	for _, name := range []string{"withings", "withings-will", "googlehealth", "googlehealth-will"} {
		got, err := namesOf("fitbit", name)
		first, _, _ := strings.Cut(name, "-")
		require.ErrorContains(t, err, `account "`+name+`" at fitbit would share its secrets' names with provider`)
		require.ErrorContains(t, err, `choose a name that does not begin with "`+first+`"`)
		require.Zero(t, got)
	}
}

func TestNoTwoAccountsShareAName(t *testing.T) {
	valid := regexp.MustCompile(`^[0-9a-zA-Z-]{1,127}$`) // Key Vault's rule for names
	longest := strings.Repeat("a", token.MaxName)
	seen := map[string]string{"tokenkeeperkeyset": "the keyset"}
	for _, p := range provider.Builtin().Providers() {
		for _, name := range []string{
			"default", "will", "will-2", "2", "fitbit", "default-2", "refreshtoken", "accesstoken", "will-refreshtoken",
			"withings", "withings-will", "withingswill", "googlehealth", "google-health", "credentials", "fitbitcredentials", longest,
		} {
			got, err := namesOf(p.Name, name)
			if err != nil {
				continue
			}
			for _, secret := range []string{got.RefreshToken, got.AccessToken} {
				require.Regexp(t, valid, secret)
				key := strings.ToLower(secret) // Key Vault takes no notice of case
				require.Empty(t, seen[key], "%s of %s/%s", secret, p.Name, name)
				seen[key] = p.Name + "/" + name
			}
			require.Empty(t, seen[strings.ToLower(got.Credentials)])
		}
	}
}

func TestAProviderOfTheDefaultAccountsNameIsNoOther(t *testing.T) {
	table, err := provider.Builtin().Override([]byte("providers: {default: {token_url: 'https://a.test', auth_style: body, rotation: none, replay_window: 0s, access_token_lifetime: 1h}}"), "a.yaml")
	require.NoError(t, err)
	for issuer, want := range map[string]string{"fitbit": "RefreshToken", "default": "Default-RefreshToken"} {
		l, err := vault.Locate(table, token.Account{Provider: issuer, Name: token.DefaultAccount})
		require.NoError(t, err)
		require.Equal(t, want, l.Names.RefreshToken)
	}
}

// Key Vault takes no notice of case: x-anna-RefreshToken is X-anna-RefreshToken.
func TestAnAccountWithAnotherProvidersNamesSaysHowBothCanBe(t *testing.T) {
	for account, other := range map[string]string{"x": "x/default", "x-anna": "x/anna", "box": "box/default", "zoom-1": "zoom/1", "linear": "linear/default"} {
		_, err := namesOf("fitbit", account)
		require.ErrorContains(t, err, "or state refresh_token and access_token in secret_names of fitbit/"+account+" or of "+other+", under accounts of the providers file")
		for _, renamed := range []string{"fitbit/" + account, other} {
			table := tableOf(t, "accounts: {"+renamed+": {secret_names: {refresh_token: OtherRefresh, access_token: OtherAccess}}}")
			require.NoError(t, vault.CheckTable(table))
			here, err := vault.Locate(table, accountOf("fitbit/"+account))
			require.NoError(t, err)
			there, err := vault.Locate(table, accountOf(other))
			require.NoError(t, err)
			for _, name := range []string{here.Names.RefreshToken, here.Names.AccessToken} {
				require.False(t, strings.EqualFold(name, there.Names.RefreshToken) || strings.EqualFold(name, there.Names.AccessToken), name)
			}
			require.Equal(t, renamed == other, here.Names.RefreshToken == account+"-RefreshToken", "the account keeps its names where the other one gives way")
		}
	}
	table, err := provider.Builtin().Override([]byte("accounts: {x/anna: {secret_names: {refresh_token: OtherRefresh}}}"), "providers.yaml")
	require.NoError(t, err)
	_, err = vault.Locate(table, accountOf("fitbit/x-anna"))
	require.ErrorContains(t, err, "x-anna-AccessToken is also that of x/anna", "one name in common is enough")
	got, err := namesOf("fitbit", "x-default")
	require.NoError(t, err, "the default account's names carry no account")
	require.Equal(t, "x-default-RefreshToken", got.RefreshToken)
}
