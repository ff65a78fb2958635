package token_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/token"
)

func TestAnAccountIsNamedByProviderAndName(t *testing.T) {
	longest := strings.Repeat("a", token.MaxName)
	for _, tc := range []struct {
		name, provider, account string
		want                    token.Account
		isDefault               bool
	}{
		{"nothing means the defaults", "", "", token.Account{Provider: "fitbit", Name: "default"}, true},
		{"a default account elsewhere", "withings", "", token.Account{Provider: "withings", Name: "default"}, true},
		{"a named account", "", "will", token.Account{Provider: "fitbit", Name: "will"}, false},
		{"digits and hyphens", "google-health", "will-2", token.Account{Provider: "google-health", Name: "will-2"}, false},
		{"the longest names", longest, longest, token.Account{Provider: longest, Name: longest}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := token.NewAccount(tc.provider, tc.account)
			require.NoError(t, err)
			require.Equal(t, tc.want, got)
			require.Equal(t, tc.isDefault, got.IsDefault())
			require.Equal(t, tc.want.Provider+"/"+tc.want.Name, got.String())
		})
	}
}

func TestABadNameIsRefusedWithTheFix(t *testing.T) {
	for _, tc := range []struct{ name, provider, account, want string }{
		{"capitals", "", "Will", `account name "Will" has capitals, which Key Vault does not tell apart; use "will"`},
		{"a provider's capitals", "Fitbit", "", `provider name "Fitbit" has capitals, which Key Vault does not tell apart; use "fitbit"`},
		{"too long", "", strings.Repeat("a", token.MaxName+1), `account name "aaaaaaaaaaaaaaaaaaaa"… has 51 characters; use at most 50`},
		{"a space", "", "will smith", `account name "will smith" is not valid; use lower-case letters, digits and single hyphens between them, such as "will-2"`},
		{"two hyphens", "", "will--2", `account name "will--2" is not valid`},
		{"a hyphen first", "-fitbit", "", `provider name "-fitbit" is not valid`},
		{"a hyphen last", "", "will-", `account name "will-" is not valid`},
		{"an underscore", "", "will_2", `account name "will_2" is not valid`},
		{"a letter that Key Vault does not take", "", "wíll", `account name "wíll" is not valid`},
		{"a path", "", "../will", `account name "../will" is not valid`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := token.NewAccount(tc.provider, tc.account)
			require.ErrorContains(t, err, tc.want)
			require.Zero(t, got)
		})
	}
}

func TestAnAccountMayKeepAnotherProvidersNames(t *testing.T) {
	own, err := token.NewAccount("google-health", "will")
	require.NoError(t, err)
	kept, err := own.KeptUnder("fitbit")
	require.NoError(t, err)
	require.Equal(t, "google-health/will (with the secrets of fitbit)", kept.String())
	for _, itself := range []string{"", "google-health"} {
		back, err := kept.KeptUnder(itself)
		require.NoError(t, err)
		require.Equal(t, own, back)
	}
	_, err = own.KeptUnder("Fitbit")
	require.ErrorContains(t, err, `provider name "Fitbit" has capitals`)
}
