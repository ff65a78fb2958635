package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/demo/browser"
	"tokenkeeper/demo/system"
	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/testenv/process"
	"tokenkeeper/internal/token"
)

// authorizing is "starter authorize" as a process, whose browser is a program that
// notes the address, with a vault and a provider.
type authorizing struct {
	*exec.Cmd
	dir      string
	vault    *keyvault.Server
	provider *authserver.Server
	output   string // a file
}

func authorize(t *testing.T, starter string, p authserver.Provider, args ...string) *authorizing {
	t.Helper()
	ports, err := process.FreePorts(1)
	require.NoError(t, err)
	redirect := fmt.Sprintf("http://localhost:%d/callback", ports[0])

	a := &authorizing{dir: t.TempDir()}
	a.vault, err = keyvault.Start(keyvault.Options{})
	require.NoError(t, err)
	t.Cleanup(a.vault.Close)
	a.provider, err = authserver.Start(authserver.Options{
		Provider: p, TokenPrefix: tokenCanary,
		Client: authserver.Client{ID: "CANARY", Secret: token.NewSecret(clientCanary), RedirectURIs: []string{redirect}},
	})
	require.NoError(t, err)
	t.Cleanup(a.provider.Close)

	opener := "#!/bin/sh\necho \"$1\" > " + a.dir + "/opening && mv " + a.dir + "/opening " + a.dir + "/opened\n"
	table := fmt.Sprintf("providers:\n  %s:\n    auth_url: %s%s\n    token_url: %[2]s%[4]s\n", p.Name, a.provider.URL(), p.AuthorizePath, p.TokenPath)
	for name, content := range map[string]string{
		"vault.pem": string(a.vault.CertificatePEM()), "providers.yaml": table, "client": "CANARY:" + clientCanary, "xdg-open": opener,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(a.dir, name), []byte(content), 0o700))
	}
	a.output = filepath.Join(a.dir, "output")
	out := create(t, a.output)
	a.Cmd = exec.CommandContext(t.Context(), starter, append([]string{"authorize", "--provider", p.Name, "--redirect-url", redirect, "--client", filepath.Join(a.dir, "client")}, args...)...)
	a.Env = []string{"PATH=" + a.dir + string(filepath.ListSeparator) + os.Getenv("PATH"), "HOME=" + a.dir, "TEMPORAL_ADDRESS=127.0.0.1:1",
		"KEY_VAULT_URL=" + a.vault.URL(), "TOKENKEEPER_KEY_VAULT_CA_FILE=" + filepath.Join(a.dir, "vault.pem"),
		"TOKENKEEPER_AZURE_CREDENTIAL=emulator", "TOKENKEEPER_ALLOW_EMULATOR=true",
		"TOKENKEEPER_PROVIDERS=" + filepath.Join(a.dir, "providers.yaml"), "XDG_STATE_HOME=" + filepath.Join(a.dir, "state")}
	a.Stdout, a.Stderr = out, out
	require.NoError(t, a.Start())
	return a
}

// opened is the address that a browser was to open.
func (a *authorizing) opened(t *testing.T) string {
	t.Helper()
	path := filepath.Join(a.dir, "opened")
	opened := func() bool {
		_, err := os.Stat(path)
		return err == nil
	}
	require.NoError(t, system.Wait(t.Context(), opened), read(t, a.output))
	return strings.TrimSpace(read(t, path))
}

// kept are the files that are kept until the vault has a consent.
func (a *authorizing) kept(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(a.dir, "state", "*", "*", "*", "*"))
	require.NoError(t, err)
	return found
}

func (a *authorizing) held(secret string) string {
	versions := a.vault.Versions(secret)
	if len(versions) == 0 {
		return ""
	}
	return versions[len(versions)-1].Value
}

func TestAUserConsentsInABrowser(t *testing.T) {
	window := browser.ForTest(t)
	starter := filepath.Join(t.TempDir(), "starter")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", starter, "tokenkeeper/starter").CombinedOutput()
	require.NoError(t, err, "%s", out)
	secrets := []string{tokenCanary, clientCanary}

	for secret, p := range map[string]authserver.Provider{"RefreshToken": authserver.Fitbit(), "GoogleHealth-RefreshToken": authserver.GoogleHealth()} {
		t.Run(p.Name, func(t *testing.T) {
			a := authorize(t, starter, p)
			asking, err := window.Read(a.opened(t), "May CANARY read this data?")
			require.NoError(t, err)
			done, err := window.Press("button[value=allow]", "Thank you, that is all", "is in the vault")
			require.NoError(t, err)
			address, err := window.Address()
			require.NoError(t, err)
			require.True(t, strings.HasSuffix(strings.TrimSuffix(address, "#_=_"), "/callback/result"), "the code must not stay in the address bar: %s", address)
			require.NoError(t, a.Wait(), read(t, a.output))
			require.True(t, a.provider.IsLive(a.held(secret)))
			require.Empty(t, a.kept(t))
			requireNone(t, secrets, map[string]string{"output": read(t, a.output), "consent page": asking.HTML, "result page": done.HTML, "address": address})
		})
	}
	t.Run("and may refuse", func(t *testing.T) {
		a := authorize(t, starter, authserver.Fitbit())
		_, err := window.Read(a.opened(t), "May CANARY read this data?")
		require.NoError(t, err)
		_, err = window.Press("button[value=deny]", "Nothing was stored", "the consent was refused")
		require.NoError(t, err)
		require.Error(t, a.Wait())
		require.Contains(t, read(t, a.output), "the consent was refused at Fitbit; nothing was stored")
		require.Empty(t, a.held("RefreshToken"))
	})
	t.Run("while the vault is away, and nothing is lost", func(t *testing.T) {
		a := authorize(t, starter, authserver.Fitbit())
		address := a.opened(t)
		a.vault.Inject(keyvault.Fault{Kind: keyvault.Unavailable, Operation: keyvault.OpWrites})
		_, err := window.Read(address, "May CANARY read this data?")
		require.NoError(t, err)
		page, err := window.Press("button[value=allow]", "Your consent has arrived", "not in the vault yet")
		require.NoError(t, err)
		kept := a.kept(t)
		require.Len(t, kept, 1)
		requireNone(t, secrets, map[string]string{"kept": read(t, kept[0]), "page": page.HTML})

		require.NoError(t, a.Process.Signal(syscall.SIGINT))
		require.Error(t, a.Wait())
		require.Equal(t, 130, a.ProcessState.ExitCode())
		requireNone(t, secrets, map[string]string{"kept": read(t, kept[0]), "output": read(t, a.output)})
		require.Contains(t, read(t, a.output), "It is kept, sealed, in "+kept[0])

		a.vault.ClearFaults()
		again := exec.CommandContext(t.Context(), starter, a.Args[1:]...)
		again.Env = a.Env
		said, err := again.CombinedOutput()
		require.NoError(t, err, "%s", said)
		require.Contains(t, string(said), "Storing the consent of fitbit/default that was kept here")
		require.True(t, a.provider.IsLive(a.held("RefreshToken")))
		require.Empty(t, a.kept(t))
	})
}
