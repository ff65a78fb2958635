package config_test

import (
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/config"
	"tokenkeeper/internal/vault/keyvault"
)

const vaultURL = "https://my-vault.vault.azure.net"

// apart hides the user's own Temporal profiles from the test.
func apart(t *testing.T) {
	t.Helper()
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
}

// with is the least that the worker needs, and more.
func with(more map[string]string) map[string]string {
	environ := map[string]string{"KEY_VAULT_URL": vaultURL}
	maps.Copy(environ, more)
	return environ
}

func problems(t *testing.T, err error) []string {
	t.Helper()
	var wrong *config.Error
	require.ErrorAs(t, err, &wrong)
	return wrong.Problems
}

func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func TestTheWorkerNeedsNothingButTheVaultsURL(t *testing.T) {
	apart(t)
	w, err := config.LoadWorker(with(nil))
	require.NoError(t, err)
	require.Equal(t, keyvault.Options{URL: vaultURL, Credential: keyvault.CredentialManaged}, w.Vault)
	require.Equal(t, "localhost:7233", w.Temporal.HostPort)
	require.Equal(t, "default", w.Temporal.Namespace)
	require.Equal(t, "token-refresh", w.TaskQueue)
	require.Zero(t, w.Deployment)
	require.Empty(t, w.ProvidersFile)
	require.Equal(t, ":8085", w.HTTPAddress)
	require.Equal(t, config.LogAuto, w.LogFormat)
	require.Equal(t, slog.LevelInfo, w.LogLevel)
	require.False(t, w.Traces)
	require.False(t, w.ExportMetrics)
	require.Equal(t, 40*time.Second, w.StopTimeout)
	require.Equal(t, 200, w.MaxConcurrentActivities)
	require.InDelta(t, 26, w.MaxSecretWritesPerSecond, 0)
}

func TestEverySettingOfTheWorkerArrives(t *testing.T) {
	apart(t)
	providers := write(t, "providers: {}\n")
	w, err := config.LoadWorker(map[string]string{
		"KEY_VAULT_URL":                            "https://localhost:8443/",
		"TOKENKEEPER_AZURE_CREDENTIAL":             "emulator",
		"TOKENKEEPER_ALLOW_EMULATOR":               "true",
		"TOKENKEEPER_KEY_VAULT_CA_FILE":            "testdata/ca.pem",
		"TOKENKEEPER_KEY_VAULT_API_VERSION":        "2025-07-01",
		"AZURE_CLIENT_ID":                          "fake-client-id",
		"TOKENKEEPER_PROVIDERS":                    providers,
		"TOKENKEEPER_TASK_QUEUE":                   " vault-2\n",
		"TOKENKEEPER_HTTP_ADDRESS":                 "off",
		"TOKENKEEPER_LOG_FORMAT":                   "json",
		"TOKENKEEPER_LOG_LEVEL":                    "debug",
		"TOKENKEEPER_STOP_TIMEOUT":                 "1m",
		"TOKENKEEPER_MAX_CONCURRENT_ACTIVITIES":    "8",
		"TOKENKEEPER_MAX_SECRET_WRITES_PER_SECOND": "0.5",
		"OTEL_EXPORTER_OTLP_ENDPOINT":              "http://localhost:4318/",
		"TEMPORAL_DEPLOYMENT_NAME":                 "token-keeper",
		"TEMPORAL_WORKER_BUILD_ID":                 "b1",
		"TEMPORAL_ADDRESS":                         "temporal.example:7233",
		"TEMPORAL_NAMESPACE":                       "health",
	})
	require.NoError(t, err)
	require.Equal(t, "https://localhost:8443", w.Vault.URL)
	require.Equal(t, keyvault.CredentialEmulator, w.Vault.Credential)
	require.Equal(t, "fake-client-id", w.Vault.ClientID)
	require.NotNil(t, w.Vault.RootCAs)
	require.Equal(t, "2025-07-01", w.Vault.APIVersion)
	require.Equal(t, providers, w.ProvidersFile)
	require.Equal(t, "vault-2", w.TaskQueue)
	require.Empty(t, w.HTTPAddress)
	require.Equal(t, config.LogJSON, w.LogFormat)
	require.Equal(t, slog.LevelDebug, w.LogLevel)
	require.Equal(t, time.Minute, w.StopTimeout)
	require.Equal(t, 8, w.MaxConcurrentActivities)
	require.InDelta(t, 0.5, w.MaxSecretWritesPerSecond, 0)
	require.True(t, w.Traces)
	require.False(t, w.ExportMetrics, "/metrics is there anyway")
	require.Equal(t, config.Deployment{Name: "token-keeper", BuildID: "b1"}, w.Deployment)
	require.Equal(t, "temporal.example:7233", w.Temporal.HostPort)
	require.Equal(t, "health", w.Temporal.Namespace)
}

