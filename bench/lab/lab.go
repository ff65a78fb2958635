// Package lab is what benchmarks measure in: a Temporal server, the simulated vault
// and provider, the programs to compare, and how to read what they did, from the
// histories, from /proc and from their metrics. All of it runs on this machine's
// loopback.
package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"

	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/internal/testenv/temporal"
)

// EnvServers names the folder with the Temporal server that a cluster runs.
const EnvServers = testenv.EnvServers

// AsReleased are the flags that the programs are released with.
var AsReleased = []string{"-trimpath", "-ldflags=-s -w"}

// Options say what to measure in.
type Options struct {
	// Cluster is a server on PostgreSQL in place of the development server.
	Cluster bool
	// Temporal is a server that runs already; then Cluster does not count.
	Temporal *temporal.Server
	// WorkerBinary is a worker that is built already; empty builds one.
	WorkerBinary string
	// BuildFlags are for go build.
	BuildFlags []string
	TaskQueue  string
	Provider   authserver.Options
	Vault      keyvault.Options
	Progress   io.Writer
}

// Lab is a running one. Close ends it.
type Lab struct {
	*testenv.System
	Client client.Client
	Worker string // the worker's program
	Dir    string

	flags   []string
	cluster *temporal.Cluster // nil where the server is the caller's
	say     func(format string, args ...any)
}

// Open runs everything but workers.
func Open(ctx context.Context, o Options) (l *Lab, err error) {
	l = &Lab{Worker: o.WorkerBinary, flags: o.BuildFlags, say: func(format string, args ...any) { _, _ = fmt.Fprintf(o.Progress, format+"\n", args...) }}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Close())
		}
	}()
	if l.Dir, err = os.MkdirTemp("", "tokenkeeper-bench-"); err != nil {
		return l, err
	}
	if l.Worker == "" {
		l.say("building the worker")
		if l.Worker, err = testenv.BuildWorker(ctx, l.Dir, l.flags...); err != nil {
			return l, err
		}
	}
	server := o.Temporal
	if server == nil {
		if l.cluster, err = startServer(ctx, o, l.Dir); err != nil {
			return l, err
		}
		server = l.cluster.Temporal
	}
	l.System, err = testenv.Start(ctx, testenv.Options{Dir: l.Dir, Temporal: server, WorkerBinary: l.Worker, TaskQueue: o.TaskQueue, Provider: o.Provider, Vault: o.Vault})
	if err != nil {
		return l, err
	}
	l.Client, err = server.Dial()
	return l, err
}

func startServer(ctx context.Context, o Options, dir string) (*temporal.Cluster, error) {
	cli, err := temporal.FindOrBuild(ctx, o.Progress)
	if err != nil {
		return nil, err
	}
	if !o.Cluster {
		server, err := temporal.StartTemporal(ctx, cli, dir, 0, 0)
		return &temporal.Cluster{Temporal: server}, err
	}
	bin := os.Getenv(EnvServers)
	if bin == "" {
		bin = ".bin"
	}
	return temporal.StartCluster(ctx, cli, bin, dir)
}

// Build compiles one of the module's programs and returns its path.
func (l *Lab) Build(ctx context.Context, pkg string) (string, error) {
	path := filepath.Join(l.Dir, filepath.Base(pkg))
	args := append([]string{"build", "-o", path}, l.flags...)
	out, err := exec.CommandContext(ctx, "go", append(args, pkg)...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	return path, nil
}

// Close ends everything and removes its files.
func (l *Lab) Close() error {
	var problems []error
	if l.Client != nil {
		l.Client.Close()
	}
	if l.System != nil {
		problems = append(problems, l.System.Stop())
	}
	if l.cluster != nil {
		problems = append(problems, l.cluster.Stop())
	}
	if l.Dir != "" {
		problems = append(problems, os.RemoveAll(l.Dir))
	}
	return errors.Join(problems...)
}

// PaceVariable is the worker's variable that keeps the fleet below the vault's quota.
const PaceVariable = "TOKENKEEPER_MAX_SECRET_WRITES_PER_SECOND"

// Get is the body of a page.
func Get(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	return string(body), err
}
