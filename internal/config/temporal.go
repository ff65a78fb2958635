package config

import (
	"cmp"
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

// temporal reads profile and variables as the Temporal CLI does. It goes step
// by step and not in envconfig's one call, because that one's errors quote
// values (an API key without quotation marks, a private key given as a path).
func (m *mistakes) temporal(environ map[string]string) client.Options {
	before := len(m.found)
	m.temporalVariables(environ)
	profile, ok := m.profile(environ)
	if !ok {
		return client.Options{}
	}
	// The lookup cannot fail; the error is there for lookups that can.
	if err := profile.ApplyEnvVars(lookup(environ)); err != nil {
		m.add("TEMPORAL_*", "variables cannot be read; check them against the Temporal CLI's documentation")
	}
	if problem := addressProblem(profile.Address); problem != "" {
		m.add("TEMPORAL_ADDRESS", "%s", problem)
	}
	if len(m.found) > before {
		return client.Options{}
	}
	options, err := profile.ToClientOptions(envconfig.ToClientOptionsRequest{})
	if err != nil {
		m.add("TEMPORAL_TLS_*", "settings do not work: %s; check certificate, key and authority, and that each is given either as a path or as data", reason(err))
	}
	// What the SDK assumes, said aloud: messages and links need it.
	options.HostPort = cmp.Or(options.HostPort, client.DefaultHostPort)
	options.Namespace = cmp.Or(options.Namespace, client.DefaultNamespace)
	return options
}

// temporalVariables finds what envconfig passes over in silence.
func (m *mistakes) temporalVariables(environ map[string]string) {
	for _, name := range []string{"TEMPORAL_TLS", "TEMPORAL_TLS_DISABLE_HOST_VERIFICATION"} {
		if value, ok := environ[name]; ok && !slices.Contains([]string{"1", "0", "true", "false"}, strings.ToLower(value)) {
			m.add(name, "is %s, which Temporal's library ignores; set it to true or false", shown(value))
		}
	}
	if path, ok := environ["TEMPORAL_CONFIG_FILE"]; ok {
		m.read("TEMPORAL_CONFIG_FILE", path)
	}
	for _, name := range []string{"TEMPORAL_TLS_CLIENT_CERT", "TEMPORAL_TLS_CLIENT_KEY", "TEMPORAL_TLS_SERVER_CA_CERT"} {
		path, ok := environ[name+"_PATH"]
		switch {
		case !ok:
		case strings.Contains(path, "-----BEGIN"):
			m.add(name+"_PATH", "holds the PEM text itself; move it to %s_DATA, or name a file", name)
		default:
			m.read(name+"_PATH", path)
		}
	}
}

// profile is the one that the variables choose from the file; an empty one when
// there is no file, or no profile is asked for.
func (m *mistakes) profile(environ map[string]string) (p envconfig.ClientConfigProfile, ok bool) {
	file, err := envconfig.LoadClientConfig(envconfig.LoadClientConfigOptions{EnvLookup: lookup(environ)})
	if err != nil {
		if !m.names("TEMPORAL_CONFIG_FILE") {
			m.add("TEMPORAL_CONFIG_FILE", "%s", fileProblem(err))
		}
		return p, false
	}
	name, asked := environ["TEMPORAL_PROFILE"]
	if !asked {
		name = envconfig.DefaultConfigFileProfile
	}
	if found := file.Profiles[name]; found != nil {
		return *found, true
	}
	if asked {
		m.add("TEMPORAL_PROFILE", "names a profile that the configuration file does not have; %s", profiles(slices.Sorted(maps.Keys(file.Profiles))))
	}
	return p, !asked
}

// fileProblem tells where the file is wrong, and never what it says there.
func fileProblem(err error) string {
	var syntax toml.ParseError
	if errors.As(err, &syntax) {
		return "leads to a file that is not valid TOML in line " + strconv.Itoa(syntax.Position.Line) + "; correct it there (the line is not shown, for it may hold an API key)"
	}
	if why := reason(err); why != err.Error() {
		return "leads to a file that cannot be read: " + why + "; correct the path or the file's permissions"
	}
	return "leads to a file with values of the wrong kind; write every setting as the Temporal CLI does (temporal config set)"
}

func profiles(names []string) string {
	if len(names) == 0 {
		return "it has none; set TEMPORAL_CONFIG_FILE to the file that does, or remove TEMPORAL_PROFILE"
	}
	return "it has " + strings.Join(names, ", ")
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
		return "is " + shown(address) + "; write host and port, such as localhost:7233"
	}
	return ""
}

// lookup is an environment as envconfig wants to see it.
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