func TestAVariableSetToNothingCountsAsNotSet(t *testing.T) {
	apart(t)
	environ := with(nil)
	for _, v := range append(config.WorkerVariables(), config.TemporalVariables()...) {
		if _, needed := environ[v.Name]; !needed {
			environ[v.Name] = ""
		}
	}
	plain, err := config.LoadWorker(with(nil))
	require.NoError(t, err)
	empty, err := config.LoadWorker(environ)
	require.NoError(t, err)
	require.Equal(t, plain, empty)
}

func TestTenProblemsAreTenSentencesAtOnce(t *testing.T) {
	apart(t)
	_, err := config.LoadWorker(map[string]string{
		"KEY_VAULT_URL":                            "http://my-vault.vault.azure.net",
		"TOKENKEEPER_AZURE_CREDENTIAL":             "fake-client-secret-1",
		"TOKENKEEPER_KEY_VAULT_CA_FILE":            filepath.Join(t.TempDir(), "absent.pem"),
		"TOKENKEEPER_LOG_LEVEL":                    "loud",
		"TOKENKEEPER_STOP_TIMEOUT":                 "40",
		"TOKENKEEPER_MAX_CONCURRENT_ACTIVITIES":    "many",
		"TOKENKEEPER_MAX_SECRET_WRITES_PER_SECOND": "-1",
		"TEMPORAL_ADDRESS":                         "https://temporal.example",
		"TEMPORAL_WORKER_BUILD_ID":                 "b1",
		"TOKENKEEPER_HEALTH_ADDRESS":               ":8085",
		"TEMPORAL_API_KEY":                         "fake-api-key-1",
	})
	found := problems(t, err)
	require.Len(t, found, 10, err)
	for i, variable := range []string{
		"TOKENKEEPER_HEALTH_ADDRESS", "TOKENKEEPER_LOG_LEVEL", "TOKENKEEPER_STOP_TIMEOUT",
		"TOKENKEEPER_MAX_CONCURRENT_ACTIVITIES", "KEY_VAULT_URL", "TOKENKEEPER_AZURE_CREDENTIAL",
		"TOKENKEEPER_KEY_VAULT_CA_FILE", "TEMPORAL_ADDRESS", "TEMPORAL_DEPLOYMENT_NAME",
		"TOKENKEEPER_MAX_SECRET_WRITES_PER_SECOND",
	} {
		require.True(t, strings.HasPrefix(found[i], variable+" "), found[i])
		require.NotContains(t, found[i], "\n")
	}
	require.Contains(t, err.Error(), "configuration: 10 problems:\n  - TOKENKEEPER_HEALTH_ADDRESS is no variable")
	require.NotContains(t, err.Error(), "fake-")
}

func TestOneProblemIsOneLine(t *testing.T) {
	apart(t)
	_, err := config.LoadWorker(map[string]string{})
	require.EqualError(t, err, "configuration: KEY_VAULT_URL is not set; set it to the vault's URL, such as https://my-vault.vault.azure.net (az keyvault show --name my-vault --query properties.vaultUri)")
}

