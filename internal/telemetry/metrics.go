package telemetry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"tokenkeeper/internal/token"
)

// Labels are the values that labels can have. Each combination is a series that is 0 from
// the start: Prometheus' increase() sees no increase in a series that begins at 1, so that
// the first incident after a worker's start would otherwise be missed.
type Labels struct {
	Providers []string
	Outcomes  []string // of refreshes
	Answers   []string // of providers, by kind
	Reasons   []string // of alerts
	Held      []string // failure types of attempts that are held back
}

// otherProvider stands for a provider that is not among Labels.Providers: an input may name
// anything, and a label needs a bound.
const otherProvider = "unknown"

// Metrics count the outcomes of refreshes and the runs that stand still, measure how long a
// new pair was in one worker's memory only, and show the fleet as Temporal knows it.
type Metrics struct {
	known     Labels
	refreshes metric.Int64Counter
	answers   metric.Int64Counter
	held      metric.Int64Counter
	escrows   metric.Int64Counter
	alerts    metric.Int64Counter
	stalled   metric.Int64Gauge
	keyset    metric.Int64Counter
	breakers  metric.Int64Gauge
	ready     metric.Int64Gauge
	firstCopy metric.Float64Histogram
	accounts  *accounts
	fleet     *fleet
}

// firstCopyBounds are seconds. Temporal's acknowledgement takes about 0.005; a minute
// and more is an escrow while Temporal is cut off.
var firstCopyBounds = []float64{.001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 30, 60, 300}

func newMetrics(meter metric.Meter, known Labels) (*Metrics, error) {
	m := &Metrics{known: known, accounts: &accounts{ends: map[token.Account]ends{}}, fleet: &fleet{}}
	var errs []error
	counter := func(name, description string) metric.Int64Counter {
		c, err := meter.Int64Counter("tokenkeeper."+name, metric.WithDescription(description))
		errs = append(errs, err)
		return c
	}
	gauge := func(name, description string) metric.Int64Gauge {
		g, err := meter.Int64Gauge("tokenkeeper."+name, metric.WithDescription(description))
		errs = append(errs, err)
		return g
	}
	observed := func(name, unit, description string, observe metric.Float64Callback) {
		_, err := meter.Float64ObservableGauge("tokenkeeper."+name, metric.WithDescription(description), metric.WithUnit(unit), metric.WithFloat64Callback(observe))
		errs = append(errs, err)
	}
	m.refreshes = counter("refreshes", "Refreshes whose pair is in the vault, by outcome.")
	m.answers = counter("provider.answers", "Answers of providers to refreshes, by kind.")
	m.held = counter("held_back", "Attempts of activities that were not let through yet, and sent and wrote nothing, by the failure that they ended with.")
	m.escrows = counter("escrows", "Pairs that went into the vault because Temporal did not acknowledge them.")
	m.alerts = counter("alerts", "Alerts, by reason.")
	m.keyset = counter("keyset.changes", "Keysets in the vault that are not to be believed, or not there, by cause. Every worker sees the same.")
	m.stalled = gauge("stalled_runs", "Runs that stand still because workflow code cannot run, by cause, among the few that this worker examines. It keeps its value while the worker cannot list runs, which is logged. Every worker of a task queue sees the same runs: take the highest.")
	m.breakers = gauge("provider.breaker_open", "1 while this worker's calls to a provider wait because it is away for many accounts, 0 otherwise.")
	m.ready = gauge("worker.ready", "1 while this worker takes work and Temporal answers it, else 0.")
	var err error
	m.firstCopy, err = meter.Float64Histogram("tokenkeeper.first_copy",
		metric.WithDescription("From the provider's answer to the first durable copy of the pair, by where that is."),
		metric.WithUnit("s"), metric.WithExplicitBucketBoundaries(firstCopyBounds...))
	errs = append(errs, err)
	const highest = "Several workers may know an account: take the highest. Absent on a worker that knows more than %d accounts."
	observed("access_token.expiry.timestamp", "s",
		fmt.Sprintf("When the access token that this worker stored last expires, as a Unix time. "+highest, maxAccounts), m.accounts.observeExpiries)
	observed("consent.end.timestamp", "s",
		fmt.Sprintf("When the account owner must have consented again, as a Unix time, as far as the answer that this worker stored last and the provider's entry say. "+highest, maxAccounts), m.accounts.observeConsents)
	const same = " As Temporal knows it; every worker shows the same, and nothing while it cannot ask."
	observed("accounts", "", "Accounts of the task queue by health."+same, m.fleet.observeAccounts)
	observed("overdue_runs", "", "Runs at work for more than ten minutes."+same, m.fleet.observeOverdue)
	observed("oldest_overdue.timestamp", "s", "When the oldest overdue run began, as a Unix time; absent while none is overdue."+same, m.fleet.observeOldest)
	observed("next_consent_end.timestamp", "s", "When the next consent of the fleet ends, as a Unix time; absent where no end is known."+same, m.fleet.observeConsent)
	observed("incidents_open", "", "1 for each open incident: one reason at one provider, however many accounts have it."+same, m.fleet.observeIncidents)
	observed("incident.accounts", "", "Accounts that have an open incident."+same, m.fleet.observeAffected)
	m.begin()
	return m, errors.Join(errs...)
}

