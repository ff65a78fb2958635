// Package canary sends secrets that can be recognised through every path of the product,
// also those that fail, and searches for them in all that the programs leave behind: what
// they print, their command lines and environments, metrics, traces, histories, visibility
// and the files of Temporal's database.
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
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/internal/testenv/process"
	"tokenkeeper/internal/testenv/temporal"
	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

const (
	tokenCanary  = "canary-token-7h3x-" // begins every token and code of the provider
	clientCanary = "canary-client-secret-9k2v"
	planted      = "planted-canary-4q8z" // an account's name, which may be anywhere
	patience     = 3 * time.Minute
)

// campaign is a system whose secrets are known.
type campaign struct {
	*testenv.System
	written
	t        *testing.T
	temporal client.Client
	tap      *wiretap
	dir      string // the server's files
	starter  string // the program
	work     string // the starter's folders
	environ  []string
	redirect string
}

// markers are what was planted in each place, so that each search proves itself.
var markers = map[string]string{
	"worker's log":                           planted,
	"worker's stack":                         "SIGQUIT: quit",
	"worker's command line and environment":  "TOKENKEEPER_TASK_QUEUE=canary",
	"traces":                                 planted,
	"metrics":                                planted,
	"histories":                              planted,
	"histories as JSON":                      planted,
	"visibility":                             planted,
	"files of Temporal's database":           planted,
	"starter's output":                       planted,
	"starter's command line and environment": planted,
	"state folder":                           "kept-canary-5t1m",
}

func TestNoSecretIsLeftAnywhereByAnyPath(t *testing.T) {
	c := newCampaign(t)
	w, err := c.StartWorker(t.Context(), nil, append(c.environ, "TOKENKEEPER_LOG_LEVEL=debug",
		"OTEL_EXPORTER_OTLP_ENDPOINT="+collector(t, &c.written), "OTEL_BSP_SCHEDULE_DELAY=100")...)
	require.NoError(t, err)
	c.addProcess(t, "worker's command line and environment", w.PID())

	c.authorize(planted, "FAKE01")
	c.run("start", "--account", planted)
	c.green()
	for _, f := range []authserver.Fault{
		{Answer: authserver.Truncated},
		{Commit: true, Answer: authserver.Reset},
		{Commit: true, Answer: authserver.HTML},
		{Commit: true, Answer: authserver.Malformed},
		{Commit: true, Answer: authserver.Status, Status: 502},
		{Answer: authserver.OddTokens},
		{Answer: authserver.LongTokens},
		{Answer: authserver.InvalidClient}, // sends the credentials back
		{Answer: authserver.WrongUser},
	} {
		c.goesWrong(f)
		c.green()
	}
	c.storeIsRefused()
	c.handPut()
	c.terminatedInTheCall()
	c.dies()
	c.kept()
	c.moved()
	c.ended(c.launch("status")) // accounts need attention
	c.ended(c.launch("status", "--output", "json"))
	c.run("schedule", "--account", "scheduled")
	c.run("revoke", "--account", kept, "--yes")

	c.add("metrics", c.get(w.HTTP+"/metrics"))
	c.quit(w)
	c.add("worker's log", []byte(w.Output()))
	c.addHistories()
	c.secretsOfKeyset()
	c.addFiles(t, "files of Temporal's database", c.dir)

	c.tap.note("what begins every token", tokenCanary)
	c.tap.note("client secret", clientCanary)
	c.requireNone(t, c.tap.secrets)
	for place, marker := range markers {
		c.requirePlanted(t, place, marker)
	}
}

