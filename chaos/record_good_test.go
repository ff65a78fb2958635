//go:build record

package main_test

import (
	"log/slog"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/workflows"
)

var noReplay = authserver.Options{ReplayWindow: authserver.NoReplay}

// goodPaths end with a fresh pair in the vault, or with something newer.
var goodPaths = []recording{
	{"refreshed", authserver.Options{}, func(p path) {
		p.work()
		r := p.refresh()
		require.Equal(p.t, workflows.Refreshed, r.result().Outcome)
		p.record(r)
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
		r := p.refresh()
		require.Equal(p.t, workflows.Refreshed, r.result().Outcome)
		p.record(r)
	}},
	{"refreshed-by-a-version", authserver.Options{}, func(p path) {
		p.work(version(p.path, "v1")...)
		p.setCurrent(p.path, "v1")
		r := p.refresh()
		require.Equal(p.t, workflows.Refreshed, r.result().Outcome)
		p.record(r)
	}},
	{"refreshed-by-the-cron", authserver.Options{}, func(p path) {
		p.work()
		second := p.refresh(everyFewSeconds).next()
		require.Equal(p.t, workflows.Refreshed, second.result().Outcome)
		p.record(second)
		second.drop()
	}},
	{"refreshed-by-signal", authserver.Options{}, func(p path) {
		p.work()
		waiting := p.refresh(onNewYearsDay)
		cron := client.StartWorkflowOptions{ID: waiting.id, TaskQueue: p.TaskQueue()}
		onNewYearsDay(&cron)
		_, err := p.temporal.SignalWithStartWorkflow(p.t.Context(), cron.ID, workflows.RefreshNow, nil, cron, workflows.Type, workflows.Input{Account: p.name})
		require.NoError(p.t, err)
		require.Equal(p.t, workflows.Refreshed, waiting.result().Outcome)
		p.record(waiting)
		waiting.drop()
	}},
	{"refreshed-after-a-lost-answer", authserver.Options{}, func(p path) {
		p.work()
		require.NoError(p.t, p.Provider.Inject(authserver.Fault{Endpoint: authserver.Token, Commit: true, Answer: authserver.Reset}))
		r := p.refresh()
		require.Equal(p.t, workflows.Refreshed, r.result().Outcome)
		p.record(r)
	}},
	{"recovered-from-the-vault", noReplay, func(p path) {
		p.work()
		name := testenv.SecretName(p.name, "RefreshToken")
		p.Vault.Inject(keyvault.Fault{Kind: keyvault.Delay, Operation: keyvault.OpUpdate, Name: name, Times: 1, DelayBefore: 10 * time.Second})
		late := p.refresh()
		p.eventually("the first run has read the refresh token", func() bool {
			return p.Vault.Counts().ByName[strings.ToLower(name)][keyvault.OpUpdate] == 1
		})
		p.refresh(otherID).result()
		require.Equal(p.t, workflows.Recovered, late.result().Outcome)
		p.record(late)
	}},
	{"recovered-from-a-history", unforgiving, func(p path) {
		p.unstored().terminate()
		p.work()
		r := p.refresh()
		require.Equal(p.t, workflows.Recovered, r.result().Outcome)
		p.record(r)
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
		temporal := p.linkTo(p.Temporal.Address())
		p.work("TEMPORAL_ADDRESS=" + temporal.address())
		r := p.refreshHeld()
		temporal.cut()
		p.release()
		p.eventually("the pair is in the vault", func() bool { return len(p.accessVersions()) == 1 })
		p.work()
		require.Equal(p.t, workflows.Recovered, r.result().Outcome)
		p.record(r)
		temporal.mend()
	}},
	{"recovered-after-waiting-for-another-run", unforgiving, func(p path) {
		p.work()
		first := p.refreshHeld()
		second := p.refresh(otherID)
		second.completed("RecoverGrant")
		p.release()
		require.Equal(p.t, workflows.Refreshed, first.result().Outcome)
		require.Equal(p.t, workflows.Recovered, second.result().Outcome)
		p.record(second)
	}},
	{"reset-to-the-call", unforgiving, func(p path) {
		p.work()
		r := p.refreshHeld().resetTo("CallFitbit")
		r.completed("RecoverGrant")
		p.release()
		require.Equal(p.t, workflows.Recovered, r.result().Outcome)
		p.record(r)
	}},
	{"reset-to-the-store", unforgiving, func(p path) {
		r := p.unstored().resetTo("StoreSecrets")
		p.work()
		require.Equal(p.t, workflows.Refreshed, r.result().Outcome)
		p.record(r)
	}},
	{"superseded", authserver.Options{}, func(p path) {
		p.work()
		r := p.refreshHeld()
		_, err := p.Vault.Put(testenv.SecretName(p.name, "RefreshToken"), p.consentAgain())
		require.NoError(p.t, err)
		p.release()
		require.Equal(p.t, workflows.Superseded, r.result().Outcome)
		p.record(r)
	}},
}

// onNewYearsDay makes a cron that does not fire while anybody waits for it.
func onNewYearsDay(o *client.StartWorkflowOptions) { o.CronSchedule = "0 0 1 1 *" }

// slowPaths wait for something for so long that a person is told.
var slowPaths = []recording{
	{"stuck-at-load", authserver.Options{}, func(p path) {
		p.work()
		p.Vault.Inject(keyvault.Fault{Kind: keyvault.ReadOnly})
		r := p.refresh()
		r.overdue()
		p.Vault.ClearFaults()
		r.ends()
		require.Equal(p.t, workflows.Refreshed, r.result().Outcome)
		p.record(r)
	}},
	{"stuck-at-call", authserver.Options{}, func(p path) {
		p.work()
		require.NoError(p.t, p.Provider.Inject(authserver.Fault{Endpoint: authserver.Token, Answer: authserver.Status, Status: 503, Times: authserver.EveryTime}))
		r := p.refresh()
		r.overdue()
		p.Provider.ClearFaults()
		r.ends()
		require.Equal(p.t, workflows.Refreshed, r.result().Outcome)
		p.record(r)
	}},
	{"stuck-at-store", authserver.Options{}, func(p path) {
		p.work()
		r := p.refreshHeld()
		p.Vault.Inject(keyvault.Fault{Kind: keyvault.Denied, Operation: keyvault.OpSet})
		p.release()
		r.overdue()
		p.Vault.ClearFaults()
		r.ends()
		require.Equal(p.t, workflows.Refreshed, r.result().Outcome)
		p.record(r)
	}},
	{"fails-at-the-ladder", noReplay, func(p path) {
		p.work()
		p.Provider.CreateGrant(p.user) // the person consented elsewhere
		r := p.refreshHeld()
		p.Vault.Inject(keyvault.Fault{Kind: keyvault.Unavailable})
		p.release()
		r.ends()
		require.Equal(p.t, "VaultNotReady", r.failure().Type())
		p.record(r)
	}},
}
