// Package system runs everything that the demo shows, on one machine: a Temporal
// development server with its Web UI, a vault, a provider with one consented
// account, and a worker. What an operator would do by hand, such as starting the
// cron, is done by the Temporal CLI, as an operator would do it.
//
// [Start] runs it, [Observer.Snapshot] reads its state, and [System.Audit] compares
// what the vault holds with what the provider would take.
package system

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"

	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/internal/token"
)

// The ports that the Temporal CLI uses without an address.
const (
	usualPort   = 7233
	usualUIPort = 8233
)

// Account is the one that the demo keeps alive.
var Account = token.Account{Provider: token.DefaultProvider, Name: token.DefaultAccount}

// Options say how to run the system. The zero value, but for the required
// fields, runs in a temporary folder on free ports.
type Options struct {
	// CLI is the Temporal CLI that serves and that is typed on. Required.
	CLI string
	// Keep is the folder to work in, which is left behind. Without it a temporary
	// folder is used and removed.
	Keep string
	// UsualPorts takes the Temporal server's usual ports where they are free.
	UsualPorts bool
	// Cron is when to refresh, such as "@every 20s". Required.
	Cron     string
	Provider authserver.Options
	// Progress gets a line at a time while things are built and started. Required.
	Progress io.Writer
}

// System is a running system. Stop ends it.
type System struct {
	*testenv.System
	temporal client.Client
	cron     string
	dir      string
	isKept   bool
	log      *os.File // of all workers

	mu      sync.Mutex
	workers []*testenv.Worker // those that were not killed
}

// Start builds a worker and runs everything but the cron.
func Start(ctx context.Context, o Options) (s *System, err error) {
	s = &System{cron: o.Cron, dir: o.Keep, isKept: o.Keep != ""}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop())
		}
	}()
	if err = s.makeFolder(); err != nil {
		return s, err
	}
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(o.Progress, "demo: "+format+"\n", args...) }
	say("building the worker")
	binary, err := testenv.BuildWorker(ctx, s.dir)
	if err != nil {
		return s, err
	}
	var port, uiPort int
	if o.UsualPorts {
		port, uiPort = ifFree(usualPort, say), ifFree(usualUIPort, say)
	}
	say("starting a Temporal server, a vault and a provider (%s)", o.CLI)
	s.System, err = testenv.Start(ctx, testenv.Options{
		Dir: s.dir, CLI: o.CLI, WorkerBinary: binary, Port: port, UIPort: uiPort, Provider: o.Provider,
	})
	if err != nil {
		return s, err
	}
	say("consenting for %s", Account)
	if err = s.CreateAccount(Account.Name); err != nil {
		return s, err
	}
	if s.temporal, err = s.Temporal.Dial(); err != nil {
		return s, err
	}
	say("starting a worker")
	return s, s.AddWorker(ctx)
}

// makeFolder makes the folder to work in and the workers' log in it.
func (s *System) makeFolder() (err error) {
	if s.isKept {
		if err = os.MkdirAll(s.dir, 0o700); err != nil {
			return fmt.Errorf("make the folder to keep: %w", err)
		}
	} else if s.dir, err = os.MkdirTemp("", "tokenkeeper-demo-"); err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	s.log, err = os.OpenFile(filepath.Join(s.dir, "worker.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	return err
}

// Dir is the folder with the databases and the logs.
func (s *System) Dir() string { return s.dir }

// AddWorker runs one more worker and waits until it takes work.
func (s *System) AddWorker(ctx context.Context) error {
	w, err := s.LaunchWorker(s.log)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.workers = append(s.workers, w)
	s.mu.Unlock()
	return w.Ready(ctx)
}

// KillWorkers ends every worker with SIGKILL.
func (s *System) KillWorkers() {
	for _, w := range s.Workers() {
		w.Kill()
	}
	s.mu.Lock()
	s.workers = nil
	s.mu.Unlock()
}

// Workers are those that were started and not killed.
func (s *System) Workers() []*testenv.Worker {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.workers)
}

// Stop ends everything that Start started and removes the folder unless it is
// to be kept. The system cannot be used any more.
func (s *System) Stop() error {
	var problems []error
	if s.temporal != nil {
		s.temporal.Close()
	}
	if s.System != nil {
		problems = append(problems, s.System.Stop())
	}
	if s.log != nil {
		problems = append(problems, s.log.Close())
	}
	if s.dir != "" && !s.isKept {
		problems = append(problems, os.RemoveAll(s.dir))
	}
	return errors.Join(problems...)
}

// ifFree is the port, or 0 for any where it is taken.
func ifFree(port int, say func(format string, args ...any)) int {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err == nil {
		err = l.Close()
	}
	if err != nil {
		say("port %d is taken, so a free one is used", port)
		return 0
	}
	return port
}
