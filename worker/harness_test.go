package main_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"

	"tokenkeeper/internal/testenv"
	"tokenkeeper/workflows"
)

const (
	patience = 3 * time.Minute
	tick     = 50 * time.Millisecond

	// secretPrefix begins every token and the client's secret at the simulator.
	secretPrefix = "fake-"
)

// system is one test's own vault, provider and workers, on the shared server.
type system struct {
	*testenv.System
	t        *testing.T
	temporal client.Client
}

// newSystem starts a system without workers, and lets the test run beside others.
func newSystem(t *testing.T) *system {
	t.Helper()
	return newSystemOf(t, shared.Worker(t))
}

// newSystemOf is newSystem with another program as its worker.
func newSystemOf(t *testing.T, worker string) *system {
	t.Helper()
	t.Parallel()
	running, err := testenv.Start(t.Context(), testenv.Options{
		Dir: t.TempDir(), WorkerBinary: worker, Temporal: shared.Temporal(t), TaskQueue: unique("queue"),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, running.Stop()) })
	c, err := running.Temporal.Dial()
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return &system{running, t, c}
}

// in is the same system for a test within this one.
func (s *system) in(t *testing.T) *system { return &system{s.System, t, s.temporal} }

// launch starts a worker and does not wait for it. Variables override the
// environment that the system gives it.
func (s *system) launch(variables ...string) process {
	s.t.Helper()
	w, err := s.LaunchWorker(nil, variables...)
	require.NoError(s.t, err)
	p := process{w, s.t}
	s.t.Cleanup(p.inspect)
	return p
}

// work starts a worker and waits until it is ready.
func (s *system) work(variables ...string) process {
	s.t.Helper()
	p := s.launch(variables...)
	require.NoError(s.t, p.Ready(s.t.Context()))
	return p
}

// consent has a new user consent, and returns the account's name.
func (s *system) consent() string {
	s.t.Helper()
	name := unique("account")
	require.NoError(s.t, s.CreateAccount(name))
	return name
}

// refresh runs one refresh of an account to its end.
func (s *system) refresh(account string) (result workflows.Result, err error) {
	s.t.Helper()
	run, err := s.temporal.ExecuteWorkflow(s.t.Context(), client.StartWorkflowOptions{ID: unique("refresh"), TaskQueue: s.TaskQueue()},
		workflows.Type, workflows.Input{Account: account})
	require.NoError(s.t, err)
	return result, run.Get(s.t.Context(), &result)
}

// refreshes asserts that a refresh succeeds and leaves the live token in the vault. Where a
// server that is starved takes long to take a pair, its run has recovered it from the vault.
func (s *system) refreshes(account string) {
	s.t.Helper()
	result, err := s.refresh(account)
	require.NoError(s.t, err)
	require.Contains(s.t, []workflows.Outcome{workflows.Refreshed, workflows.Recovered}, result.Outcome)
	require.True(s.t, s.Provider.IsLive(s.Held(account)))
}

// temporalCLI runs the Temporal CLI against the system's server, and answers
// yes to its questions.
func (s *system) temporalCLI(args ...string) (said string) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		cmd := exec.CommandContext(s.t.Context(), s.Temporal.CLI(), append(args, "--address", s.Temporal.Address())...)
		cmd.Stdin = strings.NewReader("y\n")
		out, err := cmd.CombinedOutput()
		// The server takes a moment to know a version whose workers poll, or is busy.
		passes := strings.Contains(string(out), "Version not found in deployment") || strings.Contains(string(out), "context deadline exceeded")
		if err != nil && passes && time.Now().Before(deadline) {
			continue
		}
		require.NoError(s.t, err, "temporal %v: %s", args, out)
		return string(out)
	}
}

// createNamespace makes a namespace and waits until all of the server knows it.
func (s *system) createNamespace(name string) {
	s.t.Helper()
	s.temporalCLI("operator", "namespace", "create", "--namespace", name)
	c, err := client.Dial(client.Options{HostPort: s.Temporal.Address(), Namespace: name, Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler))})
	require.NoError(s.t, err)
	defer c.Close()
	eventually(s.t, "the server knows the namespace "+name, func() bool {
		_, err := c.ListWorkflow(s.t.Context(), &workflowservice.ListWorkflowExecutionsRequest{})
		return err == nil
	})
}

// failureOf is the application failure that a run ended with.
func failureOf(t *testing.T, err error) *temporal.ApplicationError {
	t.Helper()
	var failure *temporal.ApplicationError
	require.True(t, errors.As(err, &failure), "the run ended with %v", err)
	return failure
}

// oneLine asserts that an output is one sentence on one line.
func oneLine(t *testing.T, said string) {
	t.Helper()
	require.Equal(t, 1, strings.Count(said, "\n"), said)
}

// eventually waits until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(tick) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s in vain until %s", patience, what)
		}
	}
}

var serial atomic.Int64

// unique makes a name that no other test uses.
func unique(kind string) string { return fmt.Sprintf("%s-%d", kind, serial.Add(1)) }
