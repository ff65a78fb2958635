package tokenkeeper_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
)

// requirePromtool, set to 1, makes a test that finds no promtool fail instead of being skipped.
const requirePromtool = "TOKENKEEPER_REQUIRE_PROMTOOL"

// promtool runs Prometheus' own tool.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	program, err := exec.LookPath("promtool")
	if err != nil && os.Getenv(requirePromtool) != "1" {
		t.Skip("this test needs promtool, as Debian's package prometheus has it")
	}
	require.NoError(t, err)
	said, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
	require.NoError(t, err, string(said))
}

func ruleTests(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("deploy/prometheus/*_test.yml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return files
}

func TestPrometheusFiresAsTheRulesTestsSay(t *testing.T) {
	promtool(t, append([]string{"test", "rules"}, ruleTests(t)...)...)
}

// alertRule is one of Prometheus' rules.
type alertRule struct {
	Alert, Expr         string
	Labels, Annotations map[string]string
}

func alertRules(t *testing.T) (rules []alertRule) {
	t.Helper()
	text, err := os.ReadFile("deploy/prometheus/tokenkeeper.rules.yml")
	require.NoError(t, err)
	var file struct {
		Groups []struct{ Rules []alertRule }
	}
	require.NoError(t, yaml.Unmarshal(text, &file))
	for _, group := range file.Groups {
		rules = append(rules, group.Rules...)
	}
	require.NotEmpty(t, rules)
	return rules
}

func TestEveryRuleHasATestASeverityAndARunbook(t *testing.T) {
	var tests strings.Builder
	for _, file := range ruleTests(t) {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		tests.Write(text)
	}
	page, err := os.ReadFile("docs/operations.md")
	require.NoError(t, err)
	for _, rule := range alertRules(t) {
		require.Regexp(t, `alertname: `+rule.Alert+`\n[^{]*exp_labels`, tests.String(), "no test sees %s fire", rule.Alert)
		require.Contains(t, []string{"warning", "critical"}, rule.Labels["severity"], rule.Alert)
		require.NotEmpty(t, rule.Annotations["summary"], rule.Alert)
		require.NotEmpty(t, rule.Annotations["description"], rule.Alert)
		require.Equal(t, "docs/operations.md#"+strings.ToLower(rule.Alert), rule.Annotations["runbook"], rule.Alert)
		require.Contains(t, string(page), "\n### "+rule.Alert+"\n\n", "it has no runbook")
	}
}

var runbookHeading = regexp.MustCompile(`(?m)^### (TokenKeeper\w+)$`)

func TestEveryRunbookIsOfARule(t *testing.T) {
	page, err := os.ReadFile("docs/operations.md")
	require.NoError(t, err)
	var alerts []string
	for _, rule := range alertRules(t) {
		alerts = append(alerts, rule.Alert)
	}
	for _, heading := range runbookHeading.FindAllStringSubmatch(string(page), -1) {
		require.Contains(t, alerts, heading[1])
	}
}

// Grafana sets its own variables in the queries before Prometheus gets them.
func TestPrometheusTakesEveryQueryOfTheDashboard(t *testing.T) {
	text, err := os.ReadFile("deploy/grafana/tokenkeeper.json")
	require.NoError(t, err)
	var dashboard struct {
		Panels []struct{ Targets []struct{ Expr string } }
	}
	require.NoError(t, json.Unmarshal(text, &dashboard))
	type record struct {
		Record string `yaml:"record"`
		Expr   string `yaml:"expr"`
	}
	var records []record
	variables := strings.NewReplacer("$__rate_interval", "5m", "$job", ".*")
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			records = append(records, record{fmt.Sprintf("query:%d", len(records)), variables.Replace(target.Expr)})
		}
	}
	require.NotEmpty(t, records)
	rules, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": records}}})
	require.NoError(t, err)
	require.NotContains(t, string(rules), "$", "a variable that is not set here")
	file := filepath.Join(t.TempDir(), "queries.yml")
	require.NoError(t, os.WriteFile(file, rules, 0o600))
	promtool(t, "check", "rules", file)
}
