package temporal

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// Ensure makes path a Temporal CLI that is recent enough. It leaves a good one
// as it is, else links path to the one on PATH, else builds Version from
// source, which takes minutes and shows its progress on out, a line every few
// seconds. Path appears complete or not at all, so that two Ensures of one path
// may run at once.
func Ensure(ctx context.Context, path string, out io.Writer) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("find %s: %w", path, err)
	}
	if exists(path) && check(ctx, path) == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make the folder for the Temporal CLI: %w", err)
	}
	// The folder is beside path, because only within one file system is a
	// rename atomic.
	scratch, err := os.MkdirTemp(filepath.Dir(path), "temporal-*")
	if err != nil {
		return fmt.Errorf("make a folder to build the Temporal CLI in: %w", err)
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	fresh := filepath.Join(scratch, "temporal")

	if installed, err := exec.LookPath("temporal"); err == nil {
		if err := check(ctx, installed); err == nil {
			_, _ = fmt.Fprintf(out, "temporal: using %s\n", installed)
			return link(installed, fresh, path)
		} else {
			_, _ = fmt.Fprintf(out, "temporal: not using the one on PATH: %v\n", err)
		}
	}
	if err := build(ctx, scratch, out); err != nil {
		return err
	}
	if err := check(ctx, fresh); err != nil {
		return fmt.Errorf("the Temporal CLI that was just built is no good: %w", err)
	}
	if err := os.Rename(fresh, path); err != nil {
		return fmt.Errorf("put the Temporal CLI in place: %w", err)
	}
	return nil
}

func link(installed, fresh, path string) error {
	target, err := filepath.Abs(installed)
	if err != nil {
		return fmt.Errorf("find the Temporal CLI on PATH: %w", err)
	}
	if err := os.Symlink(target, fresh); err != nil {
		return fmt.Errorf("link to the Temporal CLI on PATH: %w", err)
	}
	if err := os.Rename(fresh, path); err != nil {
		return fmt.Errorf("link to the Temporal CLI on PATH: %w", err)
	}
	return nil
}
