package config

import (
	"errors"
	"log/slog"
	"reflect"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

// The settings are our variables as the environment has them: name, type and
// default, and the meaning that the documentation and --help show.

type sharedSettings struct {
	TaskQueue string `env:"TOKENKEEPER_TASK_QUEUE" envDefault:"token-refresh" meaning:"Temporal task queue. One vault has one task queue; a fleet spreads its accounts over several vaults."`
	Providers string `env:"TOKENKEEPER_PROVIDERS" meaning:"YAML file of further providers, and of other URLs for the built-in ones."`
}

// vaultSettings are demanded of the worker, and of the starter where a command
// of its touches secrets.
type vaultSettings struct {
	VaultURL      string `env:"KEY_VAULT_URL" meaning:"The vault, as in https://my-vault.vault.azure.net. The worker requires it, and so do the starter's authorize, import, revoke and migrate."`
	Credential    string `env:"TOKENKEEPER_AZURE_CREDENTIAL" envDefault:"managed" meaning:"How to be let into the vault: managed (identity), workload (identity), cli (whoever ran az login, which suits the starter), default (the Azure library's whole chain), emulator (a made-up token)."`
	ClientID      string `env:"AZURE_CLIENT_ID" meaning:"Client id of a user-assigned managed identity or of a workload identity."`
	AllowEmulator bool   `env:"TOKENKEEPER_ALLOW_EMULATOR" envDefault:"false" meaning:"Must be true for the credential emulator, so that nobody gets it by accident."`
	CAFile        string `env:"TOKENKEEPER_KEY_VAULT_CA_FILE" meaning:"PEM file of the certificates that the vault's certificate is checked against, in place of the system's. For emulators and private authorities."`
	APIVersion    string `env:"TOKENKEEPER_KEY_VAULT_API_VERSION" meaning:"Version of Key Vault's API, for emulators that lag behind, as in 7.6 or 2025-07-01."`
}

type workerSettings struct {
	DeploymentName          string        `env:"TEMPORAL_DEPLOYMENT_NAME" meaning:"Name of the worker deployment. Together with the build id it makes the worker a versioned one, which gets no work until its version is made current."`
	BuildID                 string        `env:"TEMPORAL_WORKER_BUILD_ID" meaning:"Build id of this worker within the deployment. By default the revision that it was built from, where that is known."`
	HTTPAddress             string        `env:"TOKENKEEPER_HTTP_ADDRESS" envDefault:":8085" meaning:"Where /healthz, /readyz and /metrics are served, or off. By default on all interfaces, as probes need it; none of the pages holds a secret."`
	LogFormat               string        `env:"TOKENKEEPER_LOG_FORMAT" envDefault:"auto" meaning:"json, text, or auto: text on a terminal and json elsewhere."`
	LogLevel                slog.Level    `env:"TOKENKEEPER_LOG_LEVEL" envDefault:"info" meaning:"debug, info, warn or error."`
	TracesEndpoint          string        `env:"OTEL_EXPORTER_OTLP_ENDPOINT" meaning:"Base URL of an OTLP/HTTP collector. Without it there are no traces. The exporter's other OTEL_EXPORTER_OTLP_ variables count as well."`
	StopTimeout             time.Duration `env:"TOKENKEEPER_STOP_TIMEOUT" envDefault:"40s" meaning:"How long a stopping worker lets calls in flight finish and be recorded; 30s or more. Give the container 20 s more than this before it is killed."`
	MaxConcurrentActivities int           `env:"TOKENKEEPER_MAX_CONCURRENT_ACTIVITIES" envDefault:"200" meaning:"How many activities one worker runs at a time."`
	MaxRefreshesPerSecond   float64       `env:"TOKENKEEPER_MAX_REFRESHES_PER_SECOND" envDefault:"14" meaning:"Pace of the whole task queue. A refresh writes two secrets, and Key Vault takes 300 new ones per 10 s: 15 is the ceiling."`
}

type starterSettings struct {
	WebUI string `env:"TOKENKEEPER_WEB_UI" meaning:"Base URL of Temporal's Web UI, for the links that the starter prints. Guessed for a server on this machine (http://localhost:8233) and for Temporal Cloud."`
}

// tidy drops what is set to nothing and the blanks around values, which files
// and manifests leave behind.
func tidy(environ map[string]string) map[string]string {
	clean := make(map[string]string, len(environ))
	for name, value := range environ {
		if value = strings.TrimSpace(value); value != "" {
			clean[name] = value
		}
	}
	return clean
}

// parse fills the settings and names every value that is not of its type.
func (m *mistakes) parse(environ map[string]string, settings any) {
	err := env.ParseWithOptions(settings, env.Options{Environment: environ})
	var all env.AggregateError
	if err == nil || !errors.As(err, &all) {
		return
	}
	fields := reflect.TypeOf(settings).Elem()
	for _, err := range all.Errors {
		var wrong env.ParseError
		if !errors.As(err, &wrong) {
			m.found = append(m.found, err.Error())
			continue
		}
		field, _ := fields.FieldByName(wrong.Name)
		name := field.Tag.Get("env")
		m.add(name, "is %s; %s", shown(environ[name]), expected(field))
	}
}

// expected says what a value must look like.
func expected(field reflect.StructField) string {
	example := field.Tag.Get("envDefault")
	switch reflect.Zero(field.Type).Interface().(type) {
	case bool:
		return "set it to true or false"
	case time.Duration:
		return "write a number with its unit, such as " + example
	case slog.Level:
		return "set it to debug, info, warn or error"
	default:
		return "write a number, such as " + example
	}
}
