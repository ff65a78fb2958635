package main_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/testenv"
	"tokenkeeper/internal/testenv/hydra"
)

const (
	// patience is how long a row waits for what must come: longer than the
	// longest activity timeout and the pauses that follow it.
	patience = 3 * time.Minute
	tick     = 50 * time.Millisecond

	// secretPrefix begins every token and the client's secret at the simulator.
	secretPrefix = "fake-"
)

// secretIn reports whether a text holds a token of a provider's or the secret of
// a client.
func (s *system) secretIn(text string) bool {
	secrets := []string{secretPrefix, hydra.TokenPrefix}
	for _, name := range []string{"FitbitCredentials", "HydraCredentials"} {
		for _, v := range s.Vault.Versions(name) {
			client, _ := base64.StdEncoding.DecodeString(v.Value)
			_, secret, _ := strings.Cut(string(client), ":")
			secrets = append(secrets, v.Value, secret)
		}
	}
	return slices.ContainsFunc(secrets, func(secret string) bool { return secret != "" && strings.Contains(text, secret) })
}

// system is one row's own vault, provider and workers, on the shared server.
type system struct {
	*testenv.System
	t        *testing.T
	temporal client.Client
}

// newSystem starts a system without workers, and lets the row run beside others.
// Directory, worker, task queue and, where o names none, the Temporal server are
// filled in. At the end its workers are killed, and their logs are searched for
// secrets and data races.
func newSystem(t *testing.T, o testenv.Options) *system {
	t.Helper()
	t.Parallel()
	if o.Temporal == nil {
		o.Temporal = shared.Temporal(t)
	}
	o.Dir, o.WorkerBinary, o.TaskQueue = t.TempDir(), shared.Worker(t), unique("queue")
	running, err := testenv.Start(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, running.Stop()) })
	c, err := running.Temporal.Dial()
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return &system{System: running, t: t, temporal: c}
}

// work starts one more worker and waits until it is ready. Further variables
// override the environment that the system gives it.
func (s *system) work(further ...string) *testenv.Worker {
	s.t.Helper()
	w, err := s.StartWorker(s.t.Context(), nil, further...)
	if w != nil {
		s.t.Cleanup(func() { s.inspect(w) })
	}
	require.NoError(s.t, err)
	return w
}

// inspect ends a worker and reads what it printed.
func (s *system) inspect(w *testenv.Worker) {
	w.Kill()
	said := w.Output()
	require.NotContains(s.t, said, "DATA RACE")
	if s.secretIn(said) {
		s.t.Error("a worker's log holds a secret")
		return // and is not printed
	}
	if s.t.Failed() {
		s.t.Logf("worker %d said:\n%s", w.PID(), said)
	}
}

// eventually waits until something holds.
func (s *system) eventually(what string, holds func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(tick) {
		if time.Now().After(deadline) {
			s.t.Fatalf("waited %s in vain until %s", patience, what)
		}
	}
}

// metric reads one of a worker's counts, by the series' name and one of its
// labels; 0 where the worker has not counted it yet.
func (s *system) metric(w *testenv.Worker, series, label, value string) int {
	s.t.Helper()
	answer, err := http.Get(w.HTTP + "/metrics")
	require.NoError(s.t, err)
	defer func() { _ = answer.Body.Close() }()
	page, err := io.ReadAll(answer.Body)
	require.NoError(s.t, err)
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, series+"{") && strings.Contains(line, fmt.Sprintf("%s=%q", label, value)) {
			var n int
			_, err := fmt.Sscan(line[strings.LastIndex(line, "}")+1:], &n)
			require.NoError(s.t, err)
			return n
		}
	}
	return 0
}

var serial atomic.Int64

// unique makes a name that no other row uses.
func unique(kind string) string { return fmt.Sprintf("%s-%d", kind, serial.Add(1)) }
