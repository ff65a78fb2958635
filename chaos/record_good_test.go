//go:build record

package main_test

import (
	"log/slog"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/workflows"
)

// goodPaths end with a fresh pair in the vault, or with something newer.
var goodPaths = []recording{
	{"refreshed", authserver.Options{}, func(p path) {
		p.work()
		p.ends(p.refresh(), workflows.Refreshed)
	}},
	{"refreshed-without-search-attributes", authserver.Options{}, func(p path) {
		// One of another type cannot be added, so the worker does without.
		const namespace = "without-search-attributes"
		p.temporalCLI("operator", "namespace", "create", "--namespace", namespace)
		p.temporalCLI("operator", "search-attribute", "create", "--namespace", namespace, "--name", "TokenHealth", "--type", "Text")
		c, err := client.Dial(client.Options{HostPort: p.Temporal.Address(), Namespace: namespace, Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler))})
		require.NoError(p.t, err)
		defer c.Close()
		p.work("TEMPORAL_NAMESPACE=" + namespace)
		p.system.temporal = c
		p.ends(p.refresh(), workflows.Refreshed)
	}},
	{"refreshed-by-a-version", authserver.Options{}, func(p path) {
		p.work(version(p.path, "v1")...)
		p.setCurrent(p.path, "v1")
		p.ends(p.refresh(), workflows.Refreshed)
	}},
	{"refreshed-by-the-cron", authserver.Options{}, func(p path) {
		p.work()
		second := p.refresh(everyFewSeconds).next()
		p.ends(second, workflows.Refreshed)
		second.drop()
	}},
	{"rested", authserver.Options{}, func(p path) {
		p.work()
		second := p.start(workflows.Input{Account: p.name, Keep: workflows.KeepAlive}, everyFewSeconds).next()
		p.ends(second, workflows.Rested)
		second.drop()
	}},
	{"refreshed-by-signal", authserver.Options{}, func(p path) {
		p.work()
		waiting := p.refresh(onNewYearsDay)
		cron := client.StartWorkflowOptions{ID: waiting.id, TaskQueue: p.TaskQueue()}
		onNewYearsDay(&cron)
		_, err := p.temporal.SignalWithStartWorkflow(p.t.Context(), cron.ID, workflows.RefreshNow, nil, cron, workflows.Type, workflows.Input{Account: p.name})
		require.NoError(p.t, err)
		p.ends(waiting, workflows.Refreshed)
		waiting.drop()
	}},
	{"refreshed-in-doubt", unforgiving, func(p path) {
		p.work()
		require.NoError(p.t, p.Provider.Inject(authserver.Fault{Endpoint: authserver.Token, Answer: authserver.Status, Status: 503}))
		r := p.refresh()
		r.retries("CallFitbit", 2)
		second := p.refresh(otherID) // has loaded the token since, and may spend it
		second.completed("RecoverGrant")
		r.closes()
		p.record(r)
		second.closes()
	}},
	{"refreshed-inside-the-window", authserver.Options{}, func(p path) {
		p.work()
		first := p.refreshHeld()
		first.terminate()
		r := p.refresh() // presents the token at once
		p.ends(r, workflows.Refreshed)
		p.release()
	}},
	{"refreshed-when-a-wait-was-cut-short", noReplay, func(p path) {
		p.work()
		require.NoError(p.t, p.Provider.Inject(authserver.Fault{Endpoint: authserver.Token, Answer: authserver.Status, Status: 429, RetryAfter: authserver.Duration(time.Hour)}))
		r := p.refresh()
		r.retries("CallFitbit", 2)
		require.NoError(p.t, p.temporal.SignalWorkflow(p.t.Context(), r.id, r.runID, workflows.RefreshNow, nil))
		r.closes()
		p.ends(r, workflows.Refreshed)
	}},
	{"refreshed-after-a-lost-answer", authserver.Options{}, func(p path) {
		p.work()
		require.NoError(p.t, p.Provider.Inject(authserver.Fault{Endpoint: authserver.Token, Commit: true, Answer: authserver.Reset}))
		p.ends(p.refresh(), workflows.Refreshed)
	}},
	{"recovered-from-the-vault", noReplay, func(p path) {
		p.workProven()
		late, inTime := p.overtaken(10*time.Second, func() { p.refresh(otherID).result() })
		require.True(p.t, inTime, "the machine is too busy; record this path anew")
		p.ends(late, workflows.Recovered)
	}},
	{"recovered-from-a-history", unforgiving, func(p path) {
		p.unstored().terminate()
		p.work()
		p.ends(p.refresh(), workflows.Recovered)
	}},
	{"recovered-from-a-history-too-old-to-rest-on", authserver.Options{ReplayWindow: authserver.NoReplay, AccessTokenLifetime: 10 * time.Second}, func(p path) {
		p.unstored().terminate()
		issued := time.Now()
		p.eventually("half of the access token's life is over", func() bool { return time.Since(issued) > 6*time.Second })
		p.work()
		r := p.refresh()
		require.EqualValues(p.t, 2, r.result().Generation)
		p.record(r)
	}},
	{"recovered-from-escrow", unforgiving, func(p path) {
		temporal, _ := p.workBehindLink()
		r := p.refreshHeld()
		temporal.cut()
		p.release()
		p.stored()
		p.work()
		p.ends(r, workflows.Recovered)
		temporal.mend()
	}},
	{"recovered-after-waiting-for-another-run", unforgiving, func(p path) {
		p.work()
		first := p.refreshHeld()
		second := p.refresh(otherID)
		second.completed("RecoverGrant")
		p.release()
		require.Equal(p.t, workflows.Refreshed, first.result().Outcome)
		p.ends(second, workflows.Recovered)
	}},
	{"reset-to-the-call", unforgiving, func(p path) {
		p.work()
		r := p.refreshHeld().resetTo("CallFitbit")
		r.completed("RecoverGrant")
		p.release()
		p.ends(r, workflows.Recovered)
	}},
	{"reset-to-the-store", unforgiving, func(p path) {
		r := p.unstored().resetTo("StoreSecrets")
		p.work()
		p.ends(r, workflows.Refreshed)
	}},
	{"superseded", authserver.Options{}, func(p path) {
		p.work()
		r := p.refreshHeld()
		p.put(p.consentAgain())
		p.refresh(otherID).result() // with the new consent
		p.release()
		p.ends(r, workflows.Superseded)
	}},
	{"refreshed-with-a-consent-that-came-meanwhile", authserver.Options{}, func(p path) {
		p.work()
		r := p.refreshHeld()
		p.put(p.consentAgain())
		p.release()
		p.ends(r, workflows.Refreshed)
	}},
}

// onNewYearsDay makes a cron that does not fire while a row waits for it.
func onNewYearsDay(o *client.StartWorkflowOptions) { o.CronSchedule = "0 0 1 1 *" }

// slowPaths wait for something for so long that there is an alert.
var slowPaths = []recording{
	{"stuck-at-load", authserver.Options{}, func(p path) {
		p.work()
		p.Vault.Inject(keyvault.Fault{Kind: keyvault.ReadOnly})
		p.endsOverdue(p.refresh(), p.Vault.ClearFaults)
	}},
	{"stuck-at-call", authserver.Options{}, func(p path) {
		p.work()
		require.NoError(p.t, p.Provider.Inject(authserver.Fault{Endpoint: authserver.Token, Answer: authserver.Status, Status: 503, Times: authserver.EveryTime}))
		p.endsOverdue(p.refresh(), p.Provider.ClearFaults)
	}},
	{"stuck-at-store", authserver.Options{}, func(p path) {
		p.work()
		p.endsOverdue(p.refreshUnstored(), p.Vault.ClearFaults)
	}},
}
