package main_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"

	"tokenkeeper/internal/sim/stack"
	"tokenkeeper/internal/sim/temporalcli"
)

// atOnce is how many tests run at a time: most of what they do is wait, so that
// there may be more of them than processors.
const atOnce = "6"

// shared is what all tests stand on, made by the first one that wants it.
var shared struct {
	binary, server sync.Once
	dir            string
	worker         string
	temporal       *stack.Temporal
	workerErr, err error
}

func TestMain(m *testing.M) {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "test.parallel" })
	if !asked {
		_ = flag.Set("test.parallel", atOnce)
	}
	var err error
	if shared.dir, err = os.MkdirTemp("", "worker-test-"); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if shared.temporal != nil {
		if err := shared.temporal.Stop(); err != nil {
			_, _ = fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	_ = os.RemoveAll(shared.dir)
	os.Exit(code)
}

// program is the worker, built with the race detector.
func program(t *testing.T) string {
	t.Helper()
	shared.binary.Do(func() {
		shared.worker, shared.workerErr = stack.BuildWorker(context.Background(), shared.dir, "-race")
	})
	if shared.workerErr != nil {
		t.Fatal(shared.workerErr)
	}
	return shared.worker
}

// server is a Temporal server that no test harms.
func server(t *testing.T) *stack.Temporal {
	t.Helper()
	cli := temporalcli.ForTest(t)
	shared.server.Do(func() {
		shared.temporal, shared.err = stack.StartTemporal(context.Background(), cli, shared.dir, 0, 0)
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.temporal
}
