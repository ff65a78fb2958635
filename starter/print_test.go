package main

import (
	"bytes"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
)

func TestShellReadsBackWhatWasQuoted(t *testing.T) {
	words := []string{"temporal", "--cron", "0 */6 * * *", "--input", `{"account":"will"}`, "", "it's", "$HOME", "`x`", "a\nb", "--flag=1"}
	out, err := exec.CommandContext(t.Context(), "sh", "-c", shell(append([]string{"printf", `%s\0`}, words...)...)).Output()
	require.NoError(t, err)
	var read []string
	for word := range bytes.SplitSeq(bytes.TrimSuffix(out, []byte{0}), []byte{0}) {
		read = append(read, string(word))
	}
	require.Equal(t, words, read)
}

func TestShellQuotesOnlyWhereItMust(t *testing.T) {
	account, err := newTarget(provider.Builtin(), "fitbit", "default", "")
	require.NoError(t, err)
	require.Equal(t, `temporal workflow start --type RefreshTokens --task-queue token-refresh --workflow-id fitbit-token-refresh --cron '0 */6 * * *' --input '{}'`,
		(&temporalApp{taskQueue: "token-refresh"}).cliStart(account, sixHourly))
}

func TestTimesArePrintedAbsoluteAndFromNow(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	require.Equal(t, "2026-11-20 18:00:00 UTC, in 6h0m", when(now.Add(6*time.Hour), now))
	require.Equal(t, "2026-11-20 11:59:30 UTC, 30s ago", when(now.Add(-30*time.Second), now))
	require.Empty(t, when(time.Time{}, now))
	for d, want := range map[time.Duration]string{
		400 * time.Millisecond: "0s", 59 * time.Second: "59s", 90 * time.Second: "1m30s",
		3*time.Hour + 31*time.Minute + time.Second: "3h31m", 26 * time.Hour: "1d2h", 60 * 24 * time.Hour: "60d0h",
	} {
		require.Equal(t, want, span(d))
	}
}

func TestLinksAreEscaped(t *testing.T) {
	p := printer{webUI: "https://cloud.temporal.io", namespace: "homes.a1b2c"}
	require.Equal(t, "https://cloud.temporal.io/namespaces/homes.a1b2c/workflows/my%20own%2Fid", p.link("workflows", "my own/id"))
	require.Empty(t, (&printer{namespace: "homes"}).link("workflows", "x"), "a link to nowhere")
}
