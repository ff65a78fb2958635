package main_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/internal/testenv/hydra"
)

// shared is what all rows run on. Most of what a row does is wait for an activity
// to time out, so that there may be more of them than processors.
var shared = testenv.Shared{AtOnce: 6}

func TestMain(m *testing.M) { os.Exit(shared.Around(m).Run()) }

const (
	// patience is how long a row waits for what must come. On an idle machine the
	// slowest comes after a minute.
	patience = 10 * time.Minute
	tick     = 50 * time.Millisecond

	// replayForRows is longer than a row takes on a busy machine.
	replayForRows = time.Hour

	// secretPrefix begins every token and the client's secret at the simulator.
	secretPrefix = "fake-"
)

// What workers log.
const (
	saysAlert    = "needs a person"
	saysHealed   = "healed"
	saysStopping = "stopping; calls in flight finish first"
	saysInHand   = "neither Temporal nor the vault takes the pair"
	saysEscrowed = "pair is in the vault without Temporal's word"
)

// Providers that repeat no answer. The unforgiving one revokes the grant at the
// second sight of a spent token.
var (
	noReplay    = authserver.Options{ReplayWindow: authserver.NoReplay}
	unforgiving = authserver.Options{ReplayWindow: authserver.NoReplay, ReuseRevokes: true}
)

// system is one row's own vault, provider and workers, on the shared server.
type system struct {
	*testenv.System
	t        *testing.T
	temporal client.Client
}

// newSystem starts a system without workers, and lets the row run beside others.
// Directory, task queue and, where o names none, worker and Temporal server are
// filled in, and so is how long Fitbit repeats an answer. At the end its workers
// are killed, and their logs are searched for secrets and data races.
func newSystem(t *testing.T, o testenv.Options) *system {
	t.Helper()
	t.Parallel()
	if o.Temporal == nil {
		o.Temporal = shared.Temporal(t)
	}
	if o.Provider.ReplayWindow == 0 && o.Provider.Provider.Name == "" {
		o.Provider.ReplayWindow = replayForRows
	}
	if o.WorkerBinary == "" {
		o.WorkerBinary = shared.Worker(t)
	}
	o.Dir, o.TaskQueue = t.TempDir(), unique("queue")
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

// workProven starts one more worker and has it write to the vault, with the refresh of an
// account that nothing else is done with. After that its loads change tags alone, until the
// vault refuses something.
func (s *system) workProven(further ...string) *testenv.Worker {
	s.t.Helper()
	w := s.work(further...)
	s.consent().refresh().result()
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

// eventually waits until something holds.
func (s *system) eventually(what string, holds func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(tick) {
		if time.Now().After(deadline) {
			s.t.Fatalf("waited %s in vain until %s", patience, what)
		}
	}
}

// inTime repeats what a busy machine may be too slow for, because the product
// gives it so many seconds and no more. Each try takes an account of its own.
func (s *system) inTime(try func() bool) {
	s.t.Helper()
	for range 5 {
		if try() {
			return
		}
		s.t.Log("too slow; once more with another account")
	}
	s.t.Fatal("too slow five times")
}

// says waits until a worker has logged a message.
func (s *system) says(w *testenv.Worker, message string) {
	s.t.Helper()
	s.eventually("a worker says: "+message, func() bool { return strings.Contains(w.Output(), message) })
}

// sigterm sends SIGTERM to a worker and waits until it is stopping: before that it may
// still be given a task.
func (s *system) sigterm(w *testenv.Worker) {
	s.t.Helper()
	require.NoError(s.t, w.Signal(syscall.SIGTERM))
	s.says(w, saysStopping)
}

// exits waits for a worker's end.
func (s *system) exits(w *testenv.Worker, exitCode int) {
	s.t.Helper()
	select {
	case <-w.Ended():
		require.Equal(s.t, exitCode, w.ExitCode(), w.Output())
	case <-time.After(patience):
		s.t.Fatalf("waited %s in vain for a worker's end", patience)
	}
}

// counts waits until one of a worker's counts, given by the series' name and one of
// its labels, is n.
func (s *system) counts(w *testenv.Worker, n int, series, label, value string) {
	s.t.Helper()
	s.eventually(fmt.Sprintf("%s{%s=%q} is %d", series, label, value, n), func() bool { return s.metric(w, series, label, value) == n })
}

// metric reads one of a worker's counts, over all series with the label; 0 where the worker has
// not counted it yet.
func (s *system) metric(w *testenv.Worker, series, label, value string) (sum int) {
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
			sum += n
		}
	}
	return sum
}

// vaultCalls counts the calls to the vault about a secret.
func (s *system) vaultCalls(secret string, o keyvault.Operation) int {
	return s.Vault.Counts().ByName[strings.ToLower(secret)][o]
}

// link is the network between a worker and a server, which a row can harm.
type link struct {
	t     *testing.T
	proxy *toxiproxy.Proxy
}

// Directions of a link, seen from the worker.
const (
	requests = "upstream"
	answers  = "downstream"
)

// workBehindLink starts a worker that reaches Temporal over a link.
func (s *system) workBehindLink(further ...string) (temporal *link, w *testenv.Worker) {
	s.t.Helper()
	temporal = s.linkTo(s.Temporal.Address())
	return temporal, s.work(append(further, "TEMPORAL_ADDRESS="+temporal.address())...)
}

// linkToVault is a link, and the variable that has a worker use it.
func (s *system) linkToVault() (vault *link, variable string) {
	s.t.Helper()
	vault = s.linkTo(strings.TrimPrefix(s.Vault.URL(), "https://"))
	return vault, "KEY_VAULT_URL=https://" + vault.address()
}

// linkTo puts a link before a server's address.
func (s *system) linkTo(address string) *link {
	s.t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	l := &link{s.t, toxiproxy.NewProxy(server, unique("link"), "127.0.0.1:0", address)}
	require.NoError(s.t, l.proxy.Start())
	s.t.Cleanup(l.proxy.Stop)
	return l
}

// address is what a worker connects to instead of the server.
func (l *link) address() string { return l.proxy.Listen }

// swallow drops all that goes in one direction from now on. Connections stay open,
// so that neither end notices.
func (l *link) swallow(direction string) {
	l.t.Helper()
	_, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(`{"type":"timeout","stream":%q,"attributes":{"timeout":0}}`, direction)))
	require.NoError(l.t, err)
}

// cut closes every connection and refuses new ones.
func (l *link) cut() { l.proxy.Stop() }

// mend lets everything through again. Connections from which something was
// dropped are closed.
func (l *link) mend() {
	l.t.Helper()
	l.proxy.Toxics.ResetToxics(l.t.Context())
	if !l.proxy.Enabled {
		require.NoError(l.t, l.proxy.Start())
	}
}

var serial atomic.Int64

// unique makes a name that no other row uses.
func unique(kind string) string { return fmt.Sprintf("%s-%d", kind, serial.Add(1)) }
