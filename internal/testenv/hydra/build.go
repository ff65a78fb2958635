package hydra

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Build compiles Hydra from the nested module beside this package into .bin/ of
// the project and returns the program's path. The first time takes a minute on
// two cores; a program that is up to date stays as it is.
func Build(ctx context.Context) (string, error) {
	list := exec.CommandContext(ctx, "go", "list", "-f", "{{.Module.Dir}}\n{{.Dir}}", "tokenkeeper/internal/testenv/hydra")
	found, err := list.Output()
	if err != nil {
		return "", fmt.Errorf("build Hydra: find its module: %w", err)
	}
	root, here, _ := strings.Cut(strings.TrimSpace(string(found)), "\n")
	path := filepath.Join(root, ".bin", "hydra")
	cmd := exec.CommandContext(ctx, "go", "build", "-tags", "sqlite", "-o", path, "github.com/ory/hydra/v2")
	cmd.Dir = filepath.Join(here, "server")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1") // for SQLite
	if printed, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build Hydra: %w\n%s", err, printed)
	}
	return path, nil
}
