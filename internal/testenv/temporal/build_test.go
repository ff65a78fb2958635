package temporal_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/testenv/temporal"
)

const (
	recent = "temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)"
	old    = "temporal version 1.1.2 (Server 1.25.0, UI 2.30.3)"
)

// A "go" that prints what the real one prints and installs a recent CLI.
const goodGo = `
echo "go: downloading google.golang.org/grpc v1.72.0" >&2
echo "google.golang.org/grpc" >&2
printf '#!/bin/sh\necho "` + recent + `"\n' > "$GOBIN/temporal"
chmod +x "$GOBIN/temporal"`

func TestEnsureLeavesAGoodOneAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "temporal")
	script(t, path, `echo "`+recent+`"`)
	before, err := os.Stat(path)
	require.NoError(t, err)
	t.Setenv("PATH", t.TempDir())

	require.NoError(t, temporal.Ensure(t.Context(), path, io.Discard))

	after, err := os.Stat(path)
	require.NoError(t, err)
	require.True(t, os.SameFile(before, after))
}

func TestEnsureLinksToAGoodOneOnPath(t *testing.T) {
	onPath := pathWith(t, map[string]string{"temporal": `echo "` + recent + `"`})
	path := filepath.Join(t.TempDir(), "bin", "temporal")

	require.NoError(t, temporal.Ensure(t.Context(), path, io.Discard))

	target, err := os.Readlink(path)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(onPath, "temporal"), target)
	requireAlone(t, path)
}

func TestEnsureReplacesALinkWhoseTargetIsGone(t *testing.T) {
	pathWith(t, map[string]string{"temporal": `echo "` + recent + `"`})
	path := filepath.Join(t.TempDir(), "temporal")
	require.NoError(t, os.Symlink(filepath.Join(t.TempDir(), "gone"), path))

	require.NoError(t, temporal.Ensure(t.Context(), path, io.Discard))

	require.FileExists(t, path)
}

func TestEnsureBuildsWhereTheOneOnPathIsTooOld(t *testing.T) {
	pathWith(t, map[string]string{"temporal": `echo "` + old + `"`, "go": goodGo})
	path := filepath.Join(t.TempDir(), "temporal")
	var out bytes.Buffer

	require.NoError(t, temporal.Ensure(t.Context(), path, &out))

	require.Contains(t, out.String(), "too old: its server is 1.25, need 1.29")
	require.Contains(t, out.String(), "building the Temporal CLI v1.5.1 from source")
	requireAlone(t, path)
}

func TestEnsureReplacesOneThatIsTooOld(t *testing.T) {
	pathWith(t, map[string]string{"go": goodGo})
	path := filepath.Join(t.TempDir(), "temporal")
	script(t, path, `echo "`+old+`"`)

	require.NoError(t, temporal.Ensure(t.Context(), path, io.Discard))

	t.Setenv(temporal.EnvPath, path)
	_, err := temporal.Find(t.Context())
	require.NoError(t, err)
}

func TestTwoEnsuresAtOnceBothEndWithAGoodOne(t *testing.T) {
	pathWith(t, map[string]string{"go": goodGo})
	path := filepath.Join(t.TempDir(), "temporal")
	errs := make([]error, 2)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = temporal.Ensure(t.Context(), path, io.Discard) })
	}
	wg.Wait()

	require.NoError(t, errs[0])
	require.NoError(t, errs[1])
	requireAlone(t, path)
}

func TestEnsureSaysWhyABuildFailedAndWhatToDo(t *testing.T) {
	pathWith(t, map[string]string{"go": `echo "go: dial tcp: lookup proxy.invalid: no such host" >&2; exit 1`})
	path := filepath.Join(t.TempDir(), "temporal")

	err := temporal.Ensure(t.Context(), path, io.Discard)

	require.ErrorContains(t, err, "no such host")
	require.ErrorContains(t, err, "Go module proxy")
	require.ErrorContains(t, err, "put it on PATH")
	requireEmpty(t, filepath.Dir(path))
}

func TestEnsureRefusesABuildThatDoesNotRun(t *testing.T) {
	pathWith(t, map[string]string{"go": `printf '#!/bin/sh\nexit 3\n' > "$GOBIN/temporal"; chmod +x "$GOBIN/temporal"`})
	path := filepath.Join(t.TempDir(), "temporal")

	require.ErrorContains(t, temporal.Ensure(t.Context(), path, io.Discard), "just built is no good")
	requireEmpty(t, filepath.Dir(path))
}

func TestAnInterruptedEnsureLeavesNothingBehind(t *testing.T) {
	started := filepath.Join(t.TempDir(), "started")
	pathWith(t, map[string]string{"go": `: > "` + started + `"; exec sleep 60`})
	path := filepath.Join(t.TempDir(), "temporal")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- temporal.Ensure(ctx, path, io.Discard) }()

	require.Eventually(t, func() bool { _, err := os.Stat(started); return err == nil }, 2*time.Minute, 5*time.Millisecond)
	cancel()

	require.ErrorIs(t, <-ended, context.Canceled)
	requireEmpty(t, filepath.Dir(path))
}

// pathWith makes PATH a folder of these scripts before the system's own, so
// that their commands work, and returns that folder.
func pathWith(t *testing.T, scripts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, body := range scripts {
		script(t, filepath.Join(dir, name), body)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+"/usr/bin"+string(os.PathListSeparator)+"/bin")
	return dir
}

func script(t *testing.T, path, body string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o755))
}

// requireAlone fails unless path works and is all that its folder holds.
func requireAlone(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.FileExists(t, path)
}

func requireEmpty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
}
