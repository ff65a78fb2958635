package config_test

import (
	"crypto/tls"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/config"
)

const pastedKey = "-----BEGIN PRIVATE KEY-----\nfake-private-key-1\n-----END PRIVATE KEY-----"

func TestTheTemporalCLIsProfilesAreRead(t *testing.T) {
	apart(t)
	file := write(t, `
[profile.default]
address = "default.example:7233"
[profile.cloud]
address = "health.a1b2c.tmprl.cloud:7233"
namespace = "health.a1b2c"
api_key = "fake-api-key-1"
`)
	byDefault, err := config.LoadStarter(map[string]string{"TEMPORAL_CONFIG_FILE": file})
	require.NoError(t, err)
	require.Equal(t, "default.example:7233", byDefault.Temporal.HostPort)
	require.Nil(t, byDefault.Temporal.Credentials)

	cloud, err := config.LoadStarter(map[string]string{"TEMPORAL_CONFIG_FILE": file, "TEMPORAL_PROFILE": "cloud", "TEMPORAL_NAMESPACE": "other.a1b2c"})
	require.NoError(t, err)
	require.Equal(t, "health.a1b2c.tmprl.cloud:7233", cloud.Temporal.HostPort)
	require.Equal(t, "other.a1b2c", cloud.Temporal.Namespace, "variables outrank the profile")
	require.NotNil(t, cloud.Temporal.Credentials)
	require.NotNil(t, cloud.Temporal.ConnectionOptions.TLS)
	require.Equal(t, "https://cloud.temporal.io", cloud.WebUI)
}

func TestAnAPIKeyTurnsTLSOn(t *testing.T) {
	apart(t)
	s, err := config.LoadStarter(map[string]string{"TEMPORAL_API_KEY": "fake-api-key-1", "TEMPORAL_GRPC_META_TEAM": "health"})
	require.NoError(t, err)
	require.NotNil(t, s.Temporal.ConnectionOptions.TLS)
	headers, err := s.Temporal.HeadersProvider.GetHeaders(t.Context())
	require.NoError(t, err)
	require.Equal(t, "health", headers["team"])
}

func TestTemporalsEdgeIsBounded(t *testing.T) {
	apart(t)
	for name, environ := range map[string]map[string]string{
		"by an API key":    {"TEMPORAL_API_KEY": "fake-api-key-1"},
		"by the variable":  {"TEMPORAL_TLS": "true"},
		"without checking": {"TEMPORAL_TLS": "true", "TEMPORAL_TLS_DISABLE_HOST_VERIFICATION": "true"},
	} {
		s, err := config.LoadStarter(environ)
		require.NoError(t, err, name)
		require.Equal(t, uint16(tls.VersionTLS12), s.Temporal.ConnectionOptions.TLS.MinVersion, name)
	}
	s, err := config.LoadStarter(nil)
	require.NoError(t, err)
	require.Equal(t, 32<<20, s.Temporal.ConnectionOptions.MaxPayloadSize)
}

func TestAnAPIKeyIsNotSentInClear(t *testing.T) {
	apart(t)
	environ := map[string]string{"TEMPORAL_API_KEY": "fake-api-key-1", "TEMPORAL_TLS": "false", "TEMPORAL_ADDRESS": "temporal.example:7233"}
	_, err := config.LoadStarter(environ)
	require.Equal(t, []string{"TEMPORAL_TLS is off, so TEMPORAL_API_KEY would go over the network in clear; set it to true"}, problems(t, err))
	environ["TEMPORAL_ADDRESS"] = "127.0.0.1:7233"
	_, err = config.LoadStarter(environ)
	require.NoError(t, err, "to this machine it may")
}

