// Package telemetry is what an operator sees of a running process: log lines,
// metrics for Prometheus, and traces over OTLP where a collector is named.
//
// Nothing in here takes a token, so nothing in here can give one away: metrics
// are labelled with accounts, providers and kinds only, and traces carry the
// names and ids that Temporal's Web UI shows.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.temporal.io/sdk/client"
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
	tracing  *tracing // nil without a collector
}

// New starts telemetry. A collector need not be there yet; its URL must be one.
func New(ctx context.Context, o Options) (*Telemetry, error) {
	who, err := identity(ctx)
	if err != nil {
		return nil, fmt.Errorf("telemetry: describe this process: %w; check OTEL_RESOURCE_ATTRIBUTES", err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	meters, err := newMeters(registry, who)
	if err != nil {
		return nil, fmt.Errorf("telemetry: metrics: %w", err)
	}
	measures, err := newMetrics(meters.Meter("tokenkeeper"))
	if err != nil {
		return nil, fmt.Errorf("telemetry: metrics: %w", err)
	}
	t := &Telemetry{
		Log:      NewLogger(o.Output, o.LogFormat, o.LogLevel),
		Metrics:  measures,
		registry: registry,
		meters:   meters,
	}
	if o.TracesEndpoint != "" {
		if t.tracing, err = newTracing(ctx, o.TracesEndpoint, who, t.Log); err != nil {
			return nil, fmt.Errorf("telemetry: traces: %w; check OTEL_EXPORTER_OTLP_ENDPOINT", err)
		}
	}
	return t, nil
}

// ClientOptions adds our logger, the SDK's metrics and, where there is a
// collector, its tracing to the options of a Temporal client. A worker on that
// client has them too.
func (t *Telemetry) ClientOptions(o client.Options) client.Options {
	o.Logger = sdklog.NewStructuredLogger(t.Log)
	o.MetricsHandler = t.sdkMetrics()
	if t.tracing != nil {
		o.Interceptors = append(o.Interceptors, t.tracing.interceptor)
	}
	return o
}

// Handler serves the metrics in Prometheus' text format.
func (t *Telemetry) Handler() http.Handler {
	return promhttp.HandlerFor(t.registry, promhttp.HandlerOpts{Registry: t.registry})
}

// Shutdown sends what is still waiting to be sent, for as long as ctx allows.
// What cannot be sent is worth no more than a line in the log.
func (t *Telemetry) Shutdown(ctx context.Context) {
	err := t.meters.Shutdown(ctx)
	if t.tracing != nil {
		err = errors.Join(err, t.tracing.provider.Shutdown(ctx))
	}
	if err != nil {
		t.Log.WarnContext(ctx, "could not send the last telemetry", "error", err)
	}
}

// identity lets OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES have the last word.
func identity(ctx context.Context) (*resource.Resource, error) {
	return resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", "tokenkeeper")),
		resource.WithFromEnv())
}
