// Package temporalcli gets hold of the Temporal CLI, whose development server
// stands in for a Temporal Service in the demo and in the tests.
//
// [Ensure] puts one in place, building it from source where none is installed;
// [Find] says where one is; [ForTest] does so for a test. No release archive is
// downloaded: the Go module proxy and its checksums are all that is trusted.
package temporal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

const (
	// Version is what Ensure builds. Later ones cannot be built by
	// "go install": their go.mod has replace directives.
	Version = "v1.5.1"

	module = "github.com/temporalio/cli/cmd/temporal"
)

// EnvPath is the environment variable that names the CLI to use.
const EnvPath = "TOKENKEEPER_TEMPORAL_CLI"

// Find returns the absolute path of a CLI that is recent enough: the one that
// EnvPath names, else .bin/temporal in this module, else the one on PATH. When
// EnvPath is set, nothing else is considered.
func Find(ctx context.Context) (string, error) {
	if path := os.Getenv(EnvPath); path != "" {
		if err := check(ctx, path); err != nil {
			return "", fmt.Errorf("%s: %w", EnvPath, err)
		}
		return filepath.Abs(path)
	}
	var reasons []error
	for _, path := range candidates() {
		err := check(ctx, path)
		if err == nil {
			return filepath.Abs(path)
		}
		reasons = append(reasons, err)
	}
	reasons = append(reasons, errors.New(`no Temporal CLI to use; run "make temporal", which builds one`))
	return "", errors.Join(reasons...)
}

// candidates are the places where a CLI is, in order of preference.
func candidates() []string {
	var paths []string
	if root, ok := moduleRoot(); ok {
		if built := filepath.Join(root, ".bin", "temporal"); exists(built) {
			paths = append(paths, built)
		}
	}
	if installed, err := exec.LookPath("temporal"); err == nil {
		paths = append(paths, installed)
	}
	return paths
}

// moduleRoot is the folder of the go.mod at or above the working directory.
func moduleRoot() (string, bool) {
	dir, err := os.Getwd()
	if err != nil {
		return "", false
	}
	for !exists(filepath.Join(dir, "go.mod")) {
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", false
		}
		dir = parent
	}
	return dir, true
}

// exists is false for a symbolic link whose target is gone.
func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
