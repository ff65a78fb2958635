package config

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

// Variable describes one variable of the environment.
type Variable struct {
	Name    string
	Default string // empty for none
	Meaning string // in whole sentences
}

// WorkerVariables are those that only the worker reads.
func WorkerVariables() []Variable { return describe(workerSettings{}) }

// StarterVariables are those that only the starter reads.
func StarterVariables() []Variable { return describe(starterSettings{}) }

// SharedVariables are Token Keeper's own that both programs read.
func SharedVariables() []Variable {
	return append(describe(vaultSettings{}), describe(sharedSettings{})...)
}

// TemporalVariables are the Temporal CLI's that both programs read.
func TemporalVariables() []Variable {
	return []Variable{
		{"TEMPORAL_ADDRESS", "localhost:7233", "Host and port of Temporal's frontend."},
		{"TEMPORAL_NAMESPACE", "default", "Temporal namespace."},
		{"TEMPORAL_API_KEY", "", "API key, for Temporal Cloud. Turns TLS on."},
		{"TEMPORAL_TLS", "", "true or false: TLS, also without a client certificate."},
		{"TEMPORAL_TLS_CLIENT_CERT_PATH", "", "PEM file of the client's certificate; TEMPORAL_TLS_CLIENT_CERT_DATA takes the text itself."},
		{"TEMPORAL_TLS_CLIENT_KEY_PATH", "", "PEM file of the client's key; TEMPORAL_TLS_CLIENT_KEY_DATA takes the text itself."},
		{"TEMPORAL_TLS_SERVER_CA_CERT_PATH", "", "PEM file that the server's certificate is checked against; TEMPORAL_TLS_SERVER_CA_CERT_DATA takes the text itself."},
		{"TEMPORAL_TLS_SERVER_NAME", "", "Name that the server's certificate must have, where it is not the host's."},
		{"TEMPORAL_TLS_DISABLE_HOST_VERIFICATION", "", "true or false: takes any certificate."},
		{"TEMPORAL_CLIENT_AUTHORITY", "", "The :authority that the client sends, where it is not the host's."},
		{"TEMPORAL_GRPC_META_*", "", "Further headers, as in TEMPORAL_GRPC_META_MY_HEADER."},
		{"TEMPORAL_CONFIG_FILE", "", "TOML file of profiles. Without it, the Temporal CLI's own: temporalio/temporal.toml in the user's configuration folder."},
		{"TEMPORAL_PROFILE", "default", "Profile in that file. Variables outrank it."},
	}
}

// WorkerHelp describes the worker's variables for a terminal.
func WorkerHelp() string {
	return help(slices.Concat(WorkerVariables(), SharedVariables(), TemporalVariables(), OpenTelemetryVariables()))
}

// StarterHelp describes the starter's variables for a terminal.
func StarterHelp() string {
	return help(slices.Concat(StarterVariables(), SharedVariables(), TemporalVariables()))
}

func help(variables []Variable) string {
	var b strings.Builder
	for _, v := range variables {
		b.WriteString(v.Name)
		if v.Default != "" {
			fmt.Fprintf(&b, " (%s)", v.Default)
		}
		fmt.Fprintf(&b, "\n    %s\n", v.Meaning)
	}
	return b.String()
}

func describe(settings any) []Variable {
	var list []Variable
	for _, f := range reflect.VisibleFields(reflect.TypeOf(settings)) {
		list = append(list, Variable{f.Tag.Get("env"), f.Tag.Get("envDefault"), f.Tag.Get("meaning")})
	}
	return list
}

// The settings are Token Keeper's own variables: name, type and default, and the
// meaning that the documentation and --help show.

type sharedSettings struct {
	TaskQueue string `env:"TOKENKEEPER_TASK_QUEUE" envDefault:"token-refresh" meaning:"Temporal task queue. One vault has one task queue; a fleet spreads its accounts over several vaults."`
	Webhooks  string `env:"TOKENKEEPER_WEBHOOKS" meaning:"YAML file of the receivers of alerts, each with its URL and signing secret; see alerts.md. Without it alerts are log lines and metrics."`
	Providers string `env:"TOKENKEEPER_PROVIDERS" meaning:"YAML file of further providers, and of other URLs for the built-in ones."`
}

// vaultSettings are for the worker, and for the starter's commands that touch
// secrets.
type vaultSettings struct {
	VaultURL      string `env:"KEY_VAULT_URL" meaning:"The vault, as in https://my-vault.vault.azure.net. The worker requires it, and so do the starter's authorize, import, revoke, migrate, move with --to-vault, keys and doctor."`
	Credential    string `env:"TOKENKEEPER_AZURE_CREDENTIAL" envDefault:"managed" meaning:"How to authenticate to the vault: managed (identity), workload (identity), environment (a service principal's secret or certificate, for a machine that is not in Azure), cli (the user who ran az login, which suits the starter), default (the Azure library's whole chain), emulator (a made-up token)."`
	ClientID      string `env:"AZURE_CLIENT_ID" meaning:"Client id of a user-assigned managed identity, of a workload identity, or of a service principal."`
	TenantID      string `env:"AZURE_TENANT_ID" meaning:"The service principal's tenant, for the credential environment."`
	ClientSecret  string `env:"AZURE_CLIENT_SECRET" meaning:"The service principal's secret. This or a certificate, for the credential environment."`
	Certificate   string `env:"AZURE_CLIENT_CERTIFICATE_PATH" meaning:"PEM or PKCS #12 file of the service principal's certificate and its RSA key, in place of a secret. It is read again when it changes."`
	CertPassword  string `env:"AZURE_CLIENT_CERTIFICATE_PASSWORD" meaning:"Password of that file, where it is PKCS #12."`
	AllowEmulator bool   `env:"TOKENKEEPER_ALLOW_EMULATOR" envDefault:"false" meaning:"Must be true for the credential emulator, so that it is never used by accident."`
	CAFile        string `env:"TOKENKEEPER_KEY_VAULT_CA_FILE" meaning:"PEM file of the certificates that the vault's certificate is checked against, in place of the system's. For emulators and private authorities."`
	APIVersion    string `env:"TOKENKEEPER_KEY_VAULT_API_VERSION" meaning:"Version of Key Vault's API, for emulators that lag behind, as in 7.6 or 2025-07-01."`
}

