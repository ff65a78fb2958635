package telemetry

import (
	"context"
	"log/slog"
	"net/url"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	sdktelemetry "go.temporal.io/sdk/contrib/opentelemetry"
	"go.temporal.io/sdk/interceptor"
)

// tracing makes spans of workflows, activities and client calls. They carry
// types and ids, and no payloads.
type tracing struct {
	provider    *trace.TracerProvider
	interceptor interceptor.ClientInterceptor
}

func newTracing(ctx context.Context, endpoint string, who *resource.Resource, log *slog.Logger) (*tracing, error) {
	// The base URL's path is kept, as OpenTelemetry's specification of
	// OTEL_EXPORTER_OTLP_ENDPOINT asks.
	full, err := url.JoinPath(endpoint, "v1", "traces")
	if err != nil {
		return nil, err
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(full))
	if err != nil {
		return nil, err
	}
	provider := trace.NewTracerProvider(trace.WithBatcher(complaining{exporter, log}), trace.WithResource(who))
	spans, err := sdktelemetry.NewTracingInterceptor(sdktelemetry.TracerOptions{Tracer: provider.Tracer("tokenkeeper")})
	if err != nil {
		return nil, err
	}
	return &tracing{provider, spans}, nil
}

// complaining reports spans that cannot be sent to our log. OpenTelemetry's own
// way is a handler that the whole process shares.
type complaining struct {
	trace.SpanExporter
	log *slog.Logger
}

// ExportSpans never fails: nobody above could do more than log.
func (c complaining) ExportSpans(ctx context.Context, spans []trace.ReadOnlySpan) error {
	if err := c.SpanExporter.ExportSpans(ctx, spans); err != nil {
		c.log.WarnContext(ctx, "could not send traces; check OTEL_EXPORTER_OTLP_ENDPOINT and the collector", "spans", len(spans), "error", err)
	}
	return nil
}
