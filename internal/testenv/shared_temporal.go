package testenv

import (
	"context"
	"os"
	"testing"

	"tokenkeeper/internal/testenv/temporal"
)

const (
	// EnvTemporal says what tests run against: "dev", which it is where it is
	// unset, for the development server, or "cluster" for a server on PostgreSQL.
	EnvTemporal = "TOKENKEEPER_TEST_TEMPORAL"

	// EnvServers names the folder into which temporal.Build has built.
	EnvServers = "TOKENKEEPER_TEMPORAL_SERVERS"
)

// OwnTemporal is a server that the test may harm. It ends with the test.
func OwnTemporal(t testing.TB) *temporal.Server {
	t.Helper()
	return own(t, starter(t)).Temporal
}

// OwnCluster is a server on PostgreSQL that the test may harm, and its database
// as well. It ends with the test. Where tests do not run against a cluster the
// test is skipped.
func OwnCluster(t testing.TB) *temporal.Cluster {
	t.Helper()
	if os.Getenv(EnvTemporal) != "cluster" {
		t.Skip("this test needs a Temporal server on PostgreSQL; run it with: make test-cluster")
	}
	return own(t, starter(t))
}

func own(t testing.TB, start func(context.Context, string) (*temporal.Cluster, error)) *temporal.Cluster {
	t.Helper()
	server, err := start(t.Context(), t.TempDir())
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
// folder; a development server is a cluster without PostgreSQL. Where this
// machine has none it ends the test as [temporal.ForTest] does.
func starter(t testing.TB) func(ctx context.Context, dir string) (*temporal.Cluster, error) {
	t.Helper()
	cli := temporal.ForTest(t)
	switch kind := os.Getenv(EnvTemporal); kind {
	case "", "dev":
		return func(ctx context.Context, dir string) (*temporal.Cluster, error) {
			server, err := temporal.StartTemporal(ctx, cli, dir, 0, 0)
			return &temporal.Cluster{Temporal: server}, err
		}
	case "cluster":
		return func(ctx context.Context, dir string) (*temporal.Cluster, error) {
			return temporal.StartCluster(ctx, cli, os.Getenv(EnvServers), dir)
		}
	default:
		t.Fatalf("%s is %q; it is dev or cluster", EnvTemporal, kind)
		return nil
	}
}
