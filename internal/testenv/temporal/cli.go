// Package temporal provides the Temporal Services that the demo and the tests run
// on: the development server of the Temporal CLI ([StartTemporal]), and a server on
// PostgreSQL ([StartCluster]).
//
// [Find] finds a CLI, [ForTest] does so for a test, and [Ensure] builds one from
// source where none is installed. No release archive is downloaded: the Go
// module proxy and its checksums are all that is trusted.
package temporal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

const (
	// EnvPath is the environment variable that names the CLI to use.
	EnvPath = "TOKENKEEPER_TEMPORAL_CLI"

	// EnvRequire, set to 1, makes a test that finds no CLI fail instead of being
	// skipped. "make test" sets it, so that nothing is left out in silence.
	EnvRequire = "TOKENKEEPER_REQUIRE_TEMPORAL"
)

// The oldest development server that is accepted: the one that the CLI's 1.5
// brought. A CLI built from source does not know its own version ("0.0.0-DEV")
// but does know its server's, so the server's is the one compared.
const (
	minMajor = 1
	minMinor = 29
)

// ForTest returns the path of the CLI that [Find] finds. Where there is none it
// skips the test, or fails it when EnvRequire is 1.
func ForTest(t testing.TB) string {
	t.Helper()
	path, err := Find(t.Context())
	switch {
	case err == nil:
	case os.Getenv(EnvRequire) == "1":
		t.Fatalf("this test needs the Temporal CLI: %v", err)
	default:
		t.Skipf("this test needs the Temporal CLI: %v", err)
	}
	return path
}

// Find returns the absolute path of a CLI that is recent enough: the one that
// EnvPath names, else .bin/temporal in this module, else the one on PATH. When
// EnvPath is set, nothing else is considered.
func Find(ctx context.Context) (string, error) {
	if path := os.Getenv(EnvPath); path != "" {
		if err := checkCLI(ctx, path); err != nil {
			return "", fmt.Errorf("%s: %w", EnvPath, err)
		}
		return filepath.Abs(path)
	}
	var reasons []error
	for _, path := range candidates() {
		err := checkCLI(ctx, path)
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

// checkCLI runs "path --version" and returns why that CLI cannot be used, or nil.
func checkCLI(ctx context.Context, path string) error {
	out, err := exec.CommandContext(ctx, path, "--version").CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s --version: %w", path, err)
	}
	if err := recentEnough(string(out)); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

var serverVersion = regexp.MustCompile(`\(Server (\d+)\.(\d+)\.`)

// recentEnough decides on what "temporal --version" prints, such as
// "temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)".
func recentEnough(printed string) error {
	m := serverVersion.FindStringSubmatch(printed)
	if m == nil {
		return fmt.Errorf("not a Temporal CLI: its --version says %.80q", printed)
	}
	major, errMajor := strconv.Atoi(m[1])
	minor, errMinor := strconv.Atoi(m[2])
	if errMajor != nil || errMinor != nil {
		return fmt.Errorf("not a Temporal CLI: its --version says %.80q", printed)
	}
	if major < minMajor || major == minMajor && minor < minMinor {
		return fmt.Errorf("too old: its server is %d.%d, need %d.%d or newer (CLI 1.5)", major, minor, minMajor, minMinor)
	}
	return nil
}
