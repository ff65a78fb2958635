package temporal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	// Version is the CLI that Ensure builds. Later ones cannot be built by
	// "go install": their go.mod has replace directives.
	Version = "v1.5.1"

	module = "github.com/temporalio/cli/cmd/temporal"

	// ServerVersion is the server that BuildServer builds.
	ServerVersion = "v1.32.0"

	serverModule = "go.temporal.io/server"

	// progressEvery is how long a terminal stays unchanged during a build.
	progressEvery = 5 * time.Second

	// keptMessages bounds what an error repeats of go's messages.
	keptMessages = 10
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
	if exists(path) && checkCLI(ctx, path) == nil {
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
	linked, err := linkInstalled(ctx, fresh, out)
	if err == nil && !linked {
		err = buildCLI(ctx, fresh, out)
	}
	if err != nil {
		return err
	}
	if err := os.Rename(fresh, path); err != nil {
		return fmt.Errorf("put the Temporal CLI in place: %w", err)
	}
	return nil
}

// linkInstalled makes fresh a link to the CLI on PATH, where that is recent enough.
func linkInstalled(ctx context.Context, fresh string, out io.Writer) (linked bool, err error) {
	installed, err := exec.LookPath("temporal")
	if err != nil {
		return false, nil // nothing on PATH
	}
	if err := checkCLI(ctx, installed); err != nil {
		_, _ = fmt.Fprintf(out, "temporal: not using the one on PATH: %v\n", err)
		return false, nil
	}
	_, _ = fmt.Fprintf(out, "temporal: using %s\n", installed)
	target, err := filepath.Abs(installed)
	if err == nil {
		err = os.Symlink(target, fresh)
	}
	if err != nil {
		return false, fmt.Errorf("link to the Temporal CLI on PATH: %w", err)
	}
	return true, nil
}

// buildCLI builds the CLI fresh and checks that it runs.
func buildCLI(ctx context.Context, fresh string, out io.Writer) error {
	err := install(ctx, filepath.Dir(fresh), "the Temporal CLI "+Version, out, Version, module)
	switch {
	case err != nil && ctx.Err() == nil:
		return fmt.Errorf("%w; or install the Temporal CLI 1.5 or newer yourself and put it on PATH", err)
	case err != nil:
		return err
	}
	if err := checkCLI(ctx, fresh); err != nil {
		return fmt.Errorf("the Temporal CLI that was just built is no good: %w", err)
	}
	return nil
}

// executables are what a cluster is run with.
type executables struct{ server, sql string }

func executablesIn(bin string) executables {
	return executables{server: filepath.Join(serverFolder(bin), "server"), sql: filepath.Join(serverFolder(bin), "sql")}
}

func serverFolder(bin string) string { return filepath.Join(bin, "temporal-server-"+ServerVersion) }

func (e executables) complete() bool { return exists(e.server) && exists(e.sql) }

