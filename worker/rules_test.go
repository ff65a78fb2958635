package main_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/telemetry"
	"tokenkeeper/internal/token"
)

// metricName finds names in rules, queries and pages; a histogram's parts count as it.
var metricName = regexp.MustCompile(`\btokenkeeper_[a-z_]+`)

func metricNames(text string) []string {
	var names []string
	for _, name := range metricName.FindAllString(text, -1) {
		for _, part := range []string{"_bucket", "_sum", "_count"} {
			name = strings.TrimSuffix(name, part)
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// sometimes are the metrics that a worker shows only where there is something to show, so
// that they need not be on its page from the start.
var sometimes = []string{
	"tokenkeeper_access_token_expiry_timestamp_seconds", "tokenkeeper_consent_end_timestamp_seconds", "tokenkeeper_first_copy_seconds",
	"tokenkeeper_oldest_overdue_timestamp_seconds", "tokenkeeper_next_consent_end_timestamp_seconds",
	"tokenkeeper_incidents_open", "tokenkeeper_incident_accounts",
}

// everyMetric is the page of a worker that shows everything that there is.
func everyMetric(t *testing.T) string {
	t.Helper()
	tel, err := telemetry.New(t.Context(), telemetry.Options{Output: t.Output()})
	require.NoError(t, err)
	soon := time.Now().Add(time.Hour)
	tel.Stored(t.Context(), token.Account{Provider: "fitbit", Name: "will"}, "refreshed", token.Issue{Expiry: soon, GrantEnds: soon})
	tel.Durable(t.Context(), "history", time.Second)
	tel.FleetRead(t.Context(), telemetry.Fleet{OldestOverdue: soon, NextConsent: soon, Incidents: []telemetry.Incident{{Reason: "CallStuck"}}})
	page := httptest.NewRecorder()
	tel.Handler().ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return page.Body.String()
}

func TestEveryMetricOfRulesDashboardAndPageIsThereFromAWorkersStart(t *testing.T) {
	rules, err := os.ReadFile("../deploy/prometheus/tokenkeeper.rules.yml")
	require.NoError(t, err)
	dashboard, err := os.ReadFile("../deploy/grafana/tokenkeeper.json")
	require.NoError(t, err)
	page, err := os.ReadFile("../docs/metrics.md")
	require.NoError(t, err)
	documented := metricNames(string(page))

	w := newSystem(t).work()
	eventually(t, "the worker has read the fleet", func() bool { return strings.Contains(w.metrics(), "tokenkeeper_accounts{") })
	atStart := metricNames(w.metrics())
	require.Subset(t, metricNames(everyMetric(t)), sometimes)
	there := append(slices.Clone(atStart), sometimes...)
	for _, name := range metricNames(string(rules) + string(dashboard) + string(page)) {
		require.Contains(t, there, name)
	}
	require.Subset(t, documented, there, "docs/metrics.md has every metric")
	for _, series := range []string{
		`tokenkeeper_alerts_total{provider="fitbit",reason="StoreStuck"} 0`,
		`tokenkeeper_alerts_total{provider="oura",reason="ReauthorizationRequired"} 0`,
		`tokenkeeper_keyset_changes_total{cause="lost"} 0`,
		`tokenkeeper_stalled_runs{cause="no_worker"} 0`,
		`tokenkeeper_escrows_total{provider="withings"} 0`,
		`tokenkeeper_held_back_total{failure="ProviderAway",provider="withings"} 0`,
		`tokenkeeper_accounts{health="healthy"} 0`,
		`tokenkeeper_accounts{health="needs-consent"} 0`,
		`tokenkeeper_overdue_runs 0`,
	} {
		require.Contains(t, w.metrics(), "\n"+series+"\n", "Prometheus sees no increase in a series that begins at 1")
	}
}

// dashboard is what is checked of Grafana's JSON.
type dashboard struct {
	Title      string
	Panels     []panel
	Templating struct {
		List []struct{ Name, Type string }
	}
}

type panel struct {
	ID         int
	Type       string
	Title      string
	Datasource source
	GridPos    struct{ X, Y, W, H int }
	Targets    []struct {
		Expr       string
		Datasource source
	}
}

type source struct{ Type, UID string }

func TestTheDashboardsPanelsDoNotOverlapAndAskTheChosenPrometheus(t *testing.T) {
	text, err := os.ReadFile("../deploy/grafana/tokenkeeper.json")
	require.NoError(t, err)
	var d dashboard
	require.NoError(t, json.Unmarshal(text, &d))
	require.Equal(t, "datasource", d.Templating.List[0].Type)
	chosen := source{"prometheus", "${" + d.Templating.List[0].Name + "}"}
	taken := map[[2]int]string{}
	ids := map[int]bool{}
	for _, p := range d.Panels {
		require.False(t, ids[p.ID], p.Title)
		ids[p.ID] = true
		require.Equal(t, chosen, p.Datasource, p.Title)
		require.NotEmpty(t, p.Targets, p.Title)
		for _, target := range p.Targets {
			require.Equal(t, chosen, target.Datasource, p.Title)
			require.Contains(t, target.Expr, `{job=~"$job"`, p.Title)
		}
		require.LessOrEqual(t, p.GridPos.X+p.GridPos.W, 24, "%s is wider than the page", p.Title)
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				require.Empty(t, taken[at], "%s lies on it", p.Title)
				taken[at] = p.Title
			}
		}
	}
}
