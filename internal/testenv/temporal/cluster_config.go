package temporal

import (
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"
)

const databaseUser = "temporal"

// configuration is the server's, as its own development files have it: all
// services, on this machine alone.
var configuration = template.Must(template.New("server.yaml").Parse(strings.TrimLeft(`
log: {stdout: true, level: warn}
persistence:
  defaultStore: default
  visibilityStore: visibility
  numHistoryShards: 4
  datastores:
{{- range $store, $database := .Stores }}
    {{ $store }}:
      sql: {pluginName: postgres12, databaseName: {{ $database }}, connectAddr: "127.0.0.1:{{ $.Postgres }}",
            connectProtocol: tcp, user: {{ $.User }}, password: "", maxConns: 20, maxIdleConns: 20, maxConnLifetime: 1h}
{{- end }}
global:
  membership: {maxJoinDuration: 30s, broadcastAddress: 127.0.0.1}
services:
{{- range .Services }}
  {{ .Name }}: {rpc: {grpcPort: {{ .Port }}, membershipPort: {{ .Membership }}, bindOnIP: 127.0.0.1}}
{{- end }}
clusterMetadata:
  enableGlobalNamespace: false
  failoverVersionIncrement: 10
  masterClusterName: active
  currentClusterName: active
  clusterInformation:
    active: {enabled: true, initialFailoverVersion: 1, rpcName: frontend, rpcAddress: "127.0.0.1:{{ .Frontend }}"}
dcRedirectionPolicy: {policy: noop}
dynamicConfigClient: {filepath: "{{ .Dynamic }}", pollInterval: 10s}
`, "\n")))

// dynamic has new search attributes known at once, as on a development server.
const dynamic = "system.forceSearchAttributesCacheRefreshOnRead:\n  - value: true\n"

type service struct {
	Name             string
	Port, Membership int
}

// configure writes the server's files into dir.
func configure(dir string, postgres int) (file string, frontend int, err error) {
	var services []service
	for _, name := range []string{"frontend", "history", "matching", "worker"} {
		s := service{Name: name}
		if s.Port, err = freePort(); err != nil {
			return "", 0, err
		}
		if s.Membership, err = lowPort(); err != nil {
			return "", 0, err
		}
		services = append(services, s)
	}
	frontend = services[0].Port
	dynamicFile := filepath.Join(dir, "dynamic.yaml")
	if err := os.WriteFile(dynamicFile, []byte(dynamic), 0o600); err != nil {
		return "", 0, err
	}
	var text strings.Builder
	err = configuration.Execute(&text, map[string]any{
		"Stores":   map[string]string{"default": "temporal", "visibility": "temporal_visibility"},
		"Postgres": postgres, "User": databaseUser, "Services": services, "Frontend": frontend, "Dynamic": dynamicFile,
	})
	if err != nil {
		return "", 0, err
	}
	file = filepath.Join(dir, "server.yaml")
	return file, frontend, os.WriteFile(file, []byte(text.String()), 0o600)
}

// lowPort is a free port that the table of a cluster's members can hold: it is a
// smallint in PostgreSQL, and Linux gives higher ones where it is asked for any.
func lowPort() (int, error) {
	for range 100 {
		port := 20000 + rand.IntN(12000)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("no port between 20000 and 32000 is free")
}
