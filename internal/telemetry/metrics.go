package telemetry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"tokenkeeper/internal/token"
)

// Metrics measure the one promise: what became of each refresh, and how long a
// new pair was in nobody's hands but ours.
type Metrics struct {
	refreshes metric.Int64Counter
	answers   metric.Int64Counter
	escrows   metric.Int64Counter
	alerts    metric.Int64Counter
	firstCopy metric.Float64Histogram
	expiries  *expiries
}

// firstCopyBounds are milliseconds. Temporal's word takes about 5; a minute and
// more is an escrow while Temporal is cut off.
var firstCopyBounds = []float64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000}

func newMetrics(meter metric.Meter) (*Metrics, error) {
	counter := func(name, description string) (metric.Int64Counter, error) {
		return meter.Int64Counter("tokenkeeper."+name, metric.WithDescription(description))
	}
	m := &Metrics{expiries: newExpiries()}
	var errs [6]error
	m.refreshes, errs[0] = counter("refreshes", "Refreshes whose pair is in the vault, by outcome.")
	m.answers, errs[1] = counter("provider.answers", "Answers of providers to refreshes, by kind.")
	m.escrows, errs[2] = counter("escrows", "Pairs that went into the vault because Temporal gave no word.")
	m.alerts, errs[3] = counter("alerts", "What people were told, by reason.")
	m.firstCopy, errs[4] = meter.Float64Histogram("tokenkeeper.first_copy",
		metric.WithDescription("From the provider's answer to the first durable copy of the pair, by where that is."),
		metric.WithUnit("ms"), metric.WithExplicitBucketBoundaries(firstCopyBounds...))
	_, errs[5] = meter.Float64ObservableGauge("tokenkeeper.access_token.time_to_expiry",
		metric.WithDescription(fmt.Sprintf("How long the access token that this worker stored last is still good. Several workers may know an account: take the highest. Absent on a worker that knows more than %d accounts.", maxAccounts)),
		metric.WithUnit("s"), metric.WithFloat64Callback(m.expiries.observe))
	return m, errors.Join(errs[:]...)
}

// Stored counts a refresh whose tokens are in the vault, and notes until when
// the access token is good; zero where the provider does not say.
func (m *Metrics) Stored(ctx context.Context, account token.Account, outcome string, expiry time.Time) {
	m.refreshes.Add(ctx, 1, labels("provider", account.Provider, "outcome", outcome))
	m.expiries.note(account, expiry)
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

// Escrowed counts a pair that went into the vault because Temporal gave no word.
func (m *Metrics) Escrowed(ctx context.Context, provider string) {
	m.escrows.Add(ctx, 1, labels("provider", provider))
}

// Alerted counts what people were told. The account is in the log and in
// Temporal's search attributes; as a label it would have no bound.
func (m *Metrics) Alerted(ctx context.Context, account token.Account, reason string) {
	m.alerts.Add(ctx, 1, labels("provider", account.Provider, "reason", reason))
}

func labels(pairs ...string) metric.MeasurementOption {
	set := make([]attribute.KeyValue, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		set = append(set, attribute.String(pairs[i], pairs[i+1]))
	}
	return metric.WithAttributeSet(attribute.NewSet(set...))
}
