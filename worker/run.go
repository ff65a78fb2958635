package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"sync"
	"time"

	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"tokenkeeper/activities"
	"tokenkeeper/internal/config"
	"tokenkeeper/internal/incident"
	"tokenkeeper/internal/pace"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/telemetry"
	"tokenkeeper/internal/vault"
	"tokenkeeper/internal/vault/keyvault"
	"tokenkeeper/internal/webhook"
	"tokenkeeper/workflows"
)

// setup is the configuration with the files that it names read, before the first
// network request.
type setup struct {
	config.Worker
	providers provider.Table
	receivers []webhook.Receiver
	secrets   vault.Secrets
	pace      *pace.Limiter
}

// loadSetup reports every problem of the variables and of the files that they name at
// once; then those that Azure's library finds in its own variables.
func loadSetup(environ map[string]string) (setup, error) {
	cfg, err := config.LoadWorker(environ)
	providers, providersErr := provider.Load(cfg.ProvidersFile)
	if providersErr == nil {
		providersErr = vault.CheckTable(providers)
	}
	receivers, receiversErr := webhook.Load(cfg.WebhooksFile)
	if err := errors.Join(err, providersErr, receiversErr); err != nil {
		return setup{}, err
	}
	limiter := pace.New(cfg.MaxSecretWritesPerSecond)
	cfg.Vault.Throttled = limiter.Throttled
	secrets, err := keyvault.New(cfg.Vault)
	return setup{cfg, providers, receivers, secrets, limiter}, err
}

// run works until ctx ends and then stops in order: no new work, calls in flight
// finish and are recorded, no pair stays in this process only. It stops likewise,
// with an error, when the SDK reports a fatal one.
func run(ctx context.Context, s setup) error {
	tel, err := telemetry.New(ctx, telemetry.Options{
		Output:        os.Stderr,
		LogFormat:     string(s.LogFormat),
		LogLevel:      s.LogLevel,
		Traces:        s.Traces,
		ExportMetrics: s.ExportMetrics,
		Labels:        labels(s.providers),
	})
	if err != nil {
		return err
	}
	defer shutdown(ctx, tel)
	log := tel.Log
	s.Temporal.Identity = identity(s.Deployment)
	log.Info("starting", "version", config.Version(), "identity", s.Temporal.Identity)
	health := serveHealth(s.HTTPAddress, tel.Handler(), tel.Ready, log)
	defer health.close()
	defer servePprof(s.PprofAddress, log)()

	keyring := seal.New(vault.NewKeysets(s.secrets))
	if err := openKeyring(ctx, keyring, log); err != nil {
		return err
	}
	words := &activities.LastWords{}
	temporal, err := connect(ctx, words.ClientOptions(tel.ClientOptions(s.Temporal)), log)
	if err != nil {
		return err
	}
	defer temporal.Close()

	options := workerOptions(s.Worker)
	fatal := make(chan error, 1) // of each worker the SDK reports the first one only
	options.OnFatalError = func(err error) {
		select {
		case fatal <- err:
		default: // another one of this process's has stopped already
		}
	}
	worker.SetStickyWorkflowCacheSize(stickyRuns)
	attributes := ensureSearchAttributes(ctx, temporal, s.Temporal.Namespace, log)
	flows := &workflows.Workflows{Attributes: attributes}
	sender := webhook.New(s.receivers, s.TaskQueue)
	incidents := &incident.Reporter{Temporal: temporal, TaskQueue: s.TaskQueue, Receivers: sender.Names()}
	refreshTokens := vault.New(s.secrets)
	refreshTokens.CountProofs(func() { s.pace.StoreNow(1) })
	acts := activities.New(activities.Dependencies{
		Vault:      refreshTokens,
		Keyring:    keyring,
		Providers:  s.providers,
		Client:     provider.NewClient(nil),
		Temporal:   temporal,
		Words:      words,
		Metrics:    tel,
		Incidents:  incidents,
		Webhooks:   sender,
		Log:        log,
		Pace:       s.pace,
		Attributes: attributes,
		Slots:      s.MaxConcurrentActivities,
	})
	var w worker.Worker
	if err := startPolling(ctx, log, func() error {
		w = worker.New(temporal, s.TaskQueue, options)
		w.RegisterWorkflowWithOptions(flows.RefreshTokens, workflow.RegisterOptions{Name: workflows.Type})
		// An incident lasts longer than a version.
		w.RegisterWorkflowWithOptions(flows.TokenIncident, workflow.RegisterOptions{Name: incident.Type, VersioningBehavior: workflow.VersioningBehaviorAutoUpgrade})
		acts.Register(w)
		return explain(w.Start(), s.Temporal.HostPort, s.Temporal.Namespace)
	}); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	paced := &pacedQueues{temporal: temporal, namespace: s.Temporal.Namespace, taskQueue: s.TaskQueue, options: options,
		acts: acts, providers: s.providers, version: s.Deployment, perSecond: s.MaxSecretWritesPerSecond, limiter: s.pace, log: log}
	if err := paced.start(ctx); err != nil {
		w.Stop()
		acts.Drain()
		return err
	}
	logProviders(log, s.ProvidersFile, s.providers)
	logReceivers(log, sender.Names())
	log.Info("working", "taskQueue", s.TaskQueue, "vault", s.Vault.URL, "temporal", s.Temporal.HostPort, "namespace", s.Temporal.Namespace)
	stopMonitors := startMonitors(ctx, watched{s, temporal, attributes, incidents, keyring, tel, health})
	health.setAccepting("")

	select {
	case <-ctx.Done():
	case err = <-fatal:
		err = explain(err, s.Temporal.HostPort, s.Temporal.Namespace)
	}
	stopMonitors()
	health.setAccepting(stopping)
	log.Info("stopping; calls in flight finish first", "within", s.StopTimeout.String())
	var loads sync.WaitGroup
	loads.Go(paced.stop) // they spend nothing, and end beside the calls
	w.Stop()
	loads.Wait()
	acts.Drain()
	log.Info("stopped")
	return err
}

