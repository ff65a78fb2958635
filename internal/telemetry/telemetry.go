// Package telemetry is what an operator sees of a running process: log lines,
// metrics for Prometheus, and traces over OTLP if a collector is configured.
//
// No function here takes a token: metrics are labelled with accounts, providers
// and kinds only, and traces carry the names and ids that Temporal's Web UI shows.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.temporal.io/sdk/client"
	sdktelemetry "go.temporal.io/sdk/contrib/opentelemetry"
	"go.temporal.io/sdk/interceptor"
	sdklog "go.temporal.io/sdk/log"
)

// Options say where telemetry goes.
type Options struct {
	// Output takes the log lines.
	Output io.Writer
	// LogFormat is json, text, or auto: text on a terminal and JSON elsewhere.
	LogFormat string
	LogLevel  slog.Level
	// TracesEndpoint is an OTLP/HTTP collector's base URL, to which the path
	// v1/traces is added; empty for no traces. The exporter reads its other
	// settings from OTEL_EXPORTER_OTLP_* (OpenTelemetry Protocol Exporter).
	TracesEndpoint string
}

// Telemetry logs, measures and traces. Its Metrics are safe for concurrent use.
type Telemetry struct {
	Log *slog.Logger
	*Metrics
	registry *prometheus.Registry
	meters   *metric.MeterProvider
	traces   *trace.TracerProvider         // nil without a collector
	spans    interceptor.ClientInterceptor // likewise
}

// New starts telemetry. The collector may be down; its URL must be valid.
func New(ctx context.Context, o Options) (*Telemetry, error) {
	// OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES outrank the name here.
	process, err := resource.New(ctx, resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", "tokenkeeper")), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("telemetry: describe this process: %w; check OTEL_RESOURCE_ATTRIBUTES", err)
	}
	t := &Telemetry{Log: NewLogger(o.Output, o.LogFormat, o.LogLevel), registry: prometheus.NewRegistry()}
	t.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if t.meters, err = newMeters(t.registry, process); err != nil {
		return nil, fmt.Errorf("telemetry: metrics: %w", err)
	}
	if t.Metrics, err = newMetrics(t.meters.Meter("tokenkeeper")); err != nil {
		return nil, fmt.Errorf("telemetry: metrics: %w", err)
	}
	if o.TracesEndpoint != "" {
		if err = t.trace(ctx, o.TracesEndpoint, process); err != nil {
			return nil, fmt.Errorf("telemetry: traces: %w; check OTEL_EXPORTER_OTLP_ENDPOINT", err)
		}
	}
	return t, nil
}

// trace makes spans of workflows, activities and client calls. They carry types
// and ids, and no payloads.
func (t *Telemetry) trace(ctx context.Context, endpoint string, process *resource.Resource) error {
	// OpenTelemetry's specification of OTEL_EXPORTER_OTLP_ENDPOINT keeps the base
	// URL's path.
	full, err := url.JoinPath(endpoint, "v1", "traces")
	if err != nil {
		return err
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(full))
	if err != nil {
		return err
	}
	t.traces = trace.NewTracerProvider(trace.WithBatcher(loggingExporter{exporter, t.Log}), trace.WithResource(process))
	t.spans, err = sdktelemetry.NewTracingInterceptor(sdktelemetry.TracerOptions{Tracer: t.traces.Tracer("tokenkeeper")})
	return err
}

// ClientOptions adds the logger, the SDK's metrics and, if there is a collector,
// its tracing to the options of a Temporal client. A worker on that client has
// them too.
func (t *Telemetry) ClientOptions(o client.Options) client.Options {
	o.Logger = sdklog.NewStructuredLogger(t.Log)
	o.MetricsHandler = t.sdkMetrics()
	if t.spans != nil {
		o.Interceptors = append(o.Interceptors, t.spans)
	}
	return o
}

// Handler serves the metrics in Prometheus' text format.
func (t *Telemetry) Handler() http.Handler {
	return promhttp.HandlerFor(t.registry, promhttp.HandlerOpts{Registry: t.registry})
}

// Shutdown sends the remaining telemetry, for as long as ctx allows, and logs
// that some could not be sent.
func (t *Telemetry) Shutdown(ctx context.Context) {
	err := t.meters.Shutdown(ctx)
	if t.traces != nil {
		err = errors.Join(err, t.traces.Shutdown(ctx))
	}
	if err != nil {
		t.Log.WarnContext(ctx, "could not send the last telemetry", "error", err)
	}
}

// loggingExporter logs spans that cannot be sent. OpenTelemetry's own handler is
// shared by the whole process.
type loggingExporter struct {
	trace.SpanExporter
	log *slog.Logger
}

// ExportSpans never fails, because its callers could only log.
func (e loggingExporter) ExportSpans(ctx context.Context, spans []trace.ReadOnlySpan) error {
	if err := e.SpanExporter.ExportSpans(ctx, spans); err != nil {
		e.log.WarnContext(ctx, "could not send traces; check OTEL_EXPORTER_OTLP_ENDPOINT and the collector", "spans", len(spans), "error", err)
	}
	return nil
}

// NewLogger writes lines in a format: json, text, or, for any other value, text on
// a terminal and JSON elsewhere.
func NewLogger(w io.Writer, format string, level slog.Level) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if format == "text" || format != "json" && isTerminal(w) {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
