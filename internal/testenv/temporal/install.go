package temporal

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// progressEvery is how long a newcomer looks at an unchanged terminal.
const progressEvery = 5 * time.Second

// build installs the CLI into the folder bin, telling out how far it is.
func build(ctx context.Context, bin string, out io.Writer) error {
	err := Install(ctx, bin, "the Temporal CLI "+Version, out, Version, module)
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("%w; or install the Temporal CLI 1.5 or newer yourself and put it on PATH", err)
	}
	return err
}

// Install builds programs of one version from source into the folder bin, and
// tells out how far it is, a line every few seconds. title is what they are
// called to a person.
func Install(ctx context.Context, bin, title string, out io.Writer, version string, programs ...string) error {
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
	// go talks on stderr alone; a pipe of our own, unlike StderrPipe, may still
	// be read while Wait waits.
	said, saying := io.Pipe()
	cmd.Stderr = saying
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("build %s: %w; is Go on PATH?", title, err)
	}
	ended := make(chan error, 1)
	go func() {
		err := cmd.Wait()
		_ = saying.Close()
		ended <- err
	}()
	p := watch(said, out, programs)
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

// watch reads what go says until it has said everything, and tells out every
// progressEvery.
func watch(said io.Reader, out io.Writer, programs []string) *progress {
	lines := make(chan string)
	go func() {
		defer close(lines)
		s := bufio.NewScanner(said)
		for s.Scan() {
			lines <- s.Text()
		}
		_, _ = io.Copy(io.Discard, said) // a line too long for Scan must not block go
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
			p.add(line)
		case now := <-tick.C:
			_, _ = fmt.Fprintln(out, p.line(now))
		}
	}
}

// installEnv is environ for an install into the folder bin. go refuses to
// install for another platform into a chosen folder, and another platform's CLI
// would not run here.
func installEnv(environ []string, bin string) []string {
	var kept []string
	for _, entry := range environ {
		switch name, _, _ := strings.Cut(entry, "="); name {
		case "GOOS", "GOARCH", "GOBIN":
		default:
			kept = append(kept, entry)
		}
	}
	return append(kept, "GOBIN="+bin)
}
