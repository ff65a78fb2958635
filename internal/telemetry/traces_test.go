package telemetry_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"tokenkeeper/internal/telemetry"
)

// collector is an OTLP/HTTP collector that keeps what it is sent.
type collector struct {
	*httptest.Server
	mu    sync.Mutex
	paths []string
	spans bytes.Buffer
}

func newCollector(t *testing.T, status int) *collector {
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.paths = append(c.paths, r.URL.Path)
		_, _ = io.Copy(&c.spans, r.Body)
		w.WriteHeader(status)
	}))
	t.Cleanup(c.Close)
	return c
}

func callFake(context.Context, string) (string, error) { return "fake-access-token-1", nil }

// trace runs an activity as a worker on such a client would.
func trace(t *testing.T, tel *telemetry.Telemetry) {
	t.Helper()
	options := tel.ClientOptions(client.Options{})
	require.Len(t, options.Interceptors, 1)
	asWorkers, ok := options.Interceptors[0].(interceptor.WorkerInterceptor)
	require.True(t, ok, "the SDK gives a client's interceptor to its workers")

	env := (&testsuite.WorkflowTestSuite{}).NewTestActivityEnvironment()
	env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{asWorkers}})
	env.RegisterActivity(callFake)
	_, err := env.ExecuteActivity(callFake, "fake-refresh-token-1")
	require.NoError(t, err)
}

func TestTracesReachTheCollectorBeforeTheEndAndHoldNoPayload(t *testing.T) {
	to := newCollector(t, http.StatusOK)
	tel := start(t, telemetry.Options{TracesEndpoint: to.URL + "/otlp/"})
	trace(t, tel)
	tel.Shutdown(t.Context())

	to.mu.Lock()
	defer to.mu.Unlock()
	require.Equal(t, []string{"/otlp/v1/traces"}, to.paths)
	require.Contains(t, to.spans.String(), "RunActivity:callFake")
	require.Contains(t, to.spans.String(), "tokenkeeper")
	require.NotContains(t, to.spans.String(), "fake-")
}

func TestACollectorThatRefusesCostsALineInTheLog(t *testing.T) {
	to := newCollector(t, http.StatusForbidden)
	var out bytes.Buffer
	tel := start(t, telemetry.Options{Output: &out, TracesEndpoint: to.URL})
	trace(t, tel)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	tel.Shutdown(ctx)
	require.Contains(t, out.String(), "could not send traces; check OTEL_EXPORTER_OTLP_ENDPOINT")
}

func TestAShutdownWithoutTimeSaysSo(t *testing.T) {
	to := newCollector(t, http.StatusOK)
	var out bytes.Buffer
	tel := start(t, telemetry.Options{Output: &out, TracesEndpoint: to.URL})
	over, cancel := context.WithCancel(t.Context())
	cancel()
	tel.Shutdown(over)
	require.Contains(t, out.String(), "could not send the last telemetry")
}

func TestAnEndpointThatIsNoURLIsNamed(t *testing.T) {
	_, err := telemetry.New(t.Context(), telemetry.Options{Output: t.Output(), TracesEndpoint: "http://a b"})
	require.ErrorContains(t, err, "check OTEL_EXPORTER_OTLP_ENDPOINT")
}
