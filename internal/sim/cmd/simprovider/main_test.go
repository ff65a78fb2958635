package main

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/authserver"
)

// TestProcess runs the command as tests and compose do: as a process that is
// found by its URL file, driven over HTTP and ended by SIGTERM.
func TestProcess(t *testing.T) {
	dir := t.TempDir()
	binary, urlFile, secretFile := filepath.Join(dir, "simprovider"), filepath.Join(dir, "url"), filepath.Join(dir, "secret")
	require.NoError(t, os.WriteFile(secretFile, []byte("fake-file-secret\n"), 0o600))
	built, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, string(built))

	var output strings.Builder
	process := exec.CommandContext(t.Context(), binary,
		"-url-file", urlFile, "-client-id", "FAKE07", "-client-secret-file", secretFile,
		"-replay-window", "0", "-access-token-lifetime", "90s", "-token-prefix", "canary-", "-reuse-revokes")
	process.Stdout, process.Stderr = &output, &output
	require.NoError(t, process.Start())
	base := waitForURL(t, urlFile)
	control := authserver.Control{URL: base}
	health := []string{"-healthy", "-listen", strings.TrimPrefix(base, "http://")}
	require.NoError(t, exec.CommandContext(t.Context(), binary, health...).Run())

	refreshToken, _, err := control.CreateGrant(t.Context(), "FAKE01")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(refreshToken, "canary-"))
	require.Contains(t, refresh(t, base, refreshToken), `"expires_in":90`)
	require.Contains(t, refresh(t, base, refreshToken), "invalid_grant", "no replay")
	audit, err := control.Audit(t.Context(), "FAKE01")
	require.NoError(t, err)
	require.False(t, audit.Alive(), "reuse revokes")

	require.NoError(t, process.Process.Signal(syscall.SIGTERM))
	require.NoError(t, process.Wait(), "SIGTERM is a clean end")
	printed, err := exec.CommandContext(t.Context(), binary, health...).CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(printed), "no simulator answers")
	require.Contains(t, output.String(), "client FAKE07 is registered at "+base)
	require.NotContains(t, output.String(), "canary-")
	require.NotContains(t, output.String(), "fake-file-secret")
}

func waitForURL(t *testing.T, file string) string {
	t.Helper()
	var content []byte
	require.Eventually(t, func() bool {
		var err error
		content, err = os.ReadFile(file)
		return err == nil
	}, 2*time.Minute, 10*time.Millisecond)
	return strings.TrimSpace(string(content))
}

func refresh(t *testing.T, base, refreshToken string) string {
	t.Helper()
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refreshToken}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/oauth2/token", strings.NewReader(form.Encode()))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth("FAKE07", "fake-file-secret")
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(body)
}

func TestFlagsBecomeOptions(t *testing.T) {
	byDefault, err := parseFlags(nil, "", io.Discard)
	require.NoError(t, err)
	require.Equal(t, "fitbit", byDefault.options.Provider.Name)
	require.Zero(t, byDefault.options.ReplayWindow, "the provider's own")
	require.Zero(t, byDefault.options.AccessTokenLifetime, "the provider's own")

	other, err := parseFlags([]string{"-provider", "withings"}, "", io.Discard)
	require.NoError(t, err)
	require.Equal(t, "withings", other.options.Provider.Name)

	require.Zero(t, byDefault.options.RepeatPause, "the provider's own")

	c, err := parseFlags([]string{"-replay-window", "0", "-repeat-pause", "0", "-client-id", "FAKE07", "-redirect-uri", "http://127.0.0.1/a", "-redirect-uri", "http://127.0.0.1/b"}, "fake-secret", io.Discard)
	require.NoError(t, err)
	require.Equal(t, authserver.NoReplay, c.options.ReplayWindow)
	require.Equal(t, authserver.NoPause, c.options.RepeatPause)
	require.Equal(t, "fake-secret", c.options.Client.Secret.Reveal(), "from the environment")
	require.Equal(t, []string{"http://127.0.0.1/a", "http://127.0.0.1/b"}, c.options.Client.RedirectURIs)
}

func TestMistakesAreNamed(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	missing := filepath.Join(t.TempDir(), "missing", "file")
	cases := []struct {
		name   string
		args   []string
		secret string
		want   string
	}{
		{"argument", []string{"serve"}, "", `unexpected argument "serve"`},
		{"unknown flag", []string{"-port", "1"}, "", "not defined: -port"},
		{"negative window", []string{"-replay-window", "-1ns"}, "", "use 0 for a provider that never replays"},
		{"negative pause", []string{"-repeat-pause", "-1ns"}, "", "use 0 for a provider that can be asked again at once"},
		{"unknown provider", []string{"-provider", "polar"}, "", `provider "polar" is unknown; use one of atlassian, box`},
		{"unknown portal", []string{"-provider", "oura", "-portal", "cloud"}, "", `oura has no portal "cloud"`},
		{"rotation that is not the application's", []string{"-provider", "xero", "-rotating"}, "", "no application of xero chooses"},
		{"no lifetime", []string{"-access-token-lifetime", "0"}, "", "use at least 1s"},
		{"secret without a client", nil, "fake-secret", "without -client-id"},
		{"secret file missing", []string{"-client-secret-file", missing}, "", "-client-secret-file: open"},
		{"secret file empty", []string{"-client-id", "FAKE07", "-client-secret-file", empty}, "", "is empty"},
		{"address", []string{"-listen", "127.0.0.1:none"}, "", "provider simulator: listen"},
		{"url file", []string{"-url-file", missing}, "", "-url-file: open"},
		{"url file is a directory", []string{"-url-file", t.TempDir()}, "", "-url-file: rename"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := run(t.Context(), c.args, c.secret, io.Discard)
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "fake-secret")
		})
	}
}
