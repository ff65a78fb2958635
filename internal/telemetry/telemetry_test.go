package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/telemetry"
	"tokenkeeper/internal/token"
)

var will = token.Account{Provider: "fitbit", Name: "will"}

func start(t *testing.T, o telemetry.Options) *telemetry.Telemetry {
	t.Helper()
	if o.Output == nil {
		o.Output = t.Output()
	}
	tel, err := telemetry.New(t.Context(), o)
	require.NoError(t, err)
	return tel
}

// scrape is what Prometheus gets.
func scrape(t *testing.T, tel *telemetry.Telemetry) string {
	t.Helper()
	answer := httptest.NewRecorder()
	tel.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	require.Equal(t, http.StatusOK, answer.Code)
	return answer.Body.String()
}

// expiringIn is an answer whose access token and consent end then.
func expiringIn(d time.Duration) token.Issue {
	return token.Issue{Expiry: time.Now().Add(d), RefreshEnds: time.Now().Add(d)}
}

func TestEveryMeasureReachesPrometheus(t *testing.T) {
	tel := start(t, telemetry.Options{})
	ctx := t.Context()
	tel.Answered(ctx, "fitbit", "ok")
	tel.Answered(ctx, "fitbit", "ok")
	tel.Durable(ctx, "history", 4*time.Millisecond)
	tel.Escrowed(ctx, "fitbit")
	tel.HeldBack(ctx, "fitbit", "AwaitsTurn")
	tel.Stored(ctx, will, "refreshed", token.Issue{Expiry: time.Unix(1_800_000_000, 0), GrantEnds: time.Unix(1_900_000_000, 0)})
	tel.Alerted(ctx, will, "ReauthorizationRequired")
	tel.Stalled(ctx, "no_worker", 3)
	tel.Stalled(ctx, "backlog", 0)
	tel.KeysetChanged(ctx, "lost", 0)
	tel.KeysetChanged(ctx, "elsewhere", 1)
	tel.Answered(ctx, "fitbit", "rate limited")
	tel.Ready(ctx, true)

	page := scrape(t, tel)
	for _, line := range []string{
		`tokenkeeper_provider_answers_total{kind="ok",provider="fitbit"} 2`,
		`tokenkeeper_first_copy_seconds_bucket{where="history",le="0.002"} 0`,
		`tokenkeeper_first_copy_seconds_bucket{where="history",le="0.005"} 1`,
		`tokenkeeper_escrows_total{provider="fitbit"} 1`,
		`tokenkeeper_held_back_total{failure="AwaitsTurn",provider="fitbit"} 1`,
		`tokenkeeper_refreshes_total{outcome="refreshed",provider="fitbit"} 1`,
		`tokenkeeper_alerts_total{provider="fitbit",reason="ReauthorizationRequired"} 1`,
		`tokenkeeper_access_token_expiry_timestamp_seconds{account="will",provider="fitbit"} 1.8e+09`,
		`tokenkeeper_consent_end_timestamp_seconds{account="will",provider="fitbit"} 1.9e+09`,
		`tokenkeeper_stalled_runs{cause="no_worker"} 3`,
		`tokenkeeper_stalled_runs{cause="backlog"} 0`,
		`tokenkeeper_keyset_changes_total{cause="lost"} 0`,
		`tokenkeeper_keyset_changes_total{cause="elsewhere"} 1`,
		`tokenkeeper_provider_answers_total{kind="rate_limited",provider="fitbit"} 1`,
		`tokenkeeper_worker_ready 1`,
		`service_name="tokenkeeper"`,
		"go_goroutines",
		"process_start_time_seconds",
	} {
		require.Contains(t, page, line)
	}
}

func TestAnExpiryIsATimeAndIsForgottenAWeekAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel := start(t, telemetry.Options{})
		const series = `tokenkeeper_access_token_expiry_timestamp_seconds{account="will",provider="fitbit"}`
		expiry := token.Issue{Expiry: time.Unix(time.Now().Unix()+3600, 0)}
		tel.Stored(t.Context(), will, "refreshed", expiry)
		want := series + " " + strconv.FormatFloat(float64(expiry.Expiry.Unix()), 'e', -1, 64) + "\n"
		require.Contains(t, scrape(t, tel), want)
		time.Sleep(90 * time.Minute)
		require.Contains(t, scrape(t, tel), want, "it has expired")
		time.Sleep(7 * 24 * time.Hour)
		require.NotContains(t, scrape(t, tel), series)
	})
}

func TestAnAccountWithoutExpiryHasNoGauge(t *testing.T) {
	tel := start(t, telemetry.Options{})
	tel.Stored(t.Context(), will, "refreshed", token.Issue{})
	require.NotContains(t, scrape(t, tel), "token_expiry_timestamp_seconds{")
	require.NotContains(t, scrape(t, tel), "consent_end_timestamp_seconds{")
}

