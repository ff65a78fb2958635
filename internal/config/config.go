// Package config turns the environment into checked configuration: [Worker] and
// [Starter] for the two programs. Every problem is found before anything is
// touched, and all are reported at once, each in a sentence with the variable's
// name, what is wrong with it and the fix ([Error]).
//
// Temporal's part is that of the Temporal CLI, by way of the SDK's envconfig:
// TEMPORAL_* variables and TOML profiles. Token Keeper's own are KEY_VAULT_URL and
// TOKENKEEPER_*. An empty variable counts as not set.
package config

//go:generate go run ./configdoc ../../docs/configuration.md

import (
	"log/slog"
	"time"

	"github.com/caarlos0/env/v11"
	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/vault/keyvault"
)

// Worker is the worker's configuration.
type Worker struct {
	Vault keyvault.Options
	// Temporal has address, namespace, credentials and TLS; logger, metrics and
	// interceptors are the caller's.
	Temporal  client.Options
	TaskQueue string
	// Deployment is empty for a worker without worker versioning.
	Deployment Deployment
	// ProvidersFile is a readable file of further providers; empty for none.
	ProvidersFile string
	// WebhooksFile is a readable file of the receivers of alerts; empty for none.
	WebhooksFile string
	// HTTPAddress is where health and metrics are served; empty for nowhere.
	HTTPAddress string
	LogFormat   LogFormat
	LogLevel    slog.Level
	// TracesEndpoint is an OTLP/HTTP collector's base URL; empty for no traces.
	TracesEndpoint string
	// StopTimeout is how long a stopping worker lets its activities finish.
	StopTimeout             time.Duration
	MaxConcurrentActivities int
	// MaxRefreshesPerSecond is for the whole task queue, not for this worker.
	MaxRefreshesPerSecond float64
}

// LogFormat is the format of log lines.
type LogFormat string

// The values of TOKENKEEPER_LOG_FORMAT.
const (
	// LogAuto is text on a terminal and JSON elsewhere.
	LogAuto LogFormat = "auto"
	LogJSON LogFormat = "json"
	LogText LogFormat = "text"
)

// Deployment is a worker's place in Temporal's worker versioning.
type Deployment struct {
	Name    string
	BuildID string
}

// Starter is the configuration of the operator's command line.
type Starter struct {
	Temporal      client.Options
	TaskQueue     string
	ProvidersFile string // as in Worker
	WebhooksFile  string // as in Worker
	// Vault is zero unless loaded by LoadStarterWithVault.
	Vault keyvault.Options
	// WebUI is the base URL of Temporal's Web UI, without a slash at its end;
	// empty when it is not known.
	WebUI string
}

// Environ turns a list as of os.Environ into the argument of the loaders.
func Environ(list []string) map[string]string { return env.ToMap(list) }

// LoadWorker checks the worker's part of the environment. The error is an [*Error].
func LoadWorker(environ map[string]string) (Worker, error) {
	p := &problems{}
	environ = trim(environ)
	p.unknown(environ)
	p.printing(environ)

	shared := parse[sharedSettings](p, environ)
	vault := parse[vaultSettings](p, environ)
	own := parse[workerSettings](p, environ)
	w := Worker{
		Vault:                   p.vault(vault),
		Temporal:                p.temporal(environ),
		TaskQueue:               shared.TaskQueue,
		Deployment:              p.deployment(own),
		ProvidersFile:           p.readable("TOKENKEEPER_PROVIDERS", shared.Providers),
		WebhooksFile:            p.readable("TOKENKEEPER_WEBHOOKS", shared.Webhooks),
		HTTPAddress:             p.listenAddress("TOKENKEEPER_HTTP_ADDRESS", own.HTTPAddress),
		LogFormat:               LogFormat(p.oneOf("TOKENKEEPER_LOG_FORMAT", own.LogFormat, string(LogAuto), string(LogJSON), string(LogText))),
		LogLevel:                own.LogLevel,
		TracesEndpoint:          p.webURL("OTEL_EXPORTER_OTLP_ENDPOINT", own.TracesEndpoint, "http://localhost:4318"),
		StopTimeout:             own.StopTimeout,
		MaxConcurrentActivities: own.MaxConcurrentActivities,
	}
	w.MaxRefreshesPerSecond = p.rateLimit(own.MaxRefreshesPerSecond, w.Vault.URL)
	p.limits(own)
	return w, p.err()
}

// LoadStarter checks the starter's part of the environment, without the vault's.
// The error is an [*Error].
func LoadStarter(environ map[string]string) (Starter, error) { return loadStarter(environ, false) }

// LoadStarterWithVault checks the vault's part as well, for commands that touch
// secrets. The error is an [*Error].
func LoadStarterWithVault(environ map[string]string) (Starter, error) {
	return loadStarter(environ, true)
}

func loadStarter(environ map[string]string, withVault bool) (Starter, error) {
	p := &problems{}
	environ = trim(environ)
	p.unknown(environ)
	p.printing(environ)

	shared := parse[sharedSettings](p, environ)
	own := parse[starterSettings](p, environ)
	s := Starter{
		Temporal:      p.temporal(environ),
		TaskQueue:     shared.TaskQueue,
		ProvidersFile: p.readable("TOKENKEEPER_PROVIDERS", shared.Providers),
		WebhooksFile:  p.readable("TOKENKEEPER_WEBHOOKS", shared.Webhooks),
		WebUI:         p.webURL("TOKENKEEPER_WEB_UI", own.WebUI, "http://localhost:8233"),
	}
	if s.WebUI == "" {
		s.WebUI = guessWebUI(s.Temporal.HostPort)
	}
	if withVault {
		s.Vault = p.vault(parse[vaultSettings](p, environ))
	}
	return s, p.err()
}
