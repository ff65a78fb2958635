package temporal

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
)

// FindOrBuild returns what [Find] finds or, where that is nothing, has [Ensure]
// build .bin/temporal in this module, with its progress on out. The CLI that
// EnvPath names is never replaced.
func FindOrBuild(ctx context.Context, out io.Writer) (string, error) {
	path, err := Find(ctx)
	if err == nil || os.Getenv(EnvPath) != "" {
		return path, err
	}
	root, ok := moduleRoot()
	if !ok {
		return "", errors.Join(err, errors.New("there is no go.mod here; run this in the project's folder"))
	}
	built := filepath.Join(root, ".bin", "temporal")
	return built, Ensure(ctx, built, out)
}
