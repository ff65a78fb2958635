package testenv

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"tokenkeeper/internal/testenv/temporal"
)

const (
	// EnvTemporal is the server that tests run against: "dev", the default, for the
	// development server, or "cluster" for a server on PostgreSQL.
	EnvTemporal = "TOKENKEEPER_TEST_TEMPORAL"

	// EnvServers names the folder into which temporal.BuildServer has built.
	EnvServers = "TOKENKEEPER_TEMPORAL_SERVERS"
)

// Shared is what the tests of one package share: a Temporal server and a build
// of the worker, each made by the first test that asks for it. The zero value is
// ready; a package has one:
//
//	var shared testenv.Shared
//
//	func TestMain(m *testing.M) { os.Exit(shared.Around(m).Run()) }
type Shared struct {
	// AtOnce is how many parallel tests run at a time, where -parallel is not
	// given: tests that mostly wait may be more than there are processors. 0
	// leaves it to go test.
	AtOnce int

	mu       sync.Mutex
	lifetime context.Context // ends where the tests are interrupted
	dir      string
	temporal made[*temporal.Cluster]
	worker   made[string]
}

// made is something that is made once, whether that succeeds or not.
type made[T any] struct {
	tried bool
	value T
	err   error
}

// Runner is a [testing.M], or a replacement of one.
type Runner interface{ Run() int }

// Around runs the tests of m and then ends and removes what they shared, also
// where they are interrupted. Where a test has failed, the servers' logs stay,
// and a line names their folder.
func (s *Shared) Around(m Runner) Runner { return &around{s, m} }

type around struct {
	*Shared
	tests Runner
}

func (a *around) Run() int {
	a.setParallel()
	var stop func()
	a.lifetime, stop = signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ended := make(chan int, 1)
	go func() {
		code := 1
		defer func() { ended <- code }() // also where a test ends this goroutine
		code = a.tests.Run()
	}()
	select {
	case code := <-ended:
		return a.end(code)
	case <-a.lifetime.Done():
		// What single tests have started ends with this process; see process.Run.
		return a.end(1)
	}
}

// setParallel sets -parallel where it was not given.
func (s *Shared) setParallel() {
	flag.Parse()
	given := s.AtOnce == 0
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		_ = flag.Set("test.parallel", strconv.Itoa(s.AtOnce))
	}
}

func (s *Shared) end(code int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	if s.temporal.value != nil {
		err = s.temporal.value.Stop()
	}
	if s.dir != "" {
		err = errors.Join(err, removeFolder(s.dir, code != 0 && s.lifetime.Err() == nil))
	}
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	return code
}

// removeFolder removes a folder. With keepLogs it leaves the logs, where there are
// any, and prints where they are.
func removeFolder(dir string, keepLogs bool) error {
	logs, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil || !keepLogs || len(logs) == 0 {
		return errors.Join(err, os.RemoveAll(dir))
	}
	_, _ = fmt.Fprintf(os.Stderr, "the servers' logs are in %s\n", dir)
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if filepath.Ext(e.Name()) != ".log" {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

// Temporal is a server that no test harms. Where this machine has none, the test
// is skipped or fails as [temporal.ForTest] describes.
func (s *Shared) Temporal(t testing.TB) *temporal.Server {
	t.Helper()
	return makeOnce(t, s, &s.temporal, chooseServer(t)).Temporal
}

// Worker is the path of the product's worker, built with the race detector where
// there is a C compiler.
func (s *Shared) Worker(t testing.TB) string {
	t.Helper()
	return makeOnce(t, s, &s.worker, func(ctx context.Context, dir string) (string, error) {
		hasC, err := HasCCompiler(ctx)
		switch {
		case err != nil:
			return "", err
		case hasC:
			return BuildWorker(ctx, dir, "-race")
		}
		return BuildWorker(ctx, dir)
	})
}

// HasCCompiler reports whether go finds a C compiler, which the race detector
// needs on most systems, and everything with SQLite in it. Go itself does not.
func HasCCompiler(ctx context.Context) (bool, error) {
	enabled, err := exec.CommandContext(ctx, "go", "env", "CGO_ENABLED").Output()
	if err != nil {
		return false, fmt.Errorf("ask go for a C compiler: %w", err)
	}
	return strings.TrimSpace(string(enabled)) == "1", nil
}

// makeOnce makes what was not yet tried, in the folder of all that is shared, for
// longer than the test lives.
func makeOnce[T any](t testing.TB, s *Shared, m *made[T], start func(ctx context.Context, dir string) (T, error)) T {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dir == "" {
		dir, err := os.MkdirTemp("", "tokenkeeper-tests-")
		if err != nil {
			t.Fatal(err)
		}
		s.dir = dir
	}
	if !m.tried {
		m.value, m.err = start(s.lifetime, s.dir)
		m.tried = true
	}
	if m.err != nil {
		t.Fatalf("make what the tests of this package share: %v", m.err)
	}
	return m.value
}

// OwnTemporal is a server that the test may harm. It ends with the test.
func OwnTemporal(t testing.TB) *temporal.Server {
	t.Helper()
	return startOwn(t).Temporal
}

// OwnCluster is a server on PostgreSQL that the test may harm, and its database
// as well. It ends with the test. Where tests do not run against a cluster the
// test is skipped.
func OwnCluster(t testing.TB) *temporal.Cluster {
	t.Helper()
	if os.Getenv(EnvTemporal) != "cluster" {
		t.Skip("this test needs a Temporal server on PostgreSQL; run it with: make test-cluster")
	}
	return startOwn(t)
}

func startOwn(t testing.TB) *temporal.Cluster {
	t.Helper()
	server, err := chooseServer(t)(t.Context(), t.TempDir())
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

// chooseServer returns what starts the kind of Temporal server that EnvTemporal
// names, with its database and its logs in a folder; a development server is a
// cluster without PostgreSQL. Where this machine has no CLI it ends the test as
// [temporal.ForTest] does.
func chooseServer(t testing.TB) func(ctx context.Context, dir string) (*temporal.Cluster, error) {
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
