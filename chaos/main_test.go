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

// atOnce is how many rows run at a time: most of what they do is wait for an
// activity to time out, so that there may be more of them than processors.
const atOnce = "6"

// shared is what all rows stand on: one Temporal server and one worker binary,
// made by the first row that wants them.
var shared struct {
	sync.Once
	dir      string
	temporal *stack.Temporal
	worker   string
	err      error
}

func TestMain(m *testing.M) {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "test.parallel" })
	if !asked {
		_ = flag.Set("test.parallel", atOnce)
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

// sharedTemporal is the server that rows share unless they harm it.
func sharedTemporal(t *testing.T) *stack.Temporal {
	t.Helper()
	prepare(t)
	return shared.temporal
}

// workerBinary is the product's worker, built with the race detector.
func workerBinary(t *testing.T) string {
	t.Helper()
	prepare(t)
	return shared.worker
}

func prepare(t *testing.T) {
	t.Helper()
	cli := temporalcli.ForTest(t)
	shared.Do(func() {
		ctx := context.Background() // outlives the row that happens to be first
		if shared.dir, shared.err = os.MkdirTemp("", "chaos-"); shared.err != nil {
			return
		}
		if shared.worker, shared.err = stack.BuildWorker(ctx, shared.dir, "-race"); shared.err != nil {
			return
		}
		shared.temporal, shared.err = stack.StartTemporal(ctx, cli, shared.dir, 0, 0)
	})
	if shared.err != nil {
		t.Fatalf("prepare what all rows share: %v", shared.err)
	}
}
