// Package config turns the environment into checked configuration: [Worker] and
// [Starter] for the two programs. Every mistake is found before anything is
// touched, and all of them are named at once, each in a sentence with the
// variable's name, what is wrong with it and the fix ([Error]).
//
// Temporal's part is that of the Temporal CLI, by way of the SDK's envconfig:
// TEMPORAL_* variables and TOML profiles. Ours are KEY_VAULT_URL and
// TOKENKEEPER_*. A variable that is set to nothing counts as not set.
package config

//go:generate go run ./configdoc ../../docs/configuration.md

import (
	"log/slog"
	"time"

	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/vault/keyvault"
)

// Worker is what the worker needs to know.
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

// LogFormat is how log lines look.
type LogFormat string

// The formats that TOKENKEEPER_LOG_FORMAT may name.
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

// Starter is what the operator's command line needs to know.
type Starter struct {
	Temporal  client.Options
	TaskQueue string
	// ProvidersFile is a readable file of further providers; empty for none.
	ProvidersFile string
	// Vault is the zero value unless it was asked for.
	Vault keyvault.Options
	// WebUI is the base URL of Temporal's Web UI, without a slash at its end;
	// empty when it cannot be guessed.
	WebUI string
}

// LoadWorker checks the worker's part of the environment. The error is an [*Error].
func LoadWorker(environ map[string]string) (Worker, error) {
	m := &mistakes{}
	environ = tidy(environ)
	m.unknown(environ)

	var ours workerSettings
	var shared sharedSettings
	var vault vaultSettings
	m.parse(environ, &shared)
	m.parse(environ, &vault)
	m.parse(environ, &ours)
	w := Worker{
		Vault:                   m.vault(vault),
		Temporal:                m.temporal(environ),
		TaskQueue:               shared.TaskQueue,
		Deployment:              m.deployment(ours),
		ProvidersFile:           m.readable("TOKENKEEPER_PROVIDERS", shared.Providers),
		HTTPAddress:             m.listenAddress("TOKENKEEPER_HTTP_ADDRESS", ours.HTTPAddress),
		LogFormat:               LogFormat(m.oneOf("TOKENKEEPER_LOG_FORMAT", ours.LogFormat, string(LogAuto), string(LogJSON), string(LogText))),
		LogLevel:                ours.LogLevel,
		TracesEndpoint:          m.webURL("OTEL_EXPORTER_OTLP_ENDPOINT", ours.TracesEndpoint, "http://localhost:4318"),
		StopTimeout:             ours.StopTimeout,
		MaxConcurrentActivities: ours.MaxConcurrentActivities,
	}
	w.MaxRefreshesPerSecond = m.pace(ours.MaxRefreshesPerSecond, w.Vault.URL)
	m.limits(ours)
	return w, m.err()
}

// LoadStarter checks the starter's part of the environment, without the vault's.
// The error is an [*Error].
func LoadStarter(environ map[string]string) (Starter, error) {
	m := &mistakes{}
	return m.starter(tidy(environ)), m.err()
}

// LoadStarterWithVault checks the vault's part as well, for commands that touch
// secrets. The error is an [*Error].
func LoadStarterWithVault(environ map[string]string) (Starter, error) {
	m := &mistakes{}
	environ = tidy(environ)
	s := m.starter(environ)
	var vault vaultSettings
	m.parse(environ, &vault)
	s.Vault = m.vault(vault)
	return s, m.err()
}

func (m *mistakes) starter(environ map[string]string) Starter {
	m.unknown(environ)
	var ours starterSettings
	var shared sharedSettings
	m.parse(environ, &shared)
	m.parse(environ, &ours)
	s := Starter{
		Temporal:      m.temporal(environ),
		TaskQueue:     shared.TaskQueue,
		ProvidersFile: m.readable("TOKENKEEPER_PROVIDERS", shared.Providers),
		WebUI:         m.webURL("TOKENKEEPER_WEB_UI", ours.WebUI, "http://localhost:8233"),
	}
	if s.WebUI == "" {
		s.WebUI = guessWebUI(s.Temporal.HostPort)
	}
	return s
}
