package vault_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

var prefixes = map[string]string{"fitbit": "", "withings": "Withings", "google-health": "GoogleHealth"}

func namesOf(provider, name string) (vault.Names, error) {
	var reserved []string
	for _, prefix := range prefixes {
		reserved = append(reserved, prefix)
	}
	return vault.NamesFor(token.Account{Provider: provider, Name: name}, prefixes[provider], prefixes[provider]+"Credentials", reserved)
}

func TestNamesAreTheArticles(t *testing.T) {
	for _, tc := range []struct{ provider, account, refresh, access string }{
		{"fitbit", "default", "RefreshToken", "AccessToken"},
		{"fitbit", "will", "will-RefreshToken", "will-AccessToken"},
		{"fitbit", "will-2", "will-2-RefreshToken", "will-2-AccessToken"},
		{"withings", "default", "Withings-RefreshToken", "Withings-AccessToken"},
		{"withings", "will", "Withings-will-RefreshToken", "Withings-will-AccessToken"},
		{"google-health", "withings", "GoogleHealth-withings-RefreshToken", "GoogleHealth-withings-AccessToken"},
	} {
		t.Run(tc.provider+"/"+tc.account, func(t *testing.T) {
			got, err := namesOf(tc.provider, tc.account)
			require.NoError(t, err)
			require.Equal(t, vault.Names{RefreshToken: tc.refresh, AccessToken: tc.access, Credentials: prefixes[tc.provider] + "Credentials", Provider: tc.provider}, got)
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
	for provider := range prefixes {
		for _, name := range []string{
			"default", "will", "will-2", "2", "fitbit", "default-2", "refreshtoken", "accesstoken", "will-refreshtoken",
			"withings", "withings-will", "withingswill", "googlehealth", "google-health", "credentials", "fitbitcredentials", longest,
		} {
			got, err := namesOf(provider, name)
			if err != nil {
				continue
			}
			for _, secret := range []string{got.RefreshToken, got.AccessToken} {
				require.Regexp(t, valid, secret)
				key := strings.ToLower(secret) // Key Vault takes no notice of case
				require.Empty(t, seen[key], "%s of %s/%s", secret, provider, name)
				seen[key] = provider + "/" + name
			}
			require.Empty(t, seen[strings.ToLower(got.Credentials)])
		}
	}
}
