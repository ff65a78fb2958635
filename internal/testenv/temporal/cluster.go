package temporal

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"
	"time"

	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/types/known/durationpb"

	"tokenkeeper/internal/testenv/process"
)

// Cluster is a running Temporal server as operators run it, its own program on
// PostgreSQL, and that database.
type Cluster struct {
	Temporal *Server
	Postgres *Postgres
}

// StartCluster runs both, with the programs that BuildServer has put into bin, and
// prepares the namespace "default" with [SearchAttributes]. Logs go into dir.
func StartCluster(ctx context.Context, cli, bin, dir string) (c *Cluster, err error) {
	programs := executablesIn(bin)
	if !programs.complete() {
		return nil, fmt.Errorf("there is no Temporal server %s in %s; run it with: make test-cluster", ServerVersion, bin)
	}
	postgres, err := FindPostgres()
	if err != nil {
		return nil, err
	}
	c = &Cluster{}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Stop())
		}
	}()
	if c.Postgres, err = startPostgres(ctx, postgres, dir); err != nil {
		c.Postgres = nil // is stopped
		return c, err
	}
	if err = makeDatabases(ctx, programs.sql, c.Postgres.port); err != nil {
		return c, err
	}
	file, ports, err := writeConfiguration(dir, c.Postgres.port)
	if err != nil {
		return c, err
	}
	c.Temporal = &Server{cli: cli, program: programs.server, args: []string{"--config-file", file, "--allow-no-auth", "start"}, port: ports.frontend, profiles: ports.profiles}
	if err = c.Temporal.start(ctx, dir); err != nil {
		return c, err
	}
	return c, c.makeNamespace(ctx)
}

// makeDatabases makes the two databases of a server and their tables.
func makeDatabases(ctx context.Context, sql string, postgres int) error {
	for database, schema := range map[string]string{"temporal": "temporal", "temporal_visibility": "visibility"} {
		for _, args := range [][]string{
			{"create-database"}, {"setup-schema", "-v", "0.0"}, {"update-schema", "--schema-name", "postgresql/v12/" + schema},
		} {
			args = append([]string{"--plugin", "postgres12", "--ep", "127.0.0.1", "-p", strconv.Itoa(postgres),
				"-u", databaseUser, "--db", database}, args...)
			if printed, err := exec.CommandContext(ctx, sql, args...).CombinedOutput(); err != nil {
				return fmt.Errorf("make the database %s: %w\n%s", database, err, printed)
			}
		}
	}
	return nil
}

// makeNamespace makes the namespace and waits until all of the server knows it.
func (c *Cluster) makeNamespace(ctx context.Context) error {
	t, err := c.Temporal.Dial()
	if err != nil {
		return err
	}
	defer t.Close()
	_, err = t.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace: "default", WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour)})
	if err != nil {
		return fmt.Errorf("make the namespace: %w", err)
	}
	return c.Temporal.process.Await(ctx, func(ctx context.Context) error {
		_, err := t.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{Namespace: "default", SearchAttributes: SearchAttributes()})
		if err == nil {
			_, err = t.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: "TokenAccount = 'none'"})
		}
		return err
	})
}

// Stop ends both and removes the database.
func (c *Cluster) Stop() error {
	var problems []error
	if c.Temporal != nil {
		problems = append(problems, c.Temporal.Stop())
	}
	if c.Postgres != nil {
		problems = append(problems, c.Postgres.Stop())
	}
	return errors.Join(problems...)
}

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
  pprof: {host: 127.0.0.1, port: {{ .Profiles }}}
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

// dynamic makes new search attributes known at once, as on a development server.
const dynamic = "system.forceSearchAttributesCacheRefreshOnRead:\n  - value: true\n"

type service struct {
	Name             string
	Port, Membership int
}

// serverPorts are those that others talk to a cluster's server at.
type serverPorts struct{ frontend, profiles int }

// writeConfiguration writes the server's files into dir.
func writeConfiguration(dir string, postgres int) (file string, own serverPorts, err error) {
	names := []string{"frontend", "history", "matching", "worker"}
	ports, err := process.FreePorts(len(names) + 1)
	if err != nil {
		return "", own, err
	}
	own = serverPorts{frontend: ports[0], profiles: ports[len(names)]}
	var services []service
	for i, name := range names {
		membership, err := lowPort()
		if err != nil {
			return "", own, err
		}
		services = append(services, service{name, ports[i], membership})
	}
	dynamicFile := filepath.Join(dir, "dynamic.yaml")
	if err := os.WriteFile(dynamicFile, []byte(dynamic), 0o600); err != nil {
		return "", own, err
	}
	var text strings.Builder
	err = configuration.Execute(&text, map[string]any{
		"Stores":   map[string]string{"default": "temporal", "visibility": "temporal_visibility"},
		"Postgres": postgres, "User": databaseUser, "Services": services, "Frontend": own.frontend, "Profiles": own.profiles, "Dynamic": dynamicFile,
	})
	if err != nil {
		return "", own, err
	}
	file = filepath.Join(dir, "server.yaml")
	return file, own, os.WriteFile(file, []byte(text.String()), 0o600)
}

// lowPort is a free port that the table of a cluster's members can hold: it is a
// smallint in PostgreSQL, and the ports that Linux itself chooses are higher.
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
