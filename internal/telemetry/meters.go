package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/otlptranslator"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.temporal.io/sdk/client"
	sdktelemetry "go.temporal.io/sdk/contrib/opentelemetry"
)

// sdkScope is the meter of the Temporal SDK's own metrics.
const sdkScope = "temporal-sdk-go"

// sdkBounds are seconds. OpenTelemetry's own bounds are meant for milliseconds
// and would put every latency of the SDK into the first bucket.
var sdkBounds = []float64{.001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 30, 60, 300, 1800, 7200}

func newMeters(registry *prometheus.Registry, who *resource.Resource) (*metric.MeterProvider, error) {
	exporter, err := otelprometheus.New(
		otelprometheus.WithRegisterer(registry),
		otelprometheus.WithoutScopeInfo(),
		otelprometheus.WithTranslationStrategy(otlptranslator.UnderscoreEscapingWithSuffixes))
	if err != nil {
		return nil, err
	}
	seconds := metric.NewView(
		metric.Instrument{Kind: metric.InstrumentKindHistogram, Scope: instrumentation.Scope{Name: sdkScope}},
		metric.Stream{Aggregation: metric.AggregationExplicitBucketHistogram{Boundaries: sdkBounds}})
	return metric.NewMeterProvider(metric.WithReader(exporter), metric.WithResource(who), metric.WithView(seconds)), nil
}

func (t *Telemetry) sdkMetrics() client.MetricsHandler {
	return sdktelemetry.NewMetricsHandler(sdktelemetry.MetricsHandlerOptions{
		Meter:                t.meters.Meter(sdkScope),
		UseMonotonicCounters: true,
		OnError:              func(err error) { t.Log.Warn("a metric of the Temporal SDK does not work", "error", err) },
	})
}
