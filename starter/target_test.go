package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

// unreachable is a complete environment in which nothing answers.
func unreachable() map[string]string {
	return map[string]string{
		"TEMPORAL_ADDRESS": "127.0.0.1:1", "KEY_VAULT_URL": "https://127.0.0.1:1",
		"TOKENKEEPER_AZURE_CREDENTIAL": "emulator", "TOKENKEEPER_ALLOW_EMULATOR": "true",
	}
}

// subcommands are the root and all commands below it, by their arguments.
func subcommands() map[string]*cobra.Command {
	root := newRoot(unreachable())
	all := map[string]*cobra.Command{"": root}
	for _, cmd := range root.Commands() {
		all[cmd.Name()] = cmd
	}
	return all
}

// refusal runs a command line that touches nothing, and returns what it printed.
func refusal(t *testing.T, subcommand string, flags ...string) string {
	t.Helper()
	args := slices.DeleteFunc([]string{subcommand}, func(s string) bool { return s == "" })
	var out bytes.Buffer
	require.Equal(t, 2, run(t.Context(), append(args, flags...), unreachable(), &out, &out), "starter %s %q: %s", subcommand, flags, &out)
	return out.String()
}

func TestAFlagThatIsGivenAndEmptyIsWrongUsage(t *testing.T) {
	covered := map[string]bool{}
	for name, cmd := range subcommands() {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if !slices.Contains([]string{"string", "stringSlice", "stringArray"}, f.Value.Type()) {
				return
			}
			covered[f.Name] = true
			for _, value := range []string{"", " "} {
				require.Equal(t, "starter: --"+f.Name+" is empty; give it a value or leave it out\n", refusal(t, name, "--"+f.Name, value))
			}
		})
	}
	for _, name := range []string{
		"account", "provider", "secrets-of", "cron", "accounts", "from", "client", "file", "redirect-url", "scopes", "output",
	} {
		require.True(t, covered[name], "no subcommand has --%s", name)
	}
	require.Contains(t, refusal(t, "recover", "--from", "nightly", "--from", ""), "--from has an empty value beside others; remove it")
	require.Contains(t, refusal(t, "authorize", "--scopes", "sleep,"), "--scopes has an empty value")
}

func TestEverySubcommandRefusesAnAccountThatCannotExist(t *testing.T) {
	for _, tc := range []struct {
		flags []string
		want  string
	}{
		{[]string{"--account", "withings-anna"}, `account "withings-anna" at fitbit would share its secrets' names with provider "Withings"`},
		{[]string{"--account", "will", "--secrets-of", "fitbitt"}, `secrets of: provider "fitbitt" is not known; use one of `},
		{[]string{"--account", "will", "--provider", "polar"}, `provider "polar" is not known; use one of `},
	} {
		authorize := refusal(t, "authorize", tc.flags...)
		require.Contains(t, authorize, tc.want)
		for name, cmd := range subcommands() {
			if cmd.Flags().Lookup("account") == nil {
				continue // keys acts on all accounts
			}
			require.Equal(t, authorize, refusal(t, name, tc.flags...), name)
		}
	}
}

func TestAFileOfAccountsIsRefusedWithEachLineNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "accounts.txt")
	require.NoError(t, os.WriteFile(file, []byte("will\nwithings-anna\nbo polar\n"), 0o600))
	said := refusal(t, "start", "--accounts", file)
	require.Contains(t, said, `accounts.txt:2: account "withings-anna" at fitbit would share its secrets' names with provider "Withings"`)
	require.Contains(t, said, `accounts.txt:3: provider "polar" is not known`)
	require.NotContains(t, said, "accounts.txt:1:")
}
