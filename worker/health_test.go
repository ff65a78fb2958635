package main_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/workflows"
)

func TestAWorkerIsReadyFromItsStartUntilItIsToldToStop(t *testing.T) {
	s := newSystem(t)
	s.duringACall(s.work, func(w process, account string) (inTime bool) {
		require.Equal(t, http.StatusOK, w.status("/healthz"))
		require.Equal(t, http.StatusOK, w.status("/readyz"))
		require.NoError(t, w.Signal(syscall.SIGTERM))
		w.logged("stopping; calls in flight finish first", 1)

		alive, ready := w.status("/healthz"), w.status("/readyz")
		if s.Provider.Release(testenv.UserOf(account)) == 0 {
			return false
		}
		require.Equal(t, http.StatusOK, alive)
		require.Equal(t, http.StatusServiceUnavailable, ready)
		require.Empty(t, w.ends(0))
		w.logged("stopped", 1)
		return true
	})
}

func TestMetricsTellOfARefresh(t *testing.T) {
	s := newSystem(t)
	w := s.work()
	// A server that is starved takes longer than a call waits before it puts the pair into the
	// vault; then another account is refreshed.
	var account string
	var result workflows.Result
	tries := 0
	for ; tries < 3 && result.Outcome != workflows.Refreshed; tries++ {
		account = s.consent()
		var err error
		result, err = s.refresh(account)
		require.NoError(t, err)
	}
	for _, series := range []string{
		`tokenkeeper_refreshes_total{outcome="refreshed",provider="fitbit"} 1`,
		fmt.Sprintf(`tokenkeeper_provider_answers_total{kind="ok",provider="fitbit"} %d`, tries),
		`tokenkeeper_first_copy_seconds_count{where="history"} 1`,
		`tokenkeeper_access_token_expiry_timestamp_seconds{account="` + account + `",provider="fitbit"} `,
		`temporal_workflow_completed_total{`,
		`tokenkeeper_accounts{health="healthy"} `,
		`tokenkeeper_worker_ready 1`,
	} {
		// The SDK counts a run's end a moment after Temporal knows of it.
		eventually(t, "the metrics have "+series, func() bool { return strings.Contains(w.metrics(), "\n"+series) })
	}
	require.NotContains(t, w.metrics(), secretPrefix)
}

func TestAWorkerWhosePortIsTakenSaysSoAndWorksOn(t *testing.T) {
	s := newSystem(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = taken.Close() })
	w := s.launch("TOKENKEEPER_HTTP_ADDRESS=" + taken.Addr().String())
	said := w.logged("cannot serve health and metrics; set TOKENKEEPER_HTTP_ADDRESS to a free address, or to off", 1)
	require.Contains(t, said[0].Error, "address already in use")
	s.refreshes(s.consent())
}

func TestAWorkerCanDoWithoutHTTP(t *testing.T) {
	s := newSystem(t)
	w := s.launch("TOKENKEEPER_HTTP_ADDRESS=off")
	s.refreshes(s.consent())
	require.Zero(t, w.status("/healthz"))
	require.NotContains(t, w.Output(), "cannot serve")
	require.NoError(t, w.Signal(syscall.SIGTERM))
	require.Empty(t, w.ends(0))
}

// refreshHeld starts a refresh of a new account, waits until the provider keeps
// the answer back, and returns the account.
func (s *system) refreshHeld() (account string) {
	s.t.Helper()
	account = s.consent()
	user := testenv.UserOf(account)
	require.NoError(s.t, s.Provider.Inject(authserver.Fault{Endpoint: authserver.Token, User: user, Hold: true}))
	_, err := s.temporal.ExecuteWorkflow(s.t.Context(), client.StartWorkflowOptions{ID: unique("refresh"), TaskQueue: s.TaskQueue()},
		workflows.Type, workflows.Input{Account: account})
	require.NoError(s.t, err)
	eventually(s.t, "the provider holds the answer back", func() bool { return s.Provider.Held(user) == 1 })
	return account
}

// duringACall has something done while a new worker waits for a provider's answer, and says
// for which account. A worker waits for seconds, so that what is done may come too late on a
// machine that is starved; it says so, and then there is another try.
func (s *system) duringACall(work func(variables ...string) process, do func(w process, account string) (inTime bool)) {
	s.t.Helper()
	for range 3 {
		w := work()
		if do(w, s.refreshHeld()) {
			return
		}
		w.Kill()
	}
	s.t.Fatal("a call never was in flight for long enough")
}

const anyVault = "KEY_VAULT_URL=https://my-vault.vault.azure.net"

// healthy runs the health check of a container with such a worker.
func healthy(t *testing.T, address string) (code int, said string) {
	t.Helper()
	return execute(t, []string{anyVault, "TOKENKEEPER_HTTP_ADDRESS=" + address}, "-healthy")
}

// turnsGreen waits until the health check is green: it gives a worker that is starved three
// seconds for its answer.
func turnsGreen(t *testing.T, address string) {
	t.Helper()
	eventually(t, "the health check is green", func() bool {
		code, _ := healthy(t, address)
		return code == 0
	})
}

// turnsRed waits until the health check says why it is red.
func turnsRed(t *testing.T, address, why string) (said string) {
	t.Helper()
	eventually(t, "the health check says that "+why, func() bool {
		var code int
		code, said = healthy(t, address)
		return code == 1 && strings.Contains(said, why)
	})
	oneLine(t, said)
	return said
}

func TestAHealthCheckIsGreenOnlyWhileTheWorkerTakesWork(t *testing.T) {
	s := newSystem(t)
	green := func(variables ...string) process {
		w := s.work(variables...)
		turnsGreen(t, strings.TrimPrefix(w.HTTP, "http://"))
		return w
	}
	s.duringACall(green, func(w process, account string) (inTime bool) {
		address := strings.TrimPrefix(w.HTTP, "http://")
		require.NoError(t, w.Signal(syscall.SIGTERM))
		w.logged("stopping; calls in flight finish first", 1)

		code, said := healthy(t, address)
		if s.Provider.Release(testenv.UserOf(account)) == 0 || strings.Contains(said, "deadline exceeded") {
			return false
		}
		require.Equal(t, 1, code)
		require.Contains(t, said, "lives and is not ready (503 Service Unavailable): it is told to stop")
		require.Empty(t, w.ends(0))
		turnsRed(t, address, "no worker answers")
		return true
	})
}

func TestAHealthCheckThatCannotBeSaysSo(t *testing.T) {
	t.Parallel()
	code, said := healthy(t, "off")
	require.Equal(t, 1, code)
	require.Contains(t, said, "TOKENKEEPER_HTTP_ADDRESS is off")
	oneLine(t, said)
}