func TestAnAccountThatRestsNowLosesItsGauge(t *testing.T) {
	tel := start(t, telemetry.Options{})
	tel.Stored(t.Context(), will, "refreshed", token.Issue{Expiry: time.Now().Add(time.Hour)})
	require.Contains(t, scrape(t, tel), "token_expiry_timestamp_seconds{")
	tel.Stored(t.Context(), will, "refreshed", token.Issue{})
	require.NotContains(t, scrape(t, tel), "token_expiry_timestamp_seconds{")
}

func TestAConsentsEndIsShownWithoutAnExpiry(t *testing.T) {
	tel := start(t, telemetry.Options{})
	tel.Stored(t.Context(), will, "refreshed", token.Issue{RefreshEnds: time.Unix(1_900_000_000, 0), GrantEnds: time.Unix(2_000_000_000, 0)})
	page := scrape(t, tel)
	require.Contains(t, page, `tokenkeeper_consent_end_timestamp_seconds{account="will",provider="fitbit"} 1.9e+09`, "the earlier one")
	require.NotContains(t, page, "token_expiry_timestamp_seconds{")
}

func TestAFleetDoesNotFloodPrometheus(t *testing.T) {
	tel := start(t, telemetry.Options{})
	store := func(first, last int) {
		for i := first; i <= last; i++ {
			account := token.Account{Provider: "fitbit", Name: fmt.Sprintf("a%d", i)}
			tel.Stored(t.Context(), account, "refreshed", expiringIn(time.Hour))
		}
	}
	store(1, 1000)
	require.Equal(t, 1000, bytes.Count([]byte(scrape(t, tel)), []byte("token_expiry_timestamp_seconds{")))
	store(1001, 1100)
	page := scrape(t, tel)
	require.NotContains(t, page, "token_expiry_timestamp_seconds{", "some of the accounts would mislead")
	require.NotContains(t, page, "consent_end_timestamp_seconds{")
	require.Contains(t, page, `tokenkeeper_refreshes_total{outcome="refreshed",provider="fitbit"} 1100`)
}

func TestTheSDKLogsAndMeasuresThroughTelemetry(t *testing.T) {
	var out bytes.Buffer
	tel := start(t, telemetry.Options{Output: &out, LogFormat: "json", LogLevel: slog.LevelInfo})
	options := tel.ClientOptions(client.Options{HostPort: "temporal.example:7233"})
	require.Equal(t, "temporal.example:7233", options.HostPort)
	require.Empty(t, options.Interceptors, "no collector, no traces")

	options.Logger.Info("worker started", "TaskQueue", "token-refresh")
	options.Logger.Debug("not at this level")
	var line map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &line))
	require.Equal(t, "token-refresh", line["TaskQueue"])

	options.MetricsHandler.Counter("temporal_request").Inc(1)
	options.MetricsHandler.Timer("temporal_request_latency").Record(30 * time.Millisecond)
	page := scrape(t, tel)
	require.Contains(t, page, "temporal_request_total 1")
	require.Contains(t, page, `temporal_request_latency_seconds_bucket{le="0.02"} 0`)
	require.Contains(t, page, `temporal_request_latency_seconds_bucket{le="0.05"} 1`)
}

func TestAMetricThatTheSDKGetsWrongIsLogged(t *testing.T) {
	var out bytes.Buffer
	tel := start(t, telemetry.Options{Output: &out})
	tel.ClientOptions(client.Options{}).MetricsHandler.Counter("not a name").Inc(1)
	require.Contains(t, out.String(), "a metric of the Temporal SDK does not work")
}

func TestLogFormats(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, file.Close()) })
	terminal, err := os.Open(os.DevNull) // a character device, as a terminal is
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, terminal.Close()) })

	text, inJSON := &slog.TextHandler{}, &slog.JSONHandler{}
	require.IsType(t, text, telemetry.NewLogger(file, "text", slog.LevelInfo).Handler())
	require.IsType(t, inJSON, telemetry.NewLogger(terminal, "json", slog.LevelInfo).Handler())
	require.IsType(t, text, telemetry.NewLogger(terminal, "auto", slog.LevelInfo).Handler())
	require.IsType(t, inJSON, telemetry.NewLogger(file, "auto", slog.LevelInfo).Handler())
	require.IsType(t, inJSON, telemetry.NewLogger(&bytes.Buffer{}, "auto", slog.LevelInfo).Handler())
	require.False(t, telemetry.NewLogger(file, "auto", slog.LevelWarn).Enabled(context.Background(), slog.LevelInfo))
}

func TestASecretDoesNotGetIntoTheLog(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		var out bytes.Buffer
		telemetry.NewLogger(&out, format, slog.LevelDebug).
			Info("loaded", "token", token.NewSecret("fake-refresh-token-1"), "pair", token.Pair{RefreshToken: token.NewSecret("fake-refresh-token-1")})
		require.NotContains(t, out.String(), "fake-refresh-token-1")
		require.Contains(t, out.String(), "[redacted]")
	}
}

func TestAWrongResourceIsNamed(t *testing.T) {
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "no pairs")
	_, err := telemetry.New(t.Context(), telemetry.Options{Output: t.Output()})
	require.ErrorContains(t, err, "check OTEL_RESOURCE_ATTRIBUTES")
}
