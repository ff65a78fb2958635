package main

import (
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
)

var (
	starterLine  = regexp.MustCompile("go run \\./starter([^`\n]*)")
	temporalLine = regexp.MustCompile(`(?m)^temporal workflow start .*$`)
)

// Each command of the operator's pages parses as it is written, flags and arguments.
func TestTheOperatorsPagesCommandsAreStartersOwn(t *testing.T) {
	found := 0
	for _, name := range []string{"operations", "keyset", "recover", "rollout", "fleet", "security", "deploy", "google-health", "providers", "try-by-hand"} {
		page, err := os.ReadFile("../docs/" + name + ".md")
		require.NoError(t, err)
		for _, line := range starterLine.FindAllStringSubmatch(string(page), -1) {
			args := strings.Fields(strings.TrimSuffix(strings.NewReplacer(" KEY", " 1234567890", "'", "", `"`, "").Replace(line[1]), "\\"))
			root := newRoot(nil)
			root.SetOut(io.Discard)
			cmd, rest, err := root.Find(args)
			require.NoError(t, err, "%s: %s", name, line[0])
			require.NoError(t, cmd.ParseFlags(rest), "%s: %s", name, line[0])
			require.NoError(t, cmd.ValidateArgs(cmd.Flags().Args()), "%s: %s", name, line[0])
			require.True(t, cmd.Runnable() && cmd != root || len(args) == 0, "%s: %s does nothing", name, line[0])
			found++
		}
	}
	require.Greater(t, found, 40)
}

// The README's first steps are for a provider that lives, and each of their commands is one
// that starter takes as it is written.
func TestTheReadmesCommandsAreStartersOwn(t *testing.T) {
	page, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	lines := starterLine.FindAllStringSubmatch(string(page), -1)
	require.Greater(t, len(lines), 6)
	for _, line := range lines {
		args := strings.Fields(line[1])
		root := newRoot(nil)
		root.SetOut(io.Discard)
		cmd, rest, err := root.Find(args)
		require.NoError(t, err, line[0])
		require.NoError(t, cmd.ParseFlags(rest), line[0])
		require.NoError(t, checkFlags(cmd, nil), line[0])
		require.Empty(t, cmd.Flags().Args(), line[0])
		issuer, err := cmd.Flags().GetString("provider")
		require.NoError(t, err)
		account, err := cmd.Flags().GetString("account")
		require.NoError(t, err)
		target, err := newTarget(provider.Builtin(), issuer, account, "")
		require.NoError(t, err, line[0])
		if cmd.Name() == "authorize" || cmd.Name() == "refresh" {
			require.False(t, target.Provider.Status.Retired, line[0])
		}
	}
	google, err := newTarget(provider.Builtin(), "google-health", "default", "")
	require.NoError(t, err)
	require.Equal(t, []string{(&temporalApp{taskQueue: "token-refresh"}).cliStart(google, cronOf(google.Provider.Period()))},
		temporalLine.FindAllString(string(page), -1))
	for _, name := range []string{google.Names.RefreshToken, google.Names.AccessToken, google.Names.Credentials} {
		require.Contains(t, string(page), "`"+name+"`")
	}
}
