package config

import "reflect"

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

// SharedVariables are those of ours that both programs read.
func SharedVariables() []Variable {
	return append(describe(vaultSettings{}), describe(sharedSettings{})...)
}

// TemporalVariables are those of the Temporal CLI that both programs read.
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

func describe(settings any) []Variable {
	fields := reflect.TypeOf(settings)
	list := make([]Variable, fields.NumField())
	for i := range list {
		tag := fields.Field(i).Tag
		list[i] = Variable{tag.Get("env"), tag.Get("envDefault"), tag.Get("meaning")}
	}
	return list
}