type workerSettings struct {
	DeploymentName           string        `env:"TEMPORAL_DEPLOYMENT_NAME" meaning:"Name of the worker deployment. Together with the build id it makes the worker a versioned one, which gets no work until its version is made current."`
	BuildID                  string        `env:"TEMPORAL_WORKER_BUILD_ID" meaning:"Build id of this worker within the deployment. By default the revision that it was built from, where that is known."`
	HTTPAddress              string        `env:"TOKENKEEPER_HTTP_ADDRESS" envDefault:":8085" meaning:"Where /healthz, /readyz and /metrics are served, or off. By default on all interfaces, as probes need it; none of the pages holds a secret."`
	Pprof                    string        `env:"TOKENKEEPER_PPROF" meaning:"Where Go's profiles are served, as in localhost:6060: a loopback address only. Without it they are not."`
	LogFormat                string        `env:"TOKENKEEPER_LOG_FORMAT" envDefault:"auto" meaning:"json, text, or auto: text on a terminal and json elsewhere."`
	LogLevel                 slog.Level    `env:"TOKENKEEPER_LOG_LEVEL" envDefault:"info" meaning:"debug, info, warn or error."`
	StopTimeout              time.Duration `env:"TOKENKEEPER_STOP_TIMEOUT" envDefault:"40s" meaning:"How long a stopping worker lets calls in flight finish and be recorded; 30s or more. Give the container 20 s more than this before it is killed."`
	MaxConcurrentActivities  int           `env:"TOKENKEEPER_MAX_CONCURRENT_ACTIVITIES" envDefault:"200" meaning:"How many activities one worker runs at a time."`
	MaxSecretWritesPerSecond float64       `env:"TOKENKEEPER_MAX_SECRET_WRITES_PER_SECOND" envDefault:"26" meaning:"How many secret versions all workers of the task queue create per second. A refresh creates two, or one where the provider does not rotate. Key Vault takes 300 in 10 s; what is left is for refreshes that must not wait, and for consents."`
}

type starterSettings struct {
	WebUI string `env:"TOKENKEEPER_WEB_UI" meaning:"Base URL of Temporal's Web UI, for the links that the starter prints. Guessed for a server on this machine (http://localhost:8233) and for Temporal Cloud."`
}

// trim drops empty variables and the blanks around values, which files and
// manifests leave behind.
func trim(environ map[string]string) map[string]string {
	clean := make(map[string]string, len(environ))
	for name, value := range environ {
		if value = strings.TrimSpace(value); value != "" {
			clean[name] = value
		}
	}
	return clean
}

// parse reads settings of type S and adds every value that is not of its type.
func parse[S any](p *problems, environ map[string]string) S {
	settings, err := env.ParseAsWithOptions[S](env.Options{Environment: environ})
	var all env.AggregateError
	errors.As(err, &all)
	for _, err := range all.Errors {
		var wrong env.ParseError
		if !errors.As(err, &wrong) {
			p.found = append(p.found, err.Error())
			continue
		}
		field, _ := reflect.TypeFor[S]().FieldByName(wrong.Name)
		name := field.Tag.Get("env")
		p.add(name, "is %s; %s", redact(environ[name]), expected(field))
	}
	return settings
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

const prefix = "TOKENKEEPER_"

// serviceLink matches the variables that Kubernetes adds to a pod for a service
// whose name begins with tokenkeeper.
var serviceLink = regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)

// unknown adds the variables that have the prefix and no meaning: most are
// misspelt, and would silently leave a default in force.
func (p *problems) unknown(environ map[string]string) {
	var known []string
	for _, v := range slices.Concat(WorkerVariables(), StarterVariables(), SharedVariables()) {
		known = append(known, v.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(environ)) {
		if strings.HasPrefix(name, prefix) && !slices.Contains(known, name) && !serviceLink.MatchString(name) {
			p.add(name, "is no variable of Token Keeper; did you mean %s? Otherwise remove it", nearest(name, known))
		}
	}
}

// nearest is the known name that takes the fewest changes. The prefix does not
// count, so that TOKENKEEPER_KEY_VAULT_URL is near to KEY_VAULT_URL.
func nearest(name string, known []string) string {
	name = strings.TrimPrefix(name, prefix)
	return slices.MinFunc(known, func(a, b string) int {
		return distance(name, strings.TrimPrefix(a, prefix)) - distance(name, strings.TrimPrefix(b, prefix))
	})
}

// distance counts the characters to insert, delete or replace between a and b
// (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
