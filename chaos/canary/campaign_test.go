package canary_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/internal/testenv/process"
	"tokenkeeper/internal/testenv/temporal"
	"tokenkeeper/internal/token"
)

// campaign is a system whose secrets are known.
type campaign struct {
	*testenv.System
	written
	t        *testing.T
	temporal client.Client
	tap      *wiretap
	files    []string // the folders of the server's database and logs
	starter  string   // the program
	work     string   // the starter's folders
	environ  []string
	redirect string
}

// startTemporal starts a server of the test's own, and returns the folders with its
// database and its logs: SQLite, or PostgreSQL where tests run against a cluster.
func startTemporal(t *testing.T) (server *temporal.Server, files []string) {
	t.Helper()
	cli, dir := temporal.ForTest(t), t.TempDir()
	if os.Getenv(testenv.EnvTemporal) != "cluster" {
		server, err := temporal.StartTemporal(t.Context(), cli, dir, 0, 0)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, server.Stop()) })
		return server, []string{dir}
	}
	cluster, err := temporal.StartCluster(t.Context(), cli, os.Getenv(testenv.EnvServers), dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cluster.Stop()) })
	return cluster.Temporal, []string{dir, cluster.Postgres.Folder()}
}

func newCampaign(t *testing.T) *campaign {
	t.Helper()
	work := t.TempDir()
	server, files := startTemporal(t)
	c := &campaign{t: t, files: files, work: work, tap: &wiretap{secrets: map[string]string{}}}
	binary, err := testenv.BuildWorker(t.Context(), work)
	require.NoError(t, err)
	c.starter = filepath.Join(work, "starter")
	built, err := exec.CommandContext(t.Context(), "go", "build", "-o", c.starter, "tokenkeeper/starter").CombinedOutput()
	require.NoError(t, err, "%s", built)

	ports, err := process.FreePorts(1)
	require.NoError(t, err)
	c.redirect = fmt.Sprintf("http://localhost:%d/callback", ports[0])
	app := authserver.Client{ID: "CANARY", Secret: token.NewSecret(clientCanary), RedirectURIs: []string{c.redirect}}
	google, err := authserver.ProviderOf("google-health")
	require.NoError(t, err)
	c.System, err = testenv.Start(t.Context(), testenv.Options{
		Dir: t.TempDir(), Temporal: server, WorkerBinary: binary, TaskQueue: "canary",
		Provider: authserver.Options{Client: app, TokenPrefix: tokenCanary, ReplayWindow: time.Hour},
		Others:   []authserver.Options{{Provider: google, Client: app, TokenPrefix: tokenCanary}},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Stop()) })
	c.temporal, err = server.Dial()
	require.NoError(t, err)
	t.Cleanup(c.temporal.Close)
	c.configure()
	return c
}

// configure has worker and starter reach the providers through a wiretap, and the
// starter open a browser that only notes the address.
func (c *campaign) configure() {
	table := "providers:\n"
	for _, s := range append([]*authserver.Server{c.Provider}, c.Others...) {
		p := s.Imitates()
		tapped := httptest.NewServer(&tap{c.tap, s.URL()})
		c.t.Cleanup(tapped.Close)
		table += fmt.Sprintf("  %s:\n    auth_url: %s%s\n    token_url: %s%s\n", p.Name, s.URL(), p.AuthorizePath, tapped.URL, p.TokenPath)
		if p.RevokePath != "" {
			table += fmt.Sprintf("    revoke_url: %s%s\n", tapped.URL, p.RevokePath)
		}
	}
	bin := filepath.Join(c.work, "bin")
	require.NoError(c.t, os.MkdirAll(bin, 0o755))
	opener := "#!/bin/sh\necho \"$1\" > \"$OPENED.part\" && mv \"$OPENED.part\" \"$OPENED\"\n"
	require.NoError(c.t, os.WriteFile(filepath.Join(bin, "xdg-open"), []byte(opener), 0o755))
	require.NoError(c.t, os.WriteFile(filepath.Join(c.work, "providers.yaml"), []byte(table), 0o600))
	require.NoError(c.t, os.WriteFile(filepath.Join(c.work, "app"), []byte("CANARY:"+clientCanary+"\n"), 0o600))
	c.environ = []string{
		"TOKENKEEPER_PROVIDERS=" + filepath.Join(c.work, "providers.yaml"),
		"XDG_STATE_HOME=" + filepath.Join(c.work, "state"), "OPENED=" + filepath.Join(c.work, "opened"),
		"PATH=" + bin + string(filepath.ListSeparator) + os.Getenv("PATH"),
	}
}

// launch starts the starter.
func (c *campaign) launch(args ...string) *process.Process {
	c.t.Helper()
	p, err := process.Run("the starter", c.starter, args, c.Environment(c.environ...), nil)
	require.NoError(c.t, err)
	c.addProcess(c.t, "starter's command line and environment", p.PID())
	return p
}

// ended waits for the starter's end and keeps what it said.
func (c *campaign) ended(p *process.Process) (code int) {
	c.t.Helper()
	select {
	case <-p.Ended():
	case <-time.After(patience):
		c.t.Fatalf("the starter did not end; it said:\n%s", p.Output())
	}
	c.add("starter's output", []byte(p.Output()))
	return p.ExitCode()
}

// run has the starter do something, which must succeed.
func (c *campaign) run(args ...string) {
	c.t.Helper()
	p := c.launch(args...)
	require.Zero(c.t, c.ended(p), "starter %v said:\n%s", args, p.Output())
}

// authorize has a user consent through the browser.
func (c *campaign) authorize(account, user string, further ...string) {
	c.t.Helper()
	p := c.launch(append([]string{"authorize", "--account", account, "--client", filepath.Join(c.work, "app"), "--redirect-url", c.redirect}, further...)...)
	c.decide(user)
	require.Zero(c.t, c.ended(p), "starter authorize said:\n%s", p.Output())
}

// decide consents at the page that the browser was to open.
func (c *campaign) decide(user string) {
	c.t.Helper()
	opened := filepath.Join(c.work, "opened")
	c.eventually("a browser is opened", func() bool { _, err := os.Stat(opened); return err == nil })
	address, err := os.ReadFile(opened)
	require.NoError(c.t, err)
	require.NoError(c.t, os.Remove(opened))
	jar, err := cookiejar.New(nil)
	require.NoError(c.t, err)
	answer, err := (&http.Client{Jar: jar}).PostForm(strings.TrimSpace(string(address)), url.Values{"user": {user}, "decision": {"allow"}})
	require.NoError(c.t, err)
	page, err := io.ReadAll(answer.Body)
	require.NoError(c.t, err)
	require.NoError(c.t, answer.Body.Close())
	c.add("consent's last page", append(page, answer.Request.URL.String()...))
}

func (c *campaign) eventually(what string, holds func() bool) {
	c.t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Fatalf("waited %s in vain until %s", patience, what)
		}
	}
}

func (c *campaign) get(address string) []byte {
	c.t.Helper()
	answer, err := http.Get(address) //nolint:noctx // of this machine
	require.NoError(c.t, err)
	defer func() { _ = answer.Body.Close() }()
	var b bytes.Buffer
	_, err = b.ReadFrom(answer.Body)
	require.NoError(c.t, err)
	return b.Bytes()
}