// Each row is one problem and a part of the sentence that names it.
func TestEachProblemOfTheWorkerIsNamedWithItsFix(t *testing.T) {
	apart(t)
	notCertificates := write(t, "not a certificate")
	for name, c := range map[string]struct {
		variable, value, says string
	}{
		"no such credential":     {"TOKENKEEPER_AZURE_CREDENTIAL", "msi", "set it to managed, workload, environment, cli, default or emulator"},
		"emulator, unasked":      {"TOKENKEEPER_AZURE_CREDENTIAL", "emulator", "KEY_VAULT_URL is a vault of Azure"},
		"not true or false":      {"TOKENKEEPER_ALLOW_EMULATOR", "yes please", `is "yes please"; set it to true or false`},
		"no such CA file":        {"TOKENKEEPER_KEY_VAULT_CA_FILE", "absent.pem", `names "absent.pem", which cannot be read: no such file or directory`},
		"CA file is a folder":    {"TOKENKEEPER_KEY_VAULT_CA_FILE", "testdata", "is a directory"},
		"CA file without any":    {"TOKENKEEPER_KEY_VAULT_CA_FILE", notCertificates, "holds no certificate in PEM form"},
		"CA text, not a path":    {"TOKENKEEPER_KEY_VAULT_CA_FILE", "-----BEGIN CERTIFICATE-----\nfake", "a text of 32 characters"},
		"no API version":         {"TOKENKEEPER_KEY_VAULT_API_VERSION", "latest", "such as 7.6 or 2025-07-01"},
		"no such providers":      {"TOKENKEEPER_PROVIDERS", "absent.yaml", `names "absent.yaml", which cannot be read`},
		"profiles for others":    {"TOKENKEEPER_PPROF", ":6060", "write a port of this machine's loopback, such as localhost:6060"},
		"profiles elsewhere":     {"TOKENKEEPER_PPROF", "10.0.0.1:6060", "loopback"},
		"address without port":   {"TOKENKEEPER_HTTP_ADDRESS", "localhost", "write host:port, such as 127.0.0.1:8085"},
		"port that is none":      {"TOKENKEEPER_HTTP_ADDRESS", ":http", "write host:port"},
		"no such log format":     {"TOKENKEEPER_LOG_FORMAT", "xml", "set it to auto, json or text"},
		"no such log level":      {"TOKENKEEPER_LOG_LEVEL", "loud", `is "loud"; set it to debug, info, warn or error`},
		"stop time, no unit":     {"TOKENKEEPER_STOP_TIMEOUT", "40", `is "40"; write a number with its unit, such as 40s`},
		"stop time too short":    {"TOKENKEEPER_STOP_TIMEOUT", "29s", "a call in flight may take 30s"},
		"stop time of nothing":   {"TOKENKEEPER_STOP_TIMEOUT", "0s", "a call in flight may take 30s"},
		"no number":              {"TOKENKEEPER_MAX_CONCURRENT_ACTIVITIES", "many", `is "many"; write a number, such as 200`},
		"no activities":          {"TOKENKEEPER_MAX_CONCURRENT_ACTIVITIES", "0", "from 1 to 1000"},
		"too many activities":    {"TOKENKEEPER_MAX_CONCURRENT_ACTIVITIES", "100000", "from 1 to 1000"},
		"no pace":                {"TOKENKEEPER_MAX_SECRET_WRITES_PER_SECOND", "0", "a number above 0"},
		"no pace at all":         {"TOKENKEEPER_MAX_SECRET_WRITES_PER_SECOND", "NaN", "a number above 0"},
		"pace without end":       {"TOKENKEEPER_MAX_SECRET_WRITES_PER_SECOND", "Inf", "a number above 0"},
		"pace that is no number": {"TOKENKEEPER_MAX_SECRET_WRITES_PER_SECOND", "fast", "write a number, such as 26"},
		"more than Azure takes":  {"TOKENKEEPER_MAX_SECRET_WRITES_PER_SECOND", "100", "Key Vault takes 30 new secrets per second"},
		"no such exporter":       {"OTEL_TRACES_EXPORTER", "zipkin", "set it to otlp, console or none"},
		"no such exporter, more": {"OTEL_METRICS_EXPORTER", "statsd", "set it to otlp, prometheus, console or none"},
		"no such protocol":       {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json", "set it to http/protobuf or grpc"},
		"neither on nor off":     {"OTEL_SDK_DISABLED", "yes", "set it to true or false"},
		"time with a unit":       {"OTEL_EXPORTER_OTLP_TIMEOUT", "5s", "write one without a unit, such as 5000"},
		"metrics, with a unit":   {"OTEL_METRIC_EXPORT_INTERVAL", "1m", "write one without a unit"},
		"no such compression":    {"OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", "set it to gzip or none"},
		"headers in quotes":      {"OTEL_EXPORTER_OTLP_HEADERS", "Authorization: fake-token", "write it as in key1=value1,key2=value2"},
		"certificate, absent":    {"OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE", "absent.pem", `names "absent.pem", which cannot be read`},
		"no such sampler":        {"OTEL_TRACES_SAMPLER", "sometimes", "set it to always_on, always_off, traceidratio"},
		"traces, gRPC style":     {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "localhost:4317", "write it as in http://localhost:4318"},
		"collector, no scheme":   {"OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4317", "write it as in http://localhost:4318"},
		"collector, password":    {"OTEL_EXPORTER_OTLP_ENDPOINT", "http://will:fake-password@host", "without user name"},
		"build id is missing":    {"TEMPORAL_DEPLOYMENT_NAME", "token-keeper", "set both for a versioned worker, or neither"},
		"misspelt":               {"TOKENKEEPER_LOG_LEVLE", "info", "did you mean TOKENKEEPER_LOG_LEVEL?"},
		"wrong prefix":           {"TOKENKEEPER_KEY_VAULT_URL", vaultURL, "did you mean KEY_VAULT_URL?"},
		"the starter's, wrong":   {"TOKENKEEPER_WEBUI", "http://localhost:8233", "did you mean TOKENKEEPER_WEB_UI?"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.LoadWorker(with(map[string]string{c.variable: c.value}))
			found := problems(t, err)
			require.Len(t, found, 1)
			require.Contains(t, found[0], c.says)
			require.NotContains(t, found[0], "fake")
		})
	}
}

