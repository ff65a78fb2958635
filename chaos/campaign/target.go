package campaign

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"

	"tokenkeeper/internal/testenv"
)

// Target is what gets killed.
type Target string

const (
	TokenKeeper Target = "tokenkeeper"
	Baseline    Target = "baseline"
)

// ParseTarget reads a target's name.
func ParseTarget(name string) (Target, error) {
	switch t := Target(name); t {
	case TokenKeeper, Baseline:
		return t, nil
	default:
		return "", fmt.Errorf("%q is no target; use %s or %s", name, TokenKeeper, Baseline)
	}
}

// Build compiles the program to kill into dir and returns its path.
func (t Target) Build(ctx context.Context, dir string) (string, error) {
	if t == TokenKeeper {
		return testenv.BuildWorker(ctx, dir)
	}
	path := filepath.Join(dir, string(t))
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, "tokenkeeper/chaos/baseline")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the %s: %w\n%s", t, err, out)
	}
	return path, nil
}
