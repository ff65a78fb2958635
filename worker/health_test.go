package main_test

import (
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
	w := s.work()
	require.Equal(t, http.StatusOK, w.status("/healthz"))
	require.Equal(t, http.StatusOK, w.status("/readyz"))
	account := s.refreshHeld()
	require.NoError(t, w.Signal(syscall.SIGTERM))
	w.logged("stopping; calls in flight finish first", 1)

	require.Equal(t, http.StatusOK, w.status("/healthz"))
	require.Equal(t, http.StatusServiceUnavailable, w.status("/readyz"))
	require.Equal(t, 1, s.Provider.Release(testenv.UserOf(account)))
	require.Empty(t, w.ends(0))
	w.logged("stopped", 1)
}

func TestMetricsTellOfARefresh(t *testing.T) {
	s := newSystem(t)
	w := s.work()
	account := s.consent()
	s.refreshes(account)
	for _, series := range []string{
		`tokenkeeper_refreshes_total{outcome="refreshed",provider="fitbit"} 1`,
		`tokenkeeper_provider_answers_total{kind="ok",provider="fitbit"} 1`,
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

const anyVault = "KEY_VAULT_URL=https://my-vault.vault.azure.net"

// healthy runs the health check of a container with such a worker.
func healthy(t *testing.T, address string) (code int, said string) {
	t.Helper()
	return execute(t, []string{anyVault, "TOKENKEEPER_HTTP_ADDRESS=" + address}, "-healthy")
}

func TestAHealthCheckIsGreenOnlyWhileTheWorkerTakesWork(t *testing.T) {
	s := newSystem(t)
	w := s.work()
	address := strings.TrimPrefix(w.HTTP, "http://")
	code, said := healthy(t, address)
	require.Zero(t, code, said)
	account := s.refreshHeld()
	require.NoError(t, w.Signal(syscall.SIGTERM))
	w.logged("stopping; calls in flight finish first", 1)

	code, said = healthy(t, address)
	require.Equal(t, 1, code)
	require.Contains(t, said, "lives and is not ready (503 Service Unavailable): it is told to stop")
	require.Equal(t, 1, s.Provider.Release(testenv.UserOf(account)))
	require.Empty(t, w.ends(0))
	code, said = healthy(t, address)
	require.Equal(t, 1, code)
	require.Contains(t, said, "no worker answers")
	oneLine(t, said)
}

func TestAHealthCheckThatCannotBeSaysSo(t *testing.T) {
	t.Parallel()
	code, said := healthy(t, "off")
	require.Equal(t, 1, code)
	require.Contains(t, said, "TOKENKEEPER_HTTP_ADDRESS is off")
	oneLine(t, said)
}
