package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"tokenkeeper/internal/sim/temporalcli"
)

const (
	// Version is what Build builds.
	Version = "v1.32.0"

	module = "go.temporal.io/server"
)

// Build puts the Temporal server and its SQL tool into a folder, from source, and
// tells out how far it is. What is there and of this version stays. The folder
// appears complete or not at all.
func Build(ctx context.Context, bin string, out io.Writer) error {
	bin, err := filepath.Abs(bin)
	if err != nil {
		return err
	}
	if programs(bin).complete() {
		return nil
	}
	scratch, err := os.MkdirTemp(bin, "temporal-server-*")
	if err != nil {
		return fmt.Errorf("make a folder to build the Temporal server in: %w", err)
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	err = temporalcli.Install(ctx, scratch, "the Temporal server "+Version+" and its SQL tool", out, Version, module+"/cmd/server", module+"/cmd/tools/sql")
	if err != nil {
		return err
	}
	if err := os.Rename(scratch, folder(bin)); err != nil && !programs(bin).complete() {
		return fmt.Errorf("put the Temporal server in place: %w", err)
	}
	return nil
}

func folder(bin string) string { return filepath.Join(bin, "temporal-server-"+Version) }

// executables are what a cluster is run with.
type executables struct{ server, sql string }

func programs(bin string) executables {
	return executables{server: filepath.Join(folder(bin), "server"), sql: filepath.Join(folder(bin), "sql")}
}

func (e executables) complete() bool {
	_, server := os.Stat(e.server)
	_, sql := os.Stat(e.sql)
	return errors.Join(server, sql) == nil
}
