package temporal

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
)

// The oldest development server that will do: the one that the CLI's 1.5
// brought. A CLI built from source does not know its own version ("0.0.0-DEV")
// but does know its server's, so the server's is the one compared.
const (
	minMajor = 1
	minMinor = 29
)

var serverVersion = regexp.MustCompile(`\(Server (\d+)\.(\d+)\.`)

// check runs "path --version" and reports whether that CLI will do.
func check(ctx context.Context, path string) error {
	out, err := exec.CommandContext(ctx, path, "--version").CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s --version: %w", path, err)
	}
	if err := recentEnough(string(out)); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

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