// begin makes the series of the known labels.
func (m *Metrics) begin() {
	ctx := context.Background()
	for _, provider := range append(slices.Clone(m.known.Providers), otherProvider) {
		if m.known.Providers == nil {
			return
		}
		m.escrows.Add(ctx, 0, labels("provider", provider))
		m.Breaker(ctx, provider, false)
		for _, outcome := range m.known.Outcomes {
			m.refreshes.Add(ctx, 0, labels("provider", provider, "outcome", outcome))
		}
		for _, kind := range m.known.Answers {
			m.answers.Add(ctx, 0, labels("provider", provider, "kind", snakeCase(kind)))
		}
		for _, kind := range m.known.Held {
			m.held.Add(ctx, 0, labels("provider", provider, "failure", kind))
		}
		for _, reason := range m.known.Reasons {
			m.alerts.Add(ctx, 0, labels("provider", provider, "reason", reason))
		}
	}
}

// provider bounds the label's values.
func (m *Metrics) provider(name string) string {
	if m.known.Providers == nil || slices.Contains(m.known.Providers, name) {
		return name
	}
	return otherProvider
}

// Stored counts a refresh whose tokens are in the vault, and records the ends of the
// access token and of the consent; zero where the provider does not say.
func (m *Metrics) Stored(ctx context.Context, account token.Account, outcome string, issued token.Issue) {
	m.refreshes.Add(ctx, 1, labels("provider", m.provider(account.Provider), "outcome", outcome))
	m.accounts.record(account, ends{issued.Expiry, issued.ConsentEnds()})
}

// Answered counts a provider's answer by kind.
func (m *Metrics) Answered(ctx context.Context, provider, kind string) {
	m.answers.Add(ctx, 1, labels("provider", m.provider(provider), "kind", snakeCase(kind)))
}

// HeldBack counts an attempt that was not let through yet, by its failure's type.
func (m *Metrics) HeldBack(ctx context.Context, provider, failure string) {
	m.held.Add(ctx, 1, labels("provider", m.provider(provider), "failure", failure))
}

// snakeCase makes a label's value of a kind, which is words in messages.
func snakeCase(words string) string { return strings.ReplaceAll(words, " ", "_") }

// Durable records how long after the provider's answer the pair's first durable
// copy existed, and where: "history" or "vault".
func (m *Metrics) Durable(ctx context.Context, where string, after time.Duration) {
	m.firstCopy.Record(ctx, after.Seconds(), labels("where", where))
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
	m.escrows.Add(ctx, 1, labels("provider", m.provider(provider)))
}

// Alerted counts an alert. The account is in the log and in Temporal's search
// attributes; as a label it would have no bound.
func (m *Metrics) Alerted(ctx context.Context, account token.Account, reason string) {
	m.alerts.Add(ctx, 1, labels("provider", m.provider(account.Provider), "reason", reason))
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

// Ready records whether this worker takes work and Temporal answers it.
func (m *Metrics) Ready(ctx context.Context, ready bool) {
	value := int64(0)
	if ready {
		value = 1
	}
	m.ready.Record(ctx, value)
}

func labels(pairs ...string) metric.MeasurementOption {
	set := make([]attribute.KeyValue, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		set = append(set, attribute.String(pairs[i], pairs[i+1]))
	}
	return metric.WithAttributeSet(attribute.NewSet(set...))
}