func newCampaign(t *testing.T) *campaign {
	t.Helper()
	cli, dir, work := temporal.ForTest(t), t.TempDir(), t.TempDir()
	c := &campaign{t: t, dir: dir, work: work, tap: &wiretap{secrets: map[string]string{}}}
	server, err := temporal.StartTemporal(t.Context(), cli, dir, 0, 0)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
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

// green refreshes, which must succeed.
func (c *campaign) green() {
	c.t.Helper()
	c.run("refresh", "--account", planted)
}

// goesWrong refreshes while the provider answers something else, however that ends.
func (c *campaign) goesWrong(f authserver.Fault) {
	c.t.Helper()
	f.Endpoint = authserver.Token
	require.NoError(c.t, c.Provider.Inject(f))
	c.ended(c.launch("refresh", "--account", planted))
}

func (c *campaign) storeIsRefused() {
	c.t.Helper()
	c.Vault.Inject(keyvault.Fault{Kind: keyvault.Denied, Operation: keyvault.OpSet, Times: 2})
	c.Vault.Inject(keyvault.Fault{Kind: keyvault.CommitThenCut, Operation: keyvault.OpSet, Times: 1})
	c.green()
}

// handPut has the worker read values that were put into the vault as they should not be.
func (c *campaign) handPut() {
	c.t.Helper()
	for i, form := range []string{`{"refresh_token":%q}`, "REFRESH_TOKEN=%s", "%s\n%[1]s", "Bearer %s", "https://localhost/?code=%s"} {
		account := fmt.Sprintf("by-hand-%d", i)
		refresh, _ := c.Provider.CreateGrant("FAKE1" + fmt.Sprint(i))
		c.tap.note("refresh token", refresh)
		_, err := c.Vault.Put(account+"-RefreshToken", fmt.Sprintf(form, refresh))
		require.NoError(c.t, err)
		c.run("start", "--account", account)
		require.NotZero(c.t, c.ended(c.launch("refresh", "--account", account)))
	}
}

// terminatedInTheCall has the worker end up with a pair that no run waits for.
func (c *campaign) terminatedInTheCall() {
	c.t.Helper()
	require.NoError(c.t, c.Provider.Inject(authserver.Fault{Endpoint: authserver.Token, Hold: true}))
	c.run("refresh", "--account", planted, "--wait=false")
	c.eventually("the provider holds its answer", func() bool { return c.Provider.Held("FAKE01") > 0 })
	id := workflows.ID(token.Account{Provider: "fitbit", Name: planted})
	require.NoError(c.t, c.temporal.TerminateWorkflow(c.t.Context(), id, "", "canary campaign"))
	c.Provider.Release("FAKE01")
	c.run("recover", "--account", planted)
	c.run("start", "--account", planted)
	c.green()
}

// dies ends the grant; the provider's refusal sends the token back.
func (c *campaign) dies() {
	c.t.Helper()
	require.NoError(c.t, c.Revoke(c.t.Context(), planted))
	require.NotZero(c.t, c.ended(c.launch("refresh", "--account", planted)))
	c.authorize(planted, "FAKE01")
	c.green()
}

const kept = "kept-canary-5t1m"

// kept interrupts a consent that the vault does not take, so that the starter keeps it.
func (c *campaign) kept() {
	c.t.Helper()
	c.Vault.Inject(keyvault.Fault{Kind: keyvault.Denied, Operation: keyvault.OpWrites, Name: kept + "-RefreshToken"})
	p := c.launch("authorize", "--account", kept, "--redirect-url", c.redirect)
	c.decide("FAKE02")
	c.eventually("the consent is kept", func() bool { return strings.Contains(p.Output(), "Ctrl-C loses nothing") })
	c.addFiles(c.t, "state folder", filepath.Join(c.work, "state"))
	c.add("state folder", []byte(fileNames(filepath.Join(c.work, "state"))))
	require.NoError(c.t, p.Signal(os.Interrupt))
	require.NotZero(c.t, c.ended(p))
	c.Vault.ClearFaults()
	c.run("authorize", "--account", kept)
}

func fileNames(root string) (names string) {
	_ = filepath.Walk(root, func(path string, _ os.FileInfo, _ error) error { names += path + "\n"; return nil })
	return names
}

// moved moves the account to another provider.
func (c *campaign) moved() {
	c.t.Helper()
	p := c.launch("migrate", "--account", planted, "--client", filepath.Join(c.work, "app"), "--redirect-url", c.redirect)
	c.decide("FAKE01")
	require.Zero(c.t, c.ended(p), "starter migrate said:\n%s", p.Output())
	c.run("refresh", "--account", planted, "--provider", "google-health", "--secrets-of", "fitbit")
}

// quit has the worker print its stack while a token is in its hands.
func (c *campaign) quit(w *testenv.Worker) {
	c.t.Helper()
	require.NoError(c.t, c.Provider.Inject(authserver.Fault{Endpoint: authserver.Token, Hold: true}))
	refresh, _ := c.Provider.CreateGrant("FAKE09")
	_, err := c.Vault.Put("by-hand-ok-RefreshToken", refresh)
	require.NoError(c.t, err)
	c.tap.note("refresh token", refresh)
	c.run("start", "--account", "by-hand-ok")
	c.run("refresh", "--account", "by-hand-ok", "--wait=false")
	c.eventually("the provider holds its answer", func() bool { return c.Provider.Held("FAKE09") > 0 })
	require.NoError(c.t, w.Signal(syscall.SIGQUIT))
	<-w.Ended()
	stack := regexp.MustCompile(`(?s)SIGQUIT: quit.*`).FindString(w.Output())
	c.add("worker's stack", []byte(stack))
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
