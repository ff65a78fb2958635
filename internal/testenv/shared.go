// Package stacktest gives tests the real servers and programs that they stand
// on. [Shared] holds what all tests of a package share; [OwnTemporal] is for the
// test that does harm to its server.
package testenv

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"tokenkeeper/internal/testenv/temporal"
)

// Shared is what the tests of one package share: a Temporal server and a build
// of the worker, each made by the first test that asks for it. The zero value is
// ready; a package has one:
//
//	var shared testenv.Shared
//
//	func TestMain(m *testing.M) { os.Exit(shared.Around(m).Run()) }
type Shared struct {
	// AtOnce is how many parallel tests run at a time, where -parallel says
	// nothing: tests that mostly wait may be more than there are processors. 0
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
	it    T
	err   error
}

// Runner is a [testing.M], or what stands in for one.
type Runner interface{ Run() int }

// Around runs the tests of m and then ends and removes what they shared, also
// where they are interrupted. Where a test has failed, the servers' logs stay,
// and a line says where.
func (s *Shared) Around(m Runner) Runner { return &around{s, m} }

type around struct {
	*Shared
	tests Runner
}

func (a *around) Run() int {
	a.limit()
	var stop func()
	a.lifetime, stop = signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ended := make(chan int, 1)
	go func() { ended <- a.tests.Run() }()
	select {
	case code := <-ended:
		return a.end(code)
	case <-a.lifetime.Done():
		// What single tests have started ends with this process; see process.Run.
		return a.end(1)
	}
}

// limit sets -parallel where nobody did.
func (s *Shared) limit() {
	flag.Parse()
	asked := s.AtOnce == 0
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "test.parallel" })
	if !asked {
		_ = flag.Set("test.parallel", strconv.Itoa(s.AtOnce))
	}
}

func (s *Shared) end(code int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	if s.temporal.it != nil {
		err = s.temporal.it.Stop()
	}
	if s.dir != "" {
		err = errors.Join(err, tidy(s.dir, code != 0 && s.lifetime.Err() == nil))
	}
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	return code
}

// Temporal is a server that no test harms. Where this machine has none, the test
// is skipped or fails as [temporal.ForTest] says.
func (s *Shared) Temporal(t testing.TB) *temporal.Server {
	t.Helper()
	start := starter(t)
	return once(t, s, &s.temporal, start).Temporal
}

// Worker is the path of the product's worker, built with the race detector where
// there is a C compiler.
func (s *Shared) Worker(t testing.TB) string {
	t.Helper()
	return once(t, s, &s.worker, func(ctx context.Context, dir string) (string, error) {
		var flags []string
		switch hasC, err := HasCCompiler(ctx); {
		case err != nil:
			return "", err
		case hasC:
			flags = append(flags, "-race")
		}
		return BuildWorker(ctx, dir, flags...)
	})
}

// once makes what was not yet tried, in the folder of all that is shared, for
// longer than the test lives.
func once[T any](t testing.TB, s *Shared, m *made[T], how func(ctx context.Context, dir string) (T, error)) T {
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
		m.it, m.err = how(s.lifetime, s.dir)
		m.tried = true
	}
	if m.err != nil {
		t.Fatalf("make what the tests of this package share: %v", m.err)
	}
	return m.it
}