// BuildServer puts the Temporal server and its SQL tool into a folder below bin,
// from source, and shows its progress on out. What is there and of ServerVersion
// stays. The folder appears complete or not at all.
func BuildServer(ctx context.Context, bin string, out io.Writer) error {
	bin, err := filepath.Abs(bin)
	if err != nil {
		return err
	}
	if executablesIn(bin).complete() {
		return nil
	}
	scratch, err := os.MkdirTemp(bin, "temporal-server-*")
	if err != nil {
		return fmt.Errorf("make a folder to build the Temporal server in: %w", err)
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	err = install(ctx, scratch, "the Temporal server "+ServerVersion+" and its SQL tool", out,
		ServerVersion, serverModule+"/cmd/server", serverModule+"/cmd/tools/sql")
	if err != nil {
		return err
	}
	if err := os.Rename(scratch, serverFolder(bin)); err != nil && !executablesIn(bin).complete() {
		return fmt.Errorf("put the Temporal server in place: %w", err)
	}
	return nil
}

// install builds programs of one version from source into the folder bin, and
// shows its progress on out, a line every few seconds. title names them there.
func install(ctx context.Context, bin, title string, out io.Writer, version string, programs ...string) error {
	_, _ = fmt.Fprintf(out, "temporal: building %s from source, once; this takes a few minutes\n", title)
	args := []string{"install", "-v"}
	for _, program := range programs {
		args = append(args, program+"@"+version)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = bin // away from any go.work
	cmd.Env = installEnv(os.Environ(), bin)
	// go removes its temporary files and ends its compilers when interrupted,
	// not when killed.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	// go reports on stderr alone. This pipe, unlike StderrPipe's, may still be
	// read while Wait waits.
	reader, writer := io.Pipe()
	cmd.Stderr = writer
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("build %s: %w; is Go on PATH?", title, err)
	}
	ended := make(chan error, 1)
	go func() {
		err := cmd.Wait()
		_ = writer.Close()
		ended <- err
	}()
	p := readProgress(reader, out, programs)
	if err := <-ended; err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("build %s: %w", title, ctx.Err())
		}
		return fmt.Errorf("build %s: go %s: %w\n%s\nIt needs the Go module proxy (go env GOPROXY) and about 3 GB of disk",
			title, strings.Join(args, " "), err, strings.Join(p.messages, "\n"))
	}
	_, _ = fmt.Fprintf(out, "temporal: built in %s\n", p.elapsed(time.Now()))
	return nil
}

// installEnv is environ for an install into the folder bin. go refuses to
// install for another platform into a chosen folder, and another platform's CLI
// would not run here.
func installEnv(environ []string, bin string) []string {
	kept := slices.DeleteFunc(slices.Clone(environ), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains([]string{"GOOS", "GOARCH", "GOBIN"}, name)
	})
	return append(kept, "GOBIN="+bin)
}

// readProgress reads the output of go until it ends, and writes a line to out at
// every progressEvery.
func readProgress(output io.Reader, out io.Writer, programs []string) *progress {
	lines := make(chan string)
	go func() {
		defer close(lines)
		s := bufio.NewScanner(output)
		for s.Scan() {
			lines <- s.Text()
		}
		_, _ = io.Copy(io.Discard, output) // a line too long for Scan must not block go
	}()
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	p := &progress{started: time.Now(), programs: programs}
	for {
		select {
		case line, more := <-lines:
			if !more {
				return p
			}
			p.addLine(line)
		case now := <-tick.C:
			_, _ = fmt.Fprintln(out, p.describe(now))
		}
	}
}

// progress is what "go install -v" has printed so far.
type progress struct {
	started    time.Time
	programs   []string // what is built, and comes last
	downloaded int
	compiled   int
	current    string   // the module or package named last
	messages   []string // the last lines that were neither
}

func (p *progress) addLine(line string) {
	switch {
	case strings.HasPrefix(line, "go: downloading "):
		p.downloaded++
		p.current = strings.TrimPrefix(line, "go: downloading ")
	case line != "" && !strings.ContainsAny(line, " \t:"):
		p.compiled++
		p.current = line
	default:
		p.messages = append(p.messages, line)
		p.messages = p.messages[max(0, len(p.messages)-keptMessages):]
	}
}

// describe is one line, such as
// "temporal: 35s: 212 modules downloaded, 480 packages compiled; now google.golang.org/grpc".
func (p *progress) describe(now time.Time) string {
	doing := p.current
	switch {
	case doing == "":
		doing = "looking up modules"
	case slices.Contains(p.programs, doing):
		doing = "linking"
	}
	return fmt.Sprintf("temporal: %s: %d modules downloaded, %d packages compiled; now %s",
		p.elapsed(now), p.downloaded, p.compiled, doing)
}

func (p *progress) elapsed(now time.Time) time.Duration { return now.Sub(p.started).Round(time.Second) }
