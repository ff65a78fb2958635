package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/demo/system"
	"tokenkeeper/internal/testenv/temporal"
)

// demo is the demo as a process of its own, with a folder of its own for all
// that it puts into temporary folders.
type demo struct {
	*exec.Cmd
	temporary        string
	stdout, progress string // files, so that they can be read meanwhile
}

func launch(t *testing.T, program string, args ...string) *demo {
	t.Helper()
	output := t.TempDir()
	d := &demo{
		Cmd:       exec.CommandContext(t.Context(), program, args...),
		temporary: t.TempDir(),
		stdout:    filepath.Join(output, "stdout"),
		progress:  filepath.Join(output, "stderr"),
	}
	d.Env = append(os.Environ(), "TMPDIR="+d.temporary, temporal.EnvPath+"="+temporal.ForTest(t))
	d.Stdout, d.Stderr = create(t, d.stdout), create(t, d.progress)
	require.NoError(t, d.Start())
	return d
}

func create(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.Create(path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}

// children are the processes with the temporary folder on their command line:
// the server's database and the worker's program are there.
func (d *demo) children(t *testing.T) []string {
	t.Helper()
	list, err := exec.CommandContext(t.Context(), "ps", "-eww", "-o", "pid=,args=").Output()
	require.NoError(t, err)
	var found []string
	for line := range strings.Lines(string(list)) {
		if strings.Contains(line, d.temporary) {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}

// runs waits until server and worker are there and the cron was started.
func (d *demo) runs(t *testing.T) {
	t.Helper()
	d.eventually(t, func() bool {
		return strings.Contains(read(t, d.progress), "temporal workflow start") && len(d.children(t)) == 2
	})
}

func (d *demo) eventually(t *testing.T, holds func() bool) {
	t.Helper()
	require.NoError(t, system.Wait(t.Context(), holds), read(t, d.progress))
}

func (d *demo) requireNothingLeft(t *testing.T) {
	t.Helper()
	require.Empty(t, d.children(t))
	left, err := os.ReadDir(d.temporary)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestTheDemoAsAProcess(t *testing.T) {
	temporal.ForTest(t)
	program := filepath.Join(t.TempDir(), "demo")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "tokenkeeper/demo").CombinedOutput()
	require.NoError(t, err, "%s", out)

	t.Run("once ends with one line of JSON", func(t *testing.T) {
		d := launch(t, program, "--once")
		require.NoError(t, d.Wait(), read(t, d.progress))
		const once = `^\{"refreshes":2,"generation":(\d+),"tokens_lost":0,"provider_calls":(\d+),"web_ui":"http://localhost:\d+/namespaces/default/workflows/fitbit-token-refresh"\}\n$`
		said := regexp.MustCompile(once).FindStringSubmatch(read(t, d.stdout))
		require.Len(t, said, 3, read(t, d.stdout))
		generation, calls := number(t, said[1]), number(t, said[2])
		require.GreaterOrEqual(t, generation, 2, "on a slow machine the cron fires again before the refresh by hand")
		require.GreaterOrEqual(t, calls, generation)
		d.requireNothingLeft(t)
	})
	t.Run("a signal ends it and leaves nothing", func(t *testing.T) {
		d := launch(t, program)
		d.runs(t)
		d.eventually(t, func() bool { return strings.Contains(read(t, d.stdout), "worker") })
		require.NoError(t, d.Process.Signal(syscall.SIGTERM))
		require.NoError(t, d.Wait(), read(t, d.progress))
		require.Contains(t, read(t, d.stdout), "$ temporal workflow start --type RefreshTokens")
		d.requireNothingLeft(t)
	})
	t.Run("an interrupted once says so", func(t *testing.T) {
		d := launch(t, program, "--once")
		d.runs(t)
		require.NoError(t, d.Process.Signal(os.Interrupt))
		require.Error(t, d.Wait())
		require.Equal(t, 1, d.ProcessState.ExitCode())
		require.Contains(t, read(t, d.progress), "demo: interrupted\n")
		require.Empty(t, read(t, d.stdout))
		d.requireNothingLeft(t)
	})
	t.Run("its children die with it where it is killed", func(t *testing.T) {
		if runtime.GOOS != "linux" {
			t.Skip("only Linux ends the children of a process that was killed")
		}
		d := launch(t, program)
		d.runs(t)
		require.NoError(t, d.Process.Kill())
		require.Error(t, d.Wait())
		d.eventually(t, func() bool { return len(d.children(t)) == 0 })
	})
	t.Run("keep leaves databases and logs", func(t *testing.T) {
		kept := filepath.Join(t.TempDir(), "kept")
		d := launch(t, program, "--keep", kept)
		d.eventually(t, func() bool { return strings.Contains(read(t, d.progress), "temporal workflow start") })
		require.NoError(t, d.Process.Signal(syscall.SIGTERM))
		require.NoError(t, d.Wait(), read(t, d.progress))
		for _, file := range []string{"temporal.db", "temporal.log", "worker.log"} {
			require.FileExists(t, filepath.Join(kept, file))
		}
	})
}
