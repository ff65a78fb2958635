package stacktest

import (
	"context"
	"testing"

	"tokenkeeper/internal/sim/stack"
	"tokenkeeper/internal/sim/temporalcli"
)

// OwnTemporal is a server that the test may harm. It ends with the test.
func OwnTemporal(t testing.TB) *stack.Temporal {
	t.Helper()
	server, err := starter(t)(t.Context(), t.TempDir())
	if err != nil {
		t.Fatalf("start a Temporal server for this test: %v", err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// starter starts a Temporal server that keeps what it knows and its logs in a
// folder. Where this machine has none it ends the test as [temporalcli.ForTest]
// does.
func starter(t testing.TB) func(ctx context.Context, dir string) (*stack.Temporal, error) {
	t.Helper()
	cli := temporalcli.ForTest(t)
	return func(ctx context.Context, dir string) (*stack.Temporal, error) {
		return stack.StartTemporal(ctx, cli, dir, 0, 0)
	}
}
