// Package cluster runs a Temporal server as operators do, its own program on
// PostgreSQL, beside the development server of the CLI, which is one process on
// SQLite.
package temporal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"strconv"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"google.golang.org/protobuf/types/known/durationpb"
)

// Cluster is a running server and its database.
type Cluster struct {
	Temporal *Server
	Postgres *Postgres
}

// StartCluster runs both, with the programs that Build has put into bin, and prepares
// the namespace "default" with our search attributes. Logs go into dir.
func StartCluster(ctx context.Context, cli, bin, dir string) (c *Cluster, err error) {
	p := programs(bin)
	if !p.complete() {
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
	for database, schema := range map[string]string{"temporal": "temporal", "temporal_visibility": "visibility"} {
		for _, args := range [][]string{
			{"create-database"}, {"setup-schema", "-v", "0.0"}, {"update-schema", "--schema-name", "postgresql/v12/" + schema},
		} {
			args = append([]string{"--plugin", "postgres12", "--ep", "127.0.0.1", "-p", strconv.Itoa(c.Postgres.port),
				"-u", databaseUser, "--db", database}, args...)
			if printed, err := exec.CommandContext(ctx, p.sql, args...).CombinedOutput(); err != nil {
				return c, fmt.Errorf("make the database %s: %w\n%s", database, err, printed)
			}
		}
	}
	file, port, err := configure(dir, c.Postgres.port)
	if err != nil {
		return c, err
	}
	c.Temporal, err = StartProgram(ctx, cli, dir, port, p.server, "--config-file", file, "--allow-no-auth", "start")
	if err != nil {
		return c, err
	}
	return c, c.prepare(ctx)
}

// prepare makes the namespace and waits until all of the server knows it.
func (c *Cluster) prepare(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	t, err := client.Dial(client.Options{HostPort: c.Temporal.Address(), Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler))})
	if err != nil {
		return err
	}
	defer t.Close()
	_, err = t.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace: "default", WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour)})
	if err != nil {
		return fmt.Errorf("make the namespace: %w", err)
	}
	attributes := map[string]enumspb.IndexedValueType{}
	for _, name := range SearchAttributes() {
		attributes[name] = enumspb.INDEXED_VALUE_TYPE_KEYWORD
	}
	for {
		_, err = t.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{Namespace: "default", SearchAttributes: attributes})
		if err == nil {
			_, err = t.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: "TokenAccount = 'none'"})
		}
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the namespace does not get ready: %w", err)
		case <-time.After(200 * time.Millisecond):
		}
	}
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
