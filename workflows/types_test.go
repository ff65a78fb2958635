package workflows_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/activities"
	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

func TestInputNamesAnAccount(t *testing.T) {
	def := token.Account{Provider: "fitbit", Name: "default"}
	for _, c := range []struct {
		name, json string
		want       token.Account
	}{
		{"empty object", `{}`, def},
		{"null", `null`, def},
		{"empty names", `{"account":"","provider":""}`, def},
		{"account", `{"account":"will"}`, token.Account{Provider: "fitbit", Name: "will"}},
		{"provider", `{"provider":"google-health"}`, token.Account{Provider: "google-health", Name: "default"}},
		{"recovery", `{"account":"will","recover":true}`, token.Account{Provider: "fitbit", Name: "will"}},
		{"recovery from elsewhere", `{"recover":true,"from":["nightly-refresh"]}`, def},
		{"the names of another provider", `{"account":"will","provider":"google-health","secretsOf":"fitbit"}`, token.Account{Provider: "google-health", Name: "will", SecretsOf: "fitbit"}},
		{"the names of its own provider", `{"account":"will","secretsOf":"fitbit"}`, token.Account{Provider: "fitbit", Name: "will"}},
		{"both", `{"account":"will-2","provider":"withings"}`, token.Account{Provider: "withings", Name: "will-2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var in workflows.Input
			require.NoError(t, json.Unmarshal([]byte(c.json), &in))
			got, err := in.Check()
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestNoInputAtAllIsTheDefaultAccount(t *testing.T) {
	s := newScenario(t)
	result, err := s.refreshWith()
	require.NoError(t, err)
	require.Equal(t, "default", result.Account)
	require.Equal(t, "fitbit", result.Provider)
}

func TestInputThatCannotBeMeantEndsTheRunInOneSentence(t *testing.T) {
	const example = `; give a JSON object such as {"account":"will","provider":"fitbit"}, or {} for the default account`
	for _, c := range []struct{ name, json, want string }{
		{"misspelt key", `{"acount":"will"}`, `workflow input: json: unknown field "acount"` + example},
		{"number for a name", `{"account":7}`, `workflow input: "account" is a JSON number, not a string` + example},
		{"misspelt recovery", `{"recovery":true}`, `workflow input: json: unknown field "recovery"` + example},
		{"text for yes or no", `{"recover":"yes"}`, `workflow input: "recover" is a JSON string, not true or false` + example},
		{"text for a list", `{"recover":true,"from":"nightly-refresh"}`, `workflow input: "from" is a JSON string, not a list of workflow ids` + example},
		{"a source without a recovery", `{"from":["nightly-refresh"]}`, `workflow input: "from" names workflows to recover a pair from and goes with "recover": true only; leave it out to refresh`},
		{"list", `["will"]`, `workflow input is a JSON array` + example},
		{"text", `"will"`, `workflow input is a JSON string` + example},
		{"number", `7`, `workflow input is a JSON number` + example},
		{"capitals", `{"account":"Will"}`, `workflow input: account name "Will" has capitals, which Key Vault does not tell apart; use "will"`},
		{"space", `{"account":"will smith"}`, `workflow input: account name "will smith" is not valid; use lower-case letters, digits and single hyphens between them, such as "will-2"`},
		{"too long", `{"provider":"` + strings.Repeat("p", 51) + `"}`, `workflow input: provider name "pppppppppppppppppppp"… has 51 characters; use at most 50`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScenario(t)
			_, err := s.refreshWith(json.RawMessage(c.json))
			message := requireFailure(t, err, activities.InvalidInput)
			require.Equal(t, c.want, message)
			require.NotContains(t, message, "\n")
			require.Empty(t, slices.DeleteFunc(s.order(), func(name string) bool { return name == "Alert" }), "nothing may be called for an account that was not meant")
		})
	}
}

func TestInputIsWrittenAsItIsRead(t *testing.T) {
	for _, want := range []string{`{}`, `{"account":"will","provider":"fitbit"}`, `{"recover":true,"from":["nightly-refresh"]}`} {
		var in workflows.Input
		require.NoError(t, json.Unmarshal([]byte(want), &in))
		got, err := json.Marshal(in)
		require.NoError(t, err)
		require.JSONEq(t, want, string(got))
	}
}

func TestIDNamesProviderAndAccount(t *testing.T) {
	for want, names := range map[string][2]string{
		"fitbit-token-refresh":           {"", ""},
		"fitbit-token-refresh-will":      {"fitbit", "will"},
		"google-health-token-refresh":    {"google-health", "default"},
		"google-health-token-refresh-bo": {"google-health", "bo"},
	} {
		account, err := token.NewAccount(names[0], names[1])
		require.NoError(t, err)
		require.Equal(t, want, workflows.ID(account))
		require.Equal(t, want+"--recover", workflows.RecoveryID(account))
	}
}