func TestWhatTheStarterReadsIsNoProblemForTheWorker(t *testing.T) {
	apart(t)
	_, err := config.LoadWorker(with(map[string]string{"TOKENKEEPER_WEB_UI": "http://localhost:8233"}))
	require.NoError(t, err)
}

func TestWhatKubernetesAddsForAServiceIsNoProblem(t *testing.T) {
	apart(t)
	_, err := config.LoadWorker(with(map[string]string{
		"TOKENKEEPER_SERVICE_HOST":               "10.0.0.1",
		"TOKENKEEPER_SERVICE_PORT_METRICS":       "8085",
		"TOKENKEEPER_PORT":                       "tcp://10.0.0.1:8085",
		"TOKENKEEPER_PORT_8085_TCP_ADDR":         "10.0.0.1",
		"TOKENKEEPER_WORKER_PORT_8085_TCP_PROTO": "tcp",
	}))
	require.NoError(t, err)
}

func TestThePaceOfAnEmulatorIsFree(t *testing.T) {
	apart(t)
	w, err := config.LoadWorker(map[string]string{
		"KEY_VAULT_URL":                            "https://localhost:8443",
		"TOKENKEEPER_AZURE_CREDENTIAL":             "emulator",
		"TOKENKEEPER_ALLOW_EMULATOR":               "true",
		"TOKENKEEPER_MAX_SECRET_WRITES_PER_SECOND": "500",
	})
	require.NoError(t, err)
	require.InDelta(t, 500, w.MaxSecretWritesPerSecond, 0)
}

func TestTheErrorIsAConfigError(t *testing.T) {
	apart(t)
	_, err := config.LoadStarter(map[string]string{"TEMPORAL_ADDRESS": "temporal"})
	require.True(t, errors.As(err, new(*config.Error)))
}
