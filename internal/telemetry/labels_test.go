package telemetry_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/telemetry"
	"tokenkeeper/internal/token"
)

var known = telemetry.Labels{
	Providers: []string{"fitbit", "oura"},
	Outcomes:  []string{"refreshed"},
	Answers:   []string{"ok", "grant dead"},
	Reasons:   []string{"StoreStuck"},
	Held:      []string{"AwaitsTurn"},
}

// Prometheus sees no increase in a series that begins at 1.
func TestEverySeriesIsThereAtZeroBeforeTheFirstIncident(t *testing.T) {
	page := scrape(t, start(t, telemetry.Options{Labels: known}))
	for _, provider := range []string{"fitbit", "oura", "unknown"} {
		for _, series := range []string{
			`tokenkeeper_refreshes_total{outcome="refreshed",provider="%s"} 0`,
			`tokenkeeper_provider_answers_total{kind="ok",provider="%s"} 0`,
			`tokenkeeper_provider_answers_total{kind="grant_dead",provider="%s"} 0`,
			`tokenkeeper_escrows_total{provider="%s"} 0`,
			`tokenkeeper_held_back_total{failure="AwaitsTurn",provider="%s"} 0`,
			`tokenkeeper_alerts_total{provider="%s",reason="StoreStuck"} 0`,
		} {
			require.Contains(t, page, strings.ReplaceAll(series, "%s", provider)+"\n")
		}
	}
}

// An input may name any provider, and each would be a series for ever.
func TestAProviderThatIsNotKnownAddsNoSeries(t *testing.T) {
	tel := start(t, telemetry.Options{Labels: known})
	before := strings.Count(scrape(t, tel), "\n")
	for _, made := range []string{"one", "two", "three"} {
		tel.Alerted(t.Context(), token.Account{Provider: made, Name: "will"}, "StoreStuck")
	}
	page := scrape(t, tel)
	require.Contains(t, page, `tokenkeeper_alerts_total{provider="unknown",reason="StoreStuck"} 3`)
	require.Equal(t, before, strings.Count(page, "\n"))
}

func TestTheFleetIsShownAsItWasReadLastAndNotAfterwards(t *testing.T) {
	tel := start(t, telemetry.Options{})
	read := telemetry.Fleet{
		Accounts: []telemetry.Accounts{{"healthy", 98}, {"stuck", 2}}, Overdue: 2,
		OldestOverdue: time.Unix(1_700_000_000, 0), NextConsent: time.Unix(1_800_000_000, 0),
		Incidents: []telemetry.Incident{{"oura", "CallStuck", 2}, {"", "KeysetChanged", 0}},
	}
	lines := []string{
		`tokenkeeper_accounts{health="healthy"} 98`,
		`tokenkeeper_accounts{health="stuck"} 2`,
		`tokenkeeper_overdue_runs 2`,
		`tokenkeeper_oldest_overdue_timestamp_seconds 1.7e+09`,
		`tokenkeeper_next_consent_end_timestamp_seconds 1.8e+09`,
		`tokenkeeper_incidents_open{provider="oura",reason="CallStuck"} 1`,
		`tokenkeeper_incident_accounts{provider="oura",reason="CallStuck"} 2`,
		`tokenkeeper_incidents_open{provider="",reason="KeysetChanged"} 1`,
	}
	tel.FleetRead(t.Context(), read)
	page := scrape(t, tel)
	for _, line := range lines {
		require.Contains(t, page, "\n"+line+"\n")
	}
	tel.FleetRead(t.Context(), telemetry.Fleet{Accounts: []telemetry.Accounts{{"healthy", 100}}})
	page = scrape(t, tel)
	require.Contains(t, page, "tokenkeeper_overdue_runs 0")
	require.NotContains(t, page, "tokenkeeper_oldest_overdue")
	require.NotContains(t, page, "tokenkeeper_next_consent_end")
	require.NotContains(t, page, "tokenkeeper_incident")

	tel.FleetUnknown()
	page = scrape(t, tel)
	for _, name := range []string{"tokenkeeper_accounts", "tokenkeeper_overdue_runs"} {
		require.NotContains(t, page, name, "an old value would look like one that holds")
	}
	require.NotZero(t, bytes.Count([]byte(page), []byte("go_goroutines")))
}
