package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/otlptranslator"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.temporal.io/sdk/client"
	sdktelemetry "go.temporal.io/sdk/contrib/opentelemetry"
)

// sdkScope is the meter of the Temporal SDK's own metrics.
const sdkScope = "temporal-sdk-go"

// sdkBounds are seconds. OpenTelemetry's own bounds are for milliseconds and would
// put every latency of the SDK into the first bucket.
var sdkBounds = []float64{.001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 30, 60, 300, 1800, 7200}

// newMeters has what is measured served to Prometheus, and sent by further readers.
func newMeters(registry *prometheus.Registry, process *resource.Resource, others ...sdkmetric.Reader) (*sdkmetric.MeterProvider, error) {
	exporter, err := otelprometheus.New(
		otelprometheus.WithRegisterer(registry),
		otelprometheus.WithoutScopeInfo(),
		otelprometheus.WithTranslationStrategy(otlptranslator.UnderscoreEscapingWithSuffixes))
	if err != nil {
		return nil, err
	}
	seconds := sdkmetric.NewView(
		sdkmetric.Instrument{Kind: sdkmetric.InstrumentKindHistogram, Scope: instrumentation.Scope{Name: sdkScope}},
		sdkmetric.Stream{Aggregation: sdkmetric.AggregationExplicitBucketHistogram{Boundaries: sdkBounds}})
	options := []sdkmetric.Option{sdkmetric.WithReader(exporter), sdkmetric.WithResource(process), sdkmetric.WithView(seconds)}
	for _, reader := range others {
		options = append(options, sdkmetric.WithReader(reader))
	}
	return sdkmetric.NewMeterProvider(options...), nil
}

func (t *Telemetry) sdkMetrics() client.MetricsHandler {
	return sdktelemetry.NewMetricsHandler(sdktelemetry.MetricsHandlerOptions{
		Meter:                t.meters.Meter(sdkScope),
		UseMonotonicCounters: true,
		OnError:              func(err error) { t.Log.Warn("a metric of the Temporal SDK does not work", "error", err) },
	})
}
