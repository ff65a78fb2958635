package main_test

import (
	"encoding/json"
	"strings"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/testenv"
	"tokenkeeper/workflows"
)

// everyFewSeconds makes a cron of a run. Its pauses are long enough to end the
// cron in one of them.
func everyFewSeconds(o *client.StartWorkflowOptions) { o.CronSchedule = "@every 4s" }

// asksForConsentOnce asserts that the cron which began with the given run fails
// until the person consents again, that it tells a person once at each end of
// the incident, and that until then the vault's only refresh token stays as it is.
func (a account) asksForConsentOnce(w *testenv.Worker, first run, refreshToken string) {
	a.t.Helper()
	second := first.next()
	for _, failed := range []run{first, second} {
		failure := failed.failure()
		require.Equal(a.t, workflows.ReauthorizationRequired, failure.Type())
		require.Contains(a.t, failure.Message(), a.at.title+" no longer takes generation 0 of "+a.at.name+"/"+a.name)
		require.Contains(a.t, failure.Message(), "have the account owner consent again")
		require.Equal(a.t, "needs-consent", failed.health())
	}
	a.toldOnce(w, workflows.ReauthorizationRequired)
	require.Empty(a.t, a.said(w, "healed"))
	a.untouched(refreshToken, 1)

	a.put(a.at.consents(a.user))
	healed := second
	a.eventually("the cron is green again", func() bool {
		healed = healed.next()
		_, err := healed.wait()
		return err == nil
	})
	require.NoError(a.t, a.temporal.TerminateWorkflow(a.t.Context(), healed.id, "", "the row has seen enough"))
	require.Equal(a.t, "healthy", healed.health())
	require.Len(a.t, a.said(w, "healed"), 1)
	a.toldOnce(w, workflows.ReauthorizationRequired)
	a.nothingLost(2)
}

// toldOnce asserts that a person was told of an incident of this account once,
// by an error in the log and by the metric.
func (a account) toldOnce(w *testenv.Worker, reason string) {
	a.t.Helper()
	lines := a.said(w, "needs a person")
	require.Len(a.t, lines, 1)
	require.Equal(a.t, "ERROR", lines[0]["level"])
	require.Equal(a.t, reason, lines[0]["reason"])
	require.Equal(a.t, 1, a.metric(w, "tokenkeeper_alerts_total", "reason", reason))
}

// said gives the lines about this account, with the given message, that a worker
// has logged.
func (a account) said(w *testenv.Worker, message string) []map[string]any {
	a.t.Helper()
	var found []map[string]any
	for text := range strings.Lines(w.Output()) {
		var line map[string]any
		if json.Unmarshal([]byte(text), &line) != nil {
			continue // cut off by a kill
		}
		if line["msg"] == message && line["account"] == a.at.name+"/"+a.name {
			found = append(found, line)
		}
	}
	return found
}
