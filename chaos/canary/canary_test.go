// Package canary sends secrets that can be recognised through every path of the product,
// also those that fail, and searches for them in all that the programs leave behind: what
// they print, their command lines and environments, metrics, traces, histories, visibility
// and the files of Temporal's database.
package canary_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

const (
	tokenCanary  = "canary-token-7h3x-" // begins every token and code of the provider
	clientCanary = "canary-client-secret-9k2v"
	planted      = "planted-canary-4q8z" // an account's name, which may be anywhere
	patience     = 3 * time.Minute
)

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
	for _, folder := range c.files {
		c.addFiles(t, "files of Temporal's database", folder)
	}

	c.tap.note("what begins every token", tokenCanary)
	c.tap.note("client secret", clientCanary)
	c.requireNone(t, c.tap.secrets)
	for place, marker := range markers {
		c.requirePlanted(t, place, marker)
	}
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
	// A worker waits for an answer no longer than twelve seconds, and asks again.
	require.NoError(c.t, c.Provider.Inject(authserver.Fault{Endpoint: authserver.Token, User: "FAKE01", Hold: true, Times: authserver.EveryTime}))
	c.run("refresh", "--account", planted, "--wait=false")
	c.eventually("the provider holds its answer", func() bool { return c.Provider.Held("FAKE01") > 0 })
	id := workflows.ID(token.Account{Provider: "fitbit", Name: planted})
	require.NoError(c.t, c.temporal.TerminateWorkflow(c.t.Context(), id, "", "canary campaign"))
	c.Provider.ClearFaults()
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
	require.NoError(c.t, c.Provider.Inject(authserver.Fault{Endpoint: authserver.Token, User: "FAKE09", Hold: true, Times: authserver.EveryTime}))
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
