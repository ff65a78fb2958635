package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"tokenkeeper/activities"
	"tokenkeeper/internal/config"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/telemetry"
	"tokenkeeper/internal/vault"
	"tokenkeeper/internal/vault/keyvault"
	"tokenkeeper/workflows"
)

// activitiesPerRefresh is how many activities a refresh takes: load, call, store.
const activitiesPerRefresh = 3

// run works until ctx ends and then stops in order: no new work, calls in flight
// finish and are recorded, no pair is left in nobody's hands.
func run(ctx context.Context, cfg config.Worker) error {
	tel, err := telemetry.New(ctx, telemetry.Options{
		Output:         os.Stderr,
		LogFormat:      string(cfg.LogFormat),
		LogLevel:       cfg.LogLevel,
		TracesEndpoint: cfg.TracesEndpoint,
	})
	if err != nil {
		return err
	}
	defer shutdown(ctx, tel)
	log := tel.Log

	providers, err := providersFrom(cfg.ProvidersFile)
	if err != nil {
		return err
	}
	secrets, err := secretsFrom(cfg.Vault)
	if err != nil {
		return err
	}
	health := serve(cfg.HTTPAddress, tel.Handler(), log)
	defer health.close()

	keyring := seal.New(vault.NewKeysets(secrets))
	if err := openKeyring(ctx, keyring, log); err != nil {
		return err
	}
	temporal, err := dial(ctx, tel.ClientOptions(cfg.Temporal), log)
	if err != nil {
		return err
	}
	defer temporal.Close()

	w := worker.New(temporal, cfg.TaskQueue, optionsFrom(cfg))
	flows := &workflows.Workflows{Searchable: searchable(ctx, temporal, cfg.Temporal.Namespace, log)}
	w.RegisterWorkflowWithOptions(flows.RefreshTokens, workflow.RegisterOptions{Name: workflows.Type})
	acts := activities.New(activities.Dependencies{
		Vault:     vault.New(secrets),
		Keyring:   keyring,
		Providers: providers,
		Client:    provider.NewClient(nil),
		Temporal:  temporal,
		Metrics:   tel,
		Log:       log,
	})
	acts.Register(w)
	if err := w.Start(); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	log.Info("working", "taskQueue", cfg.TaskQueue, "vault", cfg.Vault.URL, "temporal", cfg.Temporal.HostPort, "namespace", cfg.Temporal.Namespace)
	announce(ctx, temporal, cfg, log)
	health.ready(true)

	<-ctx.Done()
	health.ready(false)
	log.Info("stopping; calls in flight finish first", "within", cfg.StopTimeout.String())
	w.Stop()
	acts.Drain()
	log.Info("stopped")
	return nil
}

// shutdown sends the last telemetry, but does not hold up the end for it.
func shutdown(ctx context.Context, tel *telemetry.Telemetry) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	tel.Shutdown(ctx)
}

func optionsFrom(cfg config.Worker) worker.Options {
	options := worker.Options{
		MaxConcurrentActivityExecutionSize: cfg.MaxConcurrentActivities,
		TaskQueueActivitiesPerSecond:       cfg.MaxRefreshesPerSecond * activitiesPerRefresh,
		WorkerStopTimeout:                  cfg.StopTimeout,
	}
	if cfg.Deployment.Name != "" {
		options.DeploymentOptions = worker.DeploymentOptions{
			UseVersioning: true,
			Version: worker.WorkerDeploymentVersion{
				DeploymentName: cfg.Deployment.Name,
				BuildID:        cfg.Deployment.BuildID,
			},
			DefaultVersioningBehavior: workflow.VersioningBehaviorPinned,
		}
	}
	return options
}

// providersFrom is the built-in table, with what the file adds to it.
func providersFrom(file string) (provider.Table, error) {
	if file == "" {
		return provider.Builtin(), nil
	}
	yaml, err := os.ReadFile(file)
	if err != nil {
		return provider.Table{}, fmt.Errorf("TOKENKEEPER_PROVIDERS: %w", err)
	}
	return provider.Builtin().Override(yaml, file)
}

func secretsFrom(cfg config.Vault) (vault.Secrets, error) {
	credential, err := keyvault.NewCredential(string(cfg.Credential), cfg.ClientID)
	if err != nil {
		return nil, err
	}
	return keyvault.New(cfg.URL, credential, keyvault.Options{
		RootCAs:                              cfg.RootCAs,
		APIVersion:                           cfg.APIVersion,
		DisableChallengeResourceVerification: cfg.Credential == config.CredentialEmulator,
	})
}

// openKeyring makes the keyset where there is none and waits for a vault that is
// away. It gives up only where a person has to mend something first.
func openKeyring(ctx context.Context, keyring *seal.Keyring, log *slog.Logger) error {
	return persist(ctx, log, "cannot open the keyset yet", func() (final bool, err error) {
		created, err := keyring.Create(ctx)
		if created {
			log.Info("created the keyset for sealing", "secret", seal.SecretName)
		}
		return err != nil && !vault.Retryable(err), err
	})
}

// dial connects to Temporal and waits for a server that is away.
func dial(ctx context.Context, options client.Options, log *slog.Logger) (c client.Client, err error) {
	err = persist(ctx, log, "cannot reach Temporal at "+options.HostPort+"; see that it runs and that TEMPORAL_ADDRESS names it", func() (bool, error) {
		c, err = client.DialContext(ctx, options)
		return false, err
	})
	return c, err
}
