package campaign

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"tokenkeeper/internal/testenv"
	"tokenkeeper/internal/token"
)

// Target is what gets killed.
type Target string

const (
	TokenKeeper Target = "tokenkeeper"
	// Old is Token Keeper's worker as it was at OldRevision.
	Old      Target = "old"
	Baseline Target = "baseline"
)

// OldRevision is the worker that today's is measured against: the last one that lets
// something wait past the provider's replay window, and believes a vault where Temporal knows better.
const OldRevision = "bb35960"

// ParseTargets reads a target's name, "both" or "all".
func ParseTargets(name string) ([]Target, error) {
	switch t := Target(name); t {
	case TokenKeeper, Old, Baseline:
		return []Target{t}, nil
	case "both":
		return []Target{TokenKeeper, Baseline}, nil
	case "all":
		return []Target{TokenKeeper, Old, Baseline}, nil
	default:
		return nil, fmt.Errorf("%q is no target; use %s, %s, %s, both or all", name, TokenKeeper, Old, Baseline)
	}
}

// Build compiles the program to kill into dir and returns its path.
func (t Target) Build(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, string(t))
	switch t {
	case TokenKeeper:
		return testenv.BuildWorker(ctx, dir)
	case Old:
		return path, buildOld(ctx, dir, path)
	default:
		return path, runTool(ctx, "go", "build", "-o", path, "tokenkeeper/chaos/baseline")
	}
}

// buildOld builds OldRevision's worker from the repository's history.
func buildOld(ctx context.Context, dir, path string) error {
	source, archive := filepath.Join(dir, "source"), filepath.Join(dir, "source.tar")
	if err := os.Mkdir(source, 0o700); err != nil {
		return err
	}
	if err := runTool(ctx, "git", "archive", "--output", archive, OldRevision); err != nil {
		return fmt.Errorf("%w\nthe old worker is built from the history: fetch it with git fetch --unshallow", err)
	}
	if err := runTool(ctx, "tar", "-xf", archive, "-C", source); err != nil {
		return err
	}
	return runTool(ctx, "go", "build", "-C", source, "-o", path, "./worker")
}

// providersForOld writes a providers file beside the given one that OldRevision's
// worker takes, which refuses keys that came later, and returns its path.
func providersForOld(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	path := filepath.Join(filepath.Dir(file), "providers-old.yaml")
	return path, os.WriteFile(path, []byte(withoutLaterKeys(string(text))), 0o600)
}

func withoutLaterKeys(providers string) string {
	var kept []string
	for line := range strings.Lines(providers) {
		switch key, _, _ := strings.Cut(strings.TrimSpace(line), ":"); key {
		case "repeat_pause", "reuse":
		default:
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

func runTool(ctx context.Context, program string, args ...string) error {
	if out, err := exec.CommandContext(ctx, program, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", program, args[0], err, out)
	}
	return nil
}

// target is how accounts are refreshed, and how it shows that a token is lost.
type target interface {
	// work has every account refreshed once in a period until stop is closed,
	// and returns when no refresh is going on any more.
	work(ctx context.Context, stop <-chan struct{}) error
	// operate gives an operator's commands.
	operate(ctx context.Context, commands []command) error
	// settle has every account refreshed once more, undisturbed.
	settle(ctx context.Context) error
	// keeps reports whether the pair with this refresh token is kept somewhere
	// other than in the vault.
	keeps(ctx context.Context, a *account, f token.Fingerprint) (bool, error)
}