// labels are the values that the metrics' labels can have on this worker.
func labels(table provider.Table) telemetry.Labels {
	l := telemetry.Labels{Outcomes: workflows.Outcomes(), Answers: provider.Answers(), Reasons: workflows.AlertReasons(), Held: activities.HeldBack()}
	for _, p := range table.Providers() {
		l.Providers = append(l.Providers, p.Name)
	}
	return l
}

// logProviders says which providers this worker has from its file. A worker of the
// same queue that lacks one cannot refresh its accounts, and two files of one queue
// are seen by comparing these lines.
func logProviders(log *slog.Logger, file string, table provider.Table) {
	if file == "" {
		return
	}
	added, changed := []string{}, []string{}
	for _, p := range table.Providers() {
		switch builtin, err := provider.Builtin().Lookup(p.Name); {
		case err != nil:
			added = append(added, p.Name)
		case !reflect.DeepEqual(p, builtin):
			changed = append(changed, p.Name)
		}
	}
	log.Info("providers of the file; every worker of the queue needs the same", "file", file, "added", added, "changed", changed)
}

// logReceivers says who gets alerts, by name: a URL may be a secret.
func logReceivers(log *slog.Logger, names []string) {
	if len(names) == 0 {
		log.Info("alerts are log lines and metrics only; TOKENKEEPER_WEBHOOKS names a file of receivers")
		return
	}
	log.Info("alerts are sent", "receivers", names)
}

// shutdown sends the last telemetry within a bound, so that a collector that is
// down does not delay the exit.
func shutdown(ctx context.Context, tel *telemetry.Telemetry) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	tel.Shutdown(ctx)
}

// heartbeatThrottle is the least time between two heartbeats of an activity that
// reach Temporal. The SDK's own is 0.8 of the heartbeat timeout: one lost heartbeat
// would count as a dead worker. Activities record one each second; a throttle below
// that sends each as it is recorded, where a longer one holds it back and sends it
// after the activity has completed, which Temporal refuses. The SDK allows each the
// throttle, and at least a second, before it cancels the activity's context.
const heartbeatThrottle = 800 * time.Millisecond

// stickyRuns bounds the runs that this worker keeps in memory between two tasks; one that
// falls out is replayed from its history. The SDK's own bound of 10,000 is more than
// the memory limit of a small container holds, when a provider is away and every run waits.
const stickyRuns = 1000

func workerOptions(cfg config.Worker) worker.Options {
	options := worker.Options{
		MaxHeartbeatThrottleInterval:       heartbeatThrottle,
		DefaultHeartbeatThrottleInterval:   heartbeatThrottle,
		MaxConcurrentActivityExecutionSize: cfg.MaxConcurrentActivities,
		WorkerStopTimeout:                  cfg.StopTimeout,
	}
	if cfg.Deployment.Name != "" {
		options.DeploymentOptions = worker.DeploymentOptions{
			UseVersioning:             true,
			Version:                   worker.WorkerDeploymentVersion{DeploymentName: cfg.Deployment.Name, BuildID: cfg.Deployment.BuildID},
			DefaultVersioningBehavior: workflow.VersioningBehaviorPinned,
		}
	}
	return options
}

// openKeyring creates the keyset where there is none and waits for a vault that is
// away. It fails where only an operator's repair helps.
func openKeyring(ctx context.Context, keyring *seal.Keyring, log *slog.Logger) error {
	return retry(ctx, log, "cannot open the keyset yet", func() (final bool, err error) {
		created, err := keyring.Create(ctx)
		if created {
			log.Info("created the keyset for sealing", "secret", seal.SecretName)
			log.Info("audit", "audit", "keyset-created", "subject", seal.SecretName) // as starter's audit has its changes
		}
		return !vault.Retryable(err) || errors.Is(err, seal.ErrCorrupt), err
	})
}
