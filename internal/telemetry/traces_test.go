package telemetry_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"google.golang.org/grpc"

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
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", to.URL+"/otlp/")
	tel := start(t, telemetry.Options{Traces: true})
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
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", to.URL)
	tel := start(t, telemetry.Options{Output: &out, Traces: true})
	trace(t, tel)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tel.Shutdown(ctx)
	require.Contains(t, out.String(), "could not send traces; check OTEL_EXPORTER_OTLP_ENDPOINT")
}

func TestAShutdownWithoutTimeSaysSo(t *testing.T) {
	to := newCollector(t, http.StatusOK)
	var out bytes.Buffer
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", to.URL)
	tel := start(t, telemetry.Options{Output: &out, Traces: true})
	over, cancel := context.WithCancel(t.Context())
	cancel()
	tel.Shutdown(over)
	require.Contains(t, out.String(), "could not send the last telemetry")
}

func TestWhatIsNoExporterIsNamed(t *testing.T) {
	t.Setenv("OTEL_TRACES_EXPORTER", "pigeon")
	_, err := telemetry.New(t.Context(), telemetry.Options{Output: t.Output(), Traces: true})
	require.ErrorContains(t, err, "check OTEL_TRACES_EXPORTER")
	t.Setenv("OTEL_METRICS_EXPORTER", "pigeon")
	_, err = telemetry.New(t.Context(), telemetry.Options{Output: t.Output(), ExportMetrics: true})
	require.ErrorContains(t, err, "check OTEL_METRICS_EXPORTER")
}

func TestTheVariablesForOneSignalOutrankThoseForBoth(t *testing.T) {
	to := newCollector(t, http.StatusOK)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", to.URL+"/traces-here")
	tel := start(t, telemetry.Options{Traces: true})
	trace(t, tel)
	tel.Shutdown(t.Context())
	to.mu.Lock()
	defer to.mu.Unlock()
	require.Equal(t, []string{"/traces-here"}, to.paths)
}

func TestMetricsGoToTheCollectorBesideTheirPage(t *testing.T) {
	to := newCollector(t, http.StatusOK)
	t.Setenv("OTEL_METRICS_EXPORTER", "otlp")
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", to.URL)
	tel := start(t, telemetry.Options{ExportMetrics: true})
	tel.Answered(t.Context(), "fitbit", "ok")
	tel.Shutdown(t.Context())
	to.mu.Lock()
	defer to.mu.Unlock()
	require.Contains(t, to.paths, "/v1/metrics")
	require.Contains(t, to.spans.String(), "tokenkeeper.provider.answers")
}

// grpcCollector is an OTLP/gRPC collector that counts the spans that it is sent.
type grpcCollector struct {
	collectorpb.UnimplementedTraceServiceServer
	names chan string
}

func (c *grpcCollector) Export(_ context.Context, r *collectorpb.ExportTraceServiceRequest) (*collectorpb.ExportTraceServiceResponse, error) {
	for _, resource := range r.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				c.names <- span.GetName()
			}
		}
	}
	return &collectorpb.ExportTraceServiceResponse{}, nil
}

func TestTracesReachACollectorOverGRPC(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c := &grpcCollector{names: make(chan string, 10)}
	server := grpc.NewServer()
	collectorpb.RegisterTraceServiceServer(server, c)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)

	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+listener.Addr().String())
	tel := start(t, telemetry.Options{Traces: true})
	trace(t, tel)
	tel.Shutdown(t.Context())
	require.Equal(t, "RunActivity:callFake", <-c.names)
}
