package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/config"
	"tokenkeeper/internal/sim/authserver"
)

// elsewhere adds a second provider to the system, at which the app is registered
// with a redirect URL.
func (s terminal) elsewhere(p authserver.Provider, redirect string) *authserver.Server {
	s.t.Helper()
	client := authserver.DefaultClient()
	client.RedirectURIs = []string{redirect}
	server, err := authserver.Start(authserver.Options{Provider: p, Client: client, TokenPrefix: "fake-google-"})
	require.NoError(s.t, err)
	s.t.Cleanup(server.Close)
	file := config.Environ(s.Environment())["TOKENKEEPER_PROVIDERS"]
	table, err := os.ReadFile(file)
	require.NoError(s.t, err)
	table = fmt.Appendf(table, "  %s:\n    auth_url: %s%s\n    token_url: %[2]s%[4]s\n    revoke_url: %[2]s%[5]s\n", p.Name, server.URL(), p.AuthorizePath, p.TokenPath, p.RevokePath)
	require.NoError(s.t, os.WriteFile(file, table, 0o600))
	return server
}

// answered runs a command line that prints a consent page's address and reads
// where the browser ends up.
func (s terminal) answered(args ...string) string {
	s.t.Helper()
	stdin, types := typing(s.t)
	out := &shown{}
	root := newRoot(config.Environ(s.Environment("XDG_STATE_HOME=" + s.t.TempDir())))
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(out)
	root.SetErr(out)
	ended := make(chan error, 1)
	go func() { ended <- root.ExecuteContext(context.WithoutCancel(s.t.Context())) }()
	out.eventually(s.t, "Client ID: $")
	types("FAKE0C")
	out.eventually(s.t, `an app without one\): $`)
	types("fake-client-secret")
	types(redirectOf(s.t, out.eventually(s.t, `http://127\S+`)))
	require.NoError(s.t, <-ended, out)
	return out.String()
}

func TestMigrateKeepsTheSecretsNames(t *testing.T) {
	const redirect = "https://nowhere.test/callback"
	s := newTerminal(t, authserver.Options{})
	google := s.elsewhere(authserver.GoogleHealth(), redirect)
	s.consent("will")
	s.work()
	s.starter(0, "start", "--account", "will")
	s.starter(0, "refresh", "--account", "will")
	fitbit := s.Held("will")

	out := s.answered("migrate", "--account", "will", "--no-browser", "--redirect-url", redirect)
	require.Contains(t, out, "Ended: workflow fitbit-token-refresh-will.")
	require.NotContains(t, out, "fake-google-")
	require.True(t, google.IsLive(s.Held("will")))
	first := current(t, s, "will-AccessToken")
	require.Contains(t, first, "fake-google-", "readers need not wait for the first run")

	// The new cron refreshes under the old names, and numbers on.
	printed := s.starter(0, "refresh", "--account", "will", "--provider", "google-health", "--secrets-of", "fitbit")
	require.Contains(t, printed, "of google-health/will")
	require.NotEqual(t, first, current(t, s, "will-AccessToken"))
	require.True(t, google.IsLive(s.Held("will")))

	// Asking for the old one refreshes the account where it is now, and spends nothing there.
	require.Contains(t, s.starter(0, "refresh", "--account", "will"), "fitbit/will has moved, and is google-health/will")
	require.True(t, google.IsLive(s.Held("will")))
	require.True(t, s.Provider.IsLive(fitbit))
}

func current(t *testing.T, s terminal, name string) string {
	t.Helper()
	versions := s.Vault.Versions(name)
	require.NotEmpty(t, versions)
	return versions[len(versions)-1].Value
}

func TestAfterAConsentTheNextRunIsGreen(t *testing.T) {
	s := newTerminal(t, authserver.Options{Client: authserver.Client{
		ID: "FAKE0C", Secret: authserver.DefaultClient().Secret, RedirectURIs: []string{"https://nowhere.test/callback"},
	}})
	s.consent("will")
	s.work()
	s.starter(0, "refresh", "--account", "will")
	require.NoError(t, s.Revoke(t.Context(), "will"))
	require.Contains(t, s.starter(1, "refresh", "--account", "will"), "ReauthorizationRequired")

	stdin, types := typing(t)
	out := &shown{}
	root := newRoot(config.Environ(s.Environment("XDG_STATE_HOME=" + t.TempDir())))
	root.SetArgs([]string{"authorize", "--account", "will", "--no-browser", "--redirect-url", "https://nowhere.test/callback"})
	root.SetIn(stdin)
	root.SetOut(out)
	root.SetErr(&bytes.Buffer{})
	ended := make(chan error, 1)
	go func() { ended <- root.ExecuteContext(context.WithoutCancel(t.Context())) }()
	types(redirectAs(t, out.eventually(t, `http://127\S+`), "USER-WILL"))
	require.NoError(t, <-ended, out)

	require.Contains(t, s.starter(0, "refresh", "--account", "will"), "generation 3 of fitbit/will is in the vault")
	require.False(t, s.Lost("will"))
}
