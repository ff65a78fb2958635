package telemetry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/otlptranslator"
	"go.opentelemetry.io/otel/attribute"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.temporal.io/sdk/client"
	sdktelemetry "go.temporal.io/sdk/contrib/opentelemetry"

	"tokenkeeper/internal/token"
)

// Metrics count the outcomes of refreshes and the runs that stand still, and measure
// how long a new pair was in one worker's memory only.
type Metrics struct {
	refreshes metric.Int64Counter
	answers   metric.Int64Counter
	escrows   metric.Int64Counter
	alerts    metric.Int64Counter
	stalled   metric.Int64Gauge
	keyset    metric.Int64Counter
	breakers  metric.Int64Gauge
	firstCopy metric.Float64Histogram
	accounts  *accounts
}

// firstCopyBounds are milliseconds. Temporal's acknowledgement takes about 5; a
// minute and more is an escrow while Temporal is cut off.
var firstCopyBounds = []float64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000}

func newMetrics(meter metric.Meter) (*Metrics, error) {
	counter := func(name, description string) (metric.Int64Counter, error) {
		return meter.Int64Counter("tokenkeeper."+name, metric.WithDescription(description))
	}
	m := &Metrics{accounts: &accounts{ends: map[token.Account]ends{}}}
	var errs [10]error
	m.refreshes, errs[0] = counter("refreshes", "Refreshes whose pair is in the vault, by outcome.")
	m.answers, errs[1] = counter("provider.answers", "Answers of providers to refreshes, by kind.")
	m.escrows, errs[2] = counter("escrows", "Pairs that went into the vault because Temporal did not acknowledge them.")
	m.alerts, errs[3] = counter("alerts", "Alerts, by reason.")
	m.firstCopy, errs[4] = meter.Float64Histogram("tokenkeeper.first_copy",
		metric.WithDescription("From the provider's answer to the first durable copy of the pair, by where that is."),
		metric.WithUnit("ms"), metric.WithExplicitBucketBoundaries(firstCopyBounds...))
	_, errs[5] = meter.Float64ObservableGauge("tokenkeeper.access_token.time_to_expiry",
		metric.WithDescription(fmt.Sprintf("How long the access token that this worker stored last is still good. Several workers may know an account: take the highest. Absent on a worker that knows more than %d accounts.", maxAccounts)),
		metric.WithUnit("s"), metric.WithFloat64Callback(m.accounts.observeExpiries))
	m.stalled, errs[6] = meter.Int64Gauge("tokenkeeper.stalled_runs",
		metric.WithDescription("Runs that stand still because workflow code cannot run, by cause, among the few that this worker examines. It keeps its value while the worker cannot list runs, which is logged. Every worker of a task queue sees the same runs: take the highest."))
	_, errs[7] = meter.Float64ObservableGauge("tokenkeeper.consent_ends.timestamp",
		metric.WithDescription(fmt.Sprintf("When the account owner must have consented again, as a Unix time, as far as the answer that this worker stored last and the provider's entry say. Several workers may know an account: take the highest. Absent on a worker that knows more than %d accounts.", maxAccounts)),
		metric.WithUnit("s"), metric.WithFloat64Callback(m.accounts.observeConsents))
	m.keyset, errs[8] = counter("keyset_changed", "Keysets in the vault that are not to be believed, or not there, by cause. Every worker sees the same.")
	m.breakers, errs[9] = meter.Int64Gauge("tokenkeeper.provider.breaker_open",
		metric.WithDescription("1 while this worker's calls to a provider wait because it is away for many accounts, 0 once it answers again; absent before the first time."))
	return m, errors.Join(errs[:]...)
}

// Stored counts a refresh whose tokens are in the vault, and records the ends of the
// access token and of the consent; zero where the provider does not say.
func (m *Metrics) Stored(ctx context.Context, account token.Account, outcome string, issued token.Issue) {
	m.refreshes.Add(ctx, 1, labels("provider", account.Provider, "outcome", outcome))
	m.accounts.record(account, ends{issued.Expiry, issued.ConsentEnds()})
}

// Answered counts a provider's answer by kind.
func (m *Metrics) Answered(ctx context.Context, provider, kind string) {
	m.answers.Add(ctx, 1, labels("provider", provider, "kind", kind))
}

// Durable records how long after the provider's answer the pair's first durable
// copy existed, and where: "history" or "vault".
func (m *Metrics) Durable(ctx context.Context, where string, after time.Duration) {
	m.firstCopy.Record(ctx, float64(after)/float64(time.Millisecond), labels("where", where))
}

// Breaker records whether calls to a provider wait because it is away for many accounts.
func (m *Metrics) Breaker(ctx context.Context, provider string, open bool) {
	var value int64
	if open {
		value = 1
	}
	m.breakers.Record(ctx, value, labels("provider", provider))
}

// Escrowed counts a pair that went into the vault because Temporal did not
// acknowledge it.
func (m *Metrics) Escrowed(ctx context.Context, provider string) {
	m.escrows.Add(ctx, 1, labels("provider", provider))
}

// Alerted counts an alert. The account is in the log and in Temporal's search
// attributes; as a label it would have no bound.
func (m *Metrics) Alerted(ctx context.Context, account token.Account, reason string) {
	m.alerts.Add(ctx, 1, labels("provider", account.Provider, "reason", reason))
}

// Stalled records how many runs a worker sees stand still for a cause, of which
// there are few. The accounts are in the log.
func (m *Metrics) Stalled(ctx context.Context, cause string, runs int) {
	m.stalled.Record(ctx, int64(runs), labels("cause", cause))
}

// KeysetChanged counts a keyset that is not to be believed, by cause, of which there are
// few. Zero makes the series known before the first one.
func (m *Metrics) KeysetChanged(ctx context.Context, cause string, n int) {
	m.keyset.Add(ctx, int64(n), labels("cause", cause))
}

func labels(pairs ...string) metric.MeasurementOption {
	set := make([]attribute.KeyValue, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		set = append(set, attribute.String(pairs[i], pairs[i+1]))
	}
	return metric.WithAttributeSet(attribute.NewSet(set...))
}

// sdkScope is the meter of the Temporal SDK's own metrics.
const sdkScope = "temporal-sdk-go"

// sdkBounds are seconds. OpenTelemetry's own bounds are for milliseconds and would
// put every latency of the SDK into the first bucket.
var sdkBounds = []float64{.001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 30, 60, 300, 1800, 7200}

func newMeters(registry *prometheus.Registry, process *resource.Resource) (*sdkmetric.MeterProvider, error) {
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
	return sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter), sdkmetric.WithResource(process), sdkmetric.WithView(seconds)), nil
}

func (t *Telemetry) sdkMetrics() client.MetricsHandler {
	return sdktelemetry.NewMetricsHandler(sdktelemetry.MetricsHandlerOptions{
		Meter:                t.meters.Meter(sdkScope),
		UseMonotonicCounters: true,
		OnError:              func(err error) { t.Log.Warn("a metric of the Temporal SDK does not work", "error", err) },
	})
}
