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
			require.Equal(t, vault.Names{RefreshToken: tc.refresh, AccessToken: tc.access, Credentials: tc.credentials, Provider: tc.provider}, got)
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