func TestProblemsInTemporalsPartAreNamedWithoutShowingSecrets(t *testing.T) {
	apart(t)
	plain := write(t, "plain text")
	for name, c := range map[string]struct {
		environ map[string]string
		says    string
	}{
		"address without port": {map[string]string{"TEMPORAL_ADDRESS": "temporal"},
			`TEMPORAL_ADDRESS is "temporal"; write host and port`},
		"address is a URL": {map[string]string{"TEMPORAL_ADDRESS": "http://localhost:8233"},
			"TEMPORAL_ADDRESS is a URL; write host and port alone"},
		"TLS that would silently stay off": {map[string]string{"TEMPORAL_TLS": "yes"},
			`TEMPORAL_TLS is "yes", which Temporal's library ignores`},
		"no such configuration file": {map[string]string{"TEMPORAL_CONFIG_FILE": "absent.toml"},
			`TEMPORAL_CONFIG_FILE names "absent.toml", which cannot be read`},
		"configuration file is a folder": {map[string]string{"TEMPORAL_CONFIG_FILE": "testdata"},
			"is a directory"},
		"broken TOML beside a key": {map[string]string{"TEMPORAL_CONFIG_FILE": write(t, "[profile.default]\napi_key = fake-api-key-1\n")},
			"TEMPORAL_CONFIG_FILE leads to a file that is not valid TOML in line 2"},
		"TOML of another shape": {map[string]string{"TEMPORAL_CONFIG_FILE": write(t, "[profile.default]\napi_key = 7\n")},
			"values of the wrong kind"},
		"no such profile": {map[string]string{"TEMPORAL_CONFIG_FILE": write(t, "[profile.prod]\n[profile.dev]\n"), "TEMPORAL_PROFILE": "cloud"},
			"TEMPORAL_PROFILE names a profile that the configuration file does not have; it has dev, prod"},
		"no profiles at all": {map[string]string{"TEMPORAL_PROFILE": "cloud"},
			"it has none; set TEMPORAL_CONFIG_FILE"},
		"a key where its path belongs": {map[string]string{"TEMPORAL_TLS_CLIENT_KEY_PATH": pastedKey},
			"TEMPORAL_TLS_CLIENT_KEY_PATH holds the PEM text itself; move it to TEMPORAL_TLS_CLIENT_KEY_DATA"},
		"no such certificate": {map[string]string{"TEMPORAL_TLS_CLIENT_CERT_PATH": "absent.pem"},
			`TEMPORAL_TLS_CLIENT_CERT_PATH names "absent.pem", which cannot be read`},
		"certificate without key": {map[string]string{"TEMPORAL_TLS_CLIENT_CERT_PATH": plain},
			"TEMPORAL_TLS_* settings do not work: invalid TLS config"},
		"a key in the profile where its path belongs": {map[string]string{"TEMPORAL_CONFIG_FILE": write(t, "[profile.default.tls]\nclient_cert_path = \"a\"\nclient_key_path = '''"+pastedKey+"'''\n")},
			"TEMPORAL_TLS_* settings do not work"},
	} {
		t.Run(name, func(t *testing.T) {
			maps.Copy(c.environ, map[string]string{"TEMPORAL_CODEC_AUTH": "fake-codec-auth-1"})
			_, err := config.LoadStarter(c.environ)
			found := problems(t, err)
			require.Len(t, found, 1)
			require.Contains(t, found[0], c.says)
			require.NotContains(t, found[0], "fake-")
		})
	}
}

func TestTheWebUIIsGuessedWhereThatIsSafe(t *testing.T) {
	apart(t)
	for address, want := range map[string]string{
		"":                                   "http://localhost:8233",
		"localhost:7233":                     "http://localhost:8233",
		"127.0.0.1:40001":                    "http://localhost:8233",
		"[::1]:7233":                         "http://localhost:8233",
		"health.a1b2c.tmprl.cloud:7233":      "https://cloud.temporal.io",
		"us-east-1.aws.api.temporal.io:7233": "https://cloud.temporal.io",
		"temporal.internal.example:7233":     "",
		"dns:///temporal.example:7233":       "",
	} {
		s, err := config.LoadStarter(map[string]string{"TEMPORAL_ADDRESS": address})
		require.NoError(t, err, address)
		require.Equal(t, want, s.WebUI, address)
		require.Equal(t, "token-refresh", s.TaskQueue)
	}
}

func TestAGivenWebUIOutranksTheGuess(t *testing.T) {
	apart(t)
	s, err := config.LoadStarter(map[string]string{"TOKENKEEPER_WEB_UI": "https://temporal.example/ui/"})
	require.NoError(t, err)
	require.Equal(t, "https://temporal.example/ui", s.WebUI)

	_, err = config.LoadStarter(map[string]string{"TOKENKEEPER_WEB_UI": "temporal.example"})
	require.ErrorContains(t, err, "TOKENKEEPER_WEB_UI is not a URL")
}

func TestAnUnreadableDefaultFileIsAProblemToo(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", folder)
	t.Setenv("HOME", folder)
	require.NoError(t, os.MkdirAll(filepath.Join(folder, "temporalio", "temporal.toml"), 0o700))
	_, err := config.LoadStarter(nil)
	require.ErrorContains(t, err, "TEMPORAL_CONFIG_FILE leads to a file that cannot be read: is a directory")
}
