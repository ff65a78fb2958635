package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

const (
	// Version is what Build builds.
	Version = "v1.32.0"

	module = "go.temporal.io/server"
)

// Build puts the Temporal server and its SQL tool into a folder, from source.
// What is there and of this version stays.
func Build(ctx context.Context, bin string, out io.Writer) error {
	bin, err := filepath.Abs(bin)
	if err != nil {
		return err
	}
	if programs(bin).complete() {
		return nil
	}
	folder := filepath.Join(bin, "temporal-server-"+Version)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "building the Temporal server %s and its SQL tool from source, once; this takes a few minutes\n", Version)
	cmd := exec.CommandContext(ctx, "go", "install", module+"/cmd/server@"+Version, module+"/cmd/tools/sql@"+Version)
	cmd.Dir = folder // away from any go.work
	cmd.Env = append(os.Environ(), "GOBIN="+folder, "GOFLAGS=")
	if printed, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the Temporal server %s: %w\n%s", Version, err, printed)
	}
	return nil
}

// executables are what a cluster is run with.
type executables struct{ server, sql string }

func programs(bin string) executables {
	folder := filepath.Join(bin, "temporal-server-"+Version)
	return executables{server: filepath.Join(folder, "server"), sql: filepath.Join(folder, "sql")}
}

func (e executables) complete() bool {
	_, server := os.Stat(e.server)
	_, sql := os.Stat(e.sql)
	return errors.Join(server, sql) == nil
}
