package config

import (
	"cmp"
	"crypto/tls"
	"errors"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
)

// temporal reads profile and variables as the Temporal CLI does. It does so step by
// step, because the errors of envconfig's one call quote values (an API key
// without quotation marks, a private key given as a path).
func (p *problems) temporal(environ map[string]string) client.Options {
	before := len(p.found)
	p.temporalVariables(environ)
	profile, ok := p.profile(environ)
	if !ok {
		return client.Options{}
	}
	if err := profile.ApplyEnvVars(lookup(environ)); err != nil {
		p.add("TEMPORAL_*", "variables cannot be read; check them against the Temporal CLI's documentation")
	}
	if problem := addressProblem(profile.Address); problem != "" {
		p.add("TEMPORAL_ADDRESS", "%s", problem)
	}
	if len(p.found) > before {
		return client.Options{}
	}
	options, err := profile.ToClientOptions(envconfig.ToClientOptionsRequest{})
	if err != nil {
		p.add("TEMPORAL_TLS_*", "settings do not work: %s; check certificate, key and authority, and that each is given either as a path or as data", reason(err))
	}
	if c := &options.ConnectionOptions; c.TLS != nil {
		c.TLS.MinVersion = tls.VersionTLS12
	} else if profile.APIKey != "" && !isThisMachine(options.HostPort) {
		p.add("TEMPORAL_TLS", "is off, so TEMPORAL_API_KEY would go over the network in clear; set it to true")
	}
	options.ConnectionOptions.MaxPayloadSize = maxTemporalMessage
	// The SDK's defaults, which messages and links need.
	options.HostPort = cmp.Or(options.HostPort, client.DefaultHostPort)
	options.Namespace = cmp.Or(options.Namespace, client.DefaultNamespace)
	return options
}

// maxTemporalMessage bounds a message of Temporal's, in bytes. The largest are pages of
// histories, which the server keeps near 4 MB; the SDK would take 128 MiB.
const maxTemporalMessage = 32 << 20

// isThisMachine reports whether an address, or the default for none, is a loopback one.
func isThisMachine(address string) bool {
	host, _, err := net.SplitHostPort(cmp.Or(address, client.DefaultHostPort))
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// temporalVariables finds the problems that envconfig ignores.
func (p *problems) temporalVariables(environ map[string]string) {
	for _, name := range []string{"TEMPORAL_TLS", "TEMPORAL_TLS_DISABLE_HOST_VERIFICATION"} {
		if value, ok := environ[name]; ok && !slices.Contains([]string{"1", "0", "true", "false"}, strings.ToLower(value)) {
			p.add(name, "is %s, which Temporal's library ignores; set it to true or false", redact(value))
		}
	}
	if path, ok := environ["TEMPORAL_CONFIG_FILE"]; ok {
		p.read("TEMPORAL_CONFIG_FILE", path)
	}
	for _, name := range []string{"TEMPORAL_TLS_CLIENT_CERT", "TEMPORAL_TLS_CLIENT_KEY", "TEMPORAL_TLS_SERVER_CA_CERT"} {
		path, ok := environ[name+"_PATH"]
		switch {
		case !ok:
		case strings.Contains(path, "-----BEGIN"):
			p.add(name+"_PATH", "holds the PEM text itself; move it to %s_DATA, or name a file", name)
		default:
			p.read(name+"_PATH", path)
		}
	}
}

// profile is the one that the variables choose from the file; empty without a file
// or a choice.
func (p *problems) profile(environ map[string]string) (profile envconfig.ClientConfigProfile, ok bool) {
	file, err := envconfig.LoadClientConfig(envconfig.LoadClientConfigOptions{EnvLookup: lookup(environ)})
	if err != nil {
		if !p.has("TEMPORAL_CONFIG_FILE") {
			p.add("TEMPORAL_CONFIG_FILE", "%s", fileProblem(err))
		}
		return profile, false
	}
	name, asked := environ["TEMPORAL_PROFILE"]
	if found := file.Profiles[cmp.Or(name, envconfig.DefaultConfigFileProfile)]; found != nil {
		return *found, true
	}
	if asked {
		has := strings.Join(slices.Sorted(maps.Keys(file.Profiles)), ", ")
		p.add("TEMPORAL_PROFILE", "names a profile that the configuration file does not have; it has %s",
			cmp.Or(has, "none; set TEMPORAL_CONFIG_FILE to the file that does, or remove TEMPORAL_PROFILE"))
	}
	return profile, !asked
}

// fileProblem says where the file is wrong without quoting it.
func fileProblem(err error) string {
	var syntax toml.ParseError
	if errors.As(err, &syntax) {
		return "leads to a file that is not valid TOML in line " + strconv.Itoa(syntax.Position.Line) + "; correct it there (the line is not shown, because it may hold an API key)"
	}
	if why := reason(err); why != err.Error() {
		return "leads to a file that cannot be read: " + why + "; correct the path or the file's permissions"
	}
	return "leads to a file with values of the wrong kind; write every setting as the Temporal CLI does (temporal config set)"
}

// addressProblem is empty for a good address and for none.
func addressProblem(address string) string {
	if address == "" {
		return ""
	}
	if strings.Contains(address, "://") && !strings.HasPrefix(address, "dns:///") {
		return "is a URL; write host and port alone, such as localhost:7233"
	}
	if _, _, err := net.SplitHostPort(strings.TrimPrefix(address, "dns:///")); err != nil {
		return "is " + redact(address) + "; write host and port, such as localhost:7233"
	}
	return ""
}

// guessWebUI is the likely address of the Web UI of a Temporal server: the dev
// server has it on port 8233 of the same machine, and Temporal Cloud has one for
// all. Empty for any other server.
func guessWebUI(temporal string) string {
	host, _, err := net.SplitHostPort(temporal)
	if err != nil {
		host = temporal
	}
	ip := net.ParseIP(host)
	switch {
	case host == "localhost" || ip != nil && ip.IsLoopback():
		return "http://localhost:8233"
	case strings.HasSuffix(host, ".tmprl.cloud") || strings.HasSuffix(host, ".api.temporal.io"):
		return "https://cloud.temporal.io"
	}
	return ""
}

// lookup implements envconfig.EnvLookup.
type lookup map[string]string

// Environ gives the variables as os.Environ does.
func (l lookup) Environ() []string {
	var list []string
	for name, value := range l {
		list = append(list, name+"="+value)
	}
	return list
}

// LookupEnv finds one variable as os.LookupEnv does.
func (l lookup) LookupEnv(name string) (string, bool) {
	value, ok := l[name]
	return value, ok
}
