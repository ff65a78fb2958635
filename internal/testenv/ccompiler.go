package testenv

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// HasCCompiler reports whether go finds a C compiler, which the race detector
// needs on most systems, and everything with SQLite in it. Go itself does not.
func HasCCompiler(ctx context.Context) (bool, error) {
	enabled, err := exec.CommandContext(ctx, "go", "env", "CGO_ENABLED").Output()
	if err != nil {
		return false, fmt.Errorf("ask go for a C compiler: %w", err)
	}
	return strings.TrimSpace(string(enabled)) == "1", nil
}
