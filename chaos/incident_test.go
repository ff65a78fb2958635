package main_test

import (
	"encoding/json"
	"strings"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/testenv"
	"tokenkeeper/workflows"
)

// everyFewSeconds makes a cron of a run.
func everyFewSeconds(o *client.StartWorkflowOptions) { o.CronSchedule = "@every 4s" }

// endCron cancels the cron that began with or before a run, when that has ended. A
// run at work stores its pair first.
func (a account) endCron(r run) {
	a.t.Helper()
	for canceled := false; !canceled; {
		r = r.next()
		_ = a.temporal.CancelWorkflow(a.t.Context(), r.id, r.runID) // in vain where it has just ended
		failure := r.wait().Failure
		canceled = failure != nil && failure.Type == workflows.Cancelled
	}
}

// asksForConsentOnce asserts that the cron which began with the given run fails
// until the user consents again, that it alerts once at each end of the incident,
// and that until then the vault's only refresh token stays as it is.
func (a account) asksForConsentOnce(w *testenv.Worker, first run, refreshToken string) {
	a.t.Helper()
	second := first.next()
	for _, failed := range []run{first, second} {
		failure := failed.failure()
		require.Equal(a.t, workflows.ReauthorizationRequired, failure.Type)
		require.Contains(a.t, failure.Message, a.at.title+" no longer takes generation 0 of "+a.at.name+"/"+a.name)
		require.Contains(a.t, failure.Message, "consent again")
		require.Equal(a.t, "needs-consent", failed.health())
	}
	a.alertedOnce(w, workflows.ReauthorizationRequired)
	require.Empty(a.t, a.logged(w, saysHealed))
	a.untouched(refreshToken, 1)

	a.put(a.at.consents(a.user))
	healed := second
	a.eventually("the cron is green again", func() bool {
		healed = healed.next()
		return healed.wait().Failure == nil
	})
	a.endCron(healed)
	require.Equal(a.t, "healthy", healed.health())
	a.loggedOnce(w, saysHealed)
	a.alertedOnce(w, workflows.ReauthorizationRequired)
	generation := len(a.refreshVersions()) - 1
	require.GreaterOrEqual(a.t, generation, 2)
	a.nothingLost(generation)
}

// alertedOnce asserts that there was one alert about this account, by an error in
// the log and by the metric.
func (a account) alertedOnce(w *testenv.Worker, reason string) {
	a.t.Helper()
	line := a.loggedOnce(w, saysAlert)
	require.Equal(a.t, "ERROR", line["level"])
	require.Equal(a.t, reason, line["reason"])
	require.Equal(a.t, 1, a.metric(w, "tokenkeeper_alerts_total", "reason", reason))
}

// loggedOnce waits for a message about this account, which must come once.
func (a account) loggedOnce(w *testenv.Worker, message string) map[string]any {
	a.t.Helper()
	a.eventually("a worker logs: "+message, func() bool { return len(a.logged(w, message)) > 0 })
	lines := a.logged(w, message)
	require.Len(a.t, lines, 1)
	return lines[0]
}

// logged gives the lines about this account, with the given message, that a worker
// has logged.
func (a account) logged(w *testenv.Worker, message string) []map[string]any {
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
