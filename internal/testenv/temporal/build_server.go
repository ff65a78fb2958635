package temporal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

const (
	// ServerVersion is what Build builds.
	ServerVersion = "v1.32.0"

	serverModule = "go.temporal.io/server"
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
	err = Install(ctx, scratch, "the Temporal server "+ServerVersion+" and its SQL tool", out, ServerVersion, serverModule+"/cmd/server", serverModule+"/cmd/tools/sql")
	if err != nil {
		return err
	}
	if err := os.Rename(scratch, folder(bin)); err != nil && !programs(bin).complete() {
		return fmt.Errorf("put the Temporal server in place: %w", err)
	}
	return nil
}

func folder(bin string) string { return filepath.Join(bin, "temporal-server-"+ServerVersion) }

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
