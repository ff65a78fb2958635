// Package telemetry is what an operator sees of a running process: log lines, metrics
// for Prometheus, and traces and metrics for what OpenTelemetry's variables name.
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
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
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
	// Traces and ExportMetrics say whether traces are sent, and metrics beside those
	// that Handler serves. Where to and how is in OpenTelemetry's own variables of the
	// process's environment (OpenTelemetry Environment Variable Specification), which
	// must have been checked: its exporters take the default in place of a wrong value.
	Traces, ExportMetrics bool
	// Labels are the series to begin with; none for the zero value.
	Labels Labels
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
	var readers []metric.Reader
	if o.ExportMetrics {
		reader, err := autoexport.NewMetricReader(ctx)
		if err != nil {
			return nil, fmt.Errorf("telemetry: export metrics: %w; check OTEL_METRICS_EXPORTER and OTEL_EXPORTER_OTLP_*", err)
		}
		readers = append(readers, reader)
	}
	if t.meters, err = newMeters(t.registry, process, readers...); err != nil {
		return nil, fmt.Errorf("telemetry: metrics: %w", err)
	}
	if t.Metrics, err = newMetrics(t.meters.Meter("tokenkeeper"), o.Labels); err != nil {
		return nil, fmt.Errorf("telemetry: metrics: %w", err)
	}
	if o.Traces {
		if err = t.trace(ctx, process); err != nil {
			return nil, fmt.Errorf("telemetry: traces: %w; check OTEL_TRACES_EXPORTER and OTEL_EXPORTER_OTLP_*", err)
		}
	}
	if o.Traces || o.ExportMetrics {
		// OpenTelemetry has one handler for the whole process, and prints by default.
		otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
			t.Log.Warn("cannot send telemetry; check OTEL_EXPORTER_OTLP_ENDPOINT and the collector", "error", err)
		}))
	}
	return t, nil
}

// trace makes spans of workflows, activities and client calls. They carry types
// and ids, and no payloads.
func (t *Telemetry) trace(ctx context.Context, process *resource.Resource) error {
	exporter, err := autoexport.NewSpanExporter(ctx)
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

// Handler serves the metrics in Prometheus' text format. They are not compressed: a page
// goes no further than the scraper beside the worker, and would cost more time than it saves.
func (t *Telemetry) Handler() http.Handler {
	return promhttp.HandlerFor(t.registry, promhttp.HandlerOpts{Registry: t.registry, DisableCompression: true})
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
