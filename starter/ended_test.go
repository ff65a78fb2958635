package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/converter"

	"tokenkeeper/internal/incident"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/webhook"
)

// reports are those that an incident's workflow was signalled.
func reports(t *testing.T, app *temporalApp, id string) (all []incident.Report) {
	t.Helper()
	history := app.temporal.GetWorkflowHistory(t.Context(), id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for history.HasNext() {
		event, err := history.Next()
		require.NoError(t, err)
		if signalled := event.GetWorkflowExecutionSignaledEventAttributes(); signalled != nil {
			var r incident.Report
			require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(signalled.GetInput(), &r))
			all = append(all, r)
		}
	}
	return all
}

// What is stopped or moved is taken out of the open incidents of its provider and of this
// task queue, and what was ended by other means as well; each change is in the audit.
func TestWhatIsEndedIsTakenOutOfOpenIncidents(t *testing.T) {
	var out quietWriter
	app := appIn(t, "ended", &out)
	app.taskQueue = "ended" // without a worker, whose tries would hold signals back
	reporter := &incident.Reporter{Temporal: app.temporal, TaskQueue: app.taskQueue}
	elsewhere := &incident.Reporter{Temporal: app.temporal, TaskQueue: "another-queue"}
	raised := incident.Report{Account: "fitbit/will", Message: "it hangs"}
	require.NoError(t, reporter.Report(t.Context(), "fitbit", "CallStuck", raised))
	require.NoError(t, reporter.Report(t.Context(), "oura", "CallStuck", raised))
	require.NoError(t, elsewhere.Report(t.Context(), "fitbit", "CallStuck", raised))
	require.Eventually(t, func() bool {
		open, err := incident.ListOpen(t.Context(), app.temporal, app.taskQueue)
		return err == nil && len(open) == 2
	}, patience, 50*time.Millisecond)

	will, err := newTarget(app.providers, "fitbit", "will", "")
	require.NoError(t, err)
	_, err = app.startCron(t.Context(), will, "0 0 1 1 *", false)
	require.NoError(t, err)
	app.ended.audited = auditStop
	require.NoError(t, app.stop(t.Context(), will, stopOptions{}))
	gone, err := newTarget(app.providers, "fitbit", "gone", "")
	require.NoError(t, err)
	require.NoError(t, app.stop(t.Context(), gone, stopOptions{}))
	file := filepath.Join(t.TempDir(), "audit.jsonl")
	app.settleEnded(t.Context(), func() (auditor, error) { return auditor{file: file, sender: webhook.New(nil, app.taskQueue)}, nil })

	told := reports(t, app, incident.ID(app.taskQueue, "fitbit", "CallStuck"))
	require.Len(t, told, 2)
	require.Equal(t, "fitbit/will", told[1].Account)
	require.Equal(t, []string{"fitbit/gone"}, told[1].Others)
	require.True(t, told[1].Healed && told[1].Perhaps)
	require.Len(t, reports(t, app, incident.ID(app.taskQueue, "oura", "CallStuck")), 1, "another provider's")
	require.Len(t, reports(t, app, incident.ID("another-queue", "fitbit", "CallStuck")), 1, "another task queue's")

	content, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(content), "\n"), "only what was changed: %s", content)
	require.Contains(t, string(content), `"audit":"stop","subject":"fitbit/will"`)
}

// Many are a line each and one event.
func TestTheAuditOfManyIsALineEachAndOneEvent(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.jsonl")
	var accounts []token.Account
	for _, name := range strings.Split("abcdefghijkl", "") {
		accounts = append(accounts, token.Account{Provider: "fitbit", Name: name})
	}
	told := &inboxOfAudits{}
	receiver := told.serve(t)
	a := auditor{file: file, sender: receiver}
	a.recordMany(t.Context(), printer{}, auditMove, accounts)
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, 12, strings.Count(string(content), `"audit":"move"`))
	require.Len(t, told.records, 1)
	require.Equal(t, "12 accounts", told.records[0].Subject)
	require.Equal(t, "fitbit/a, fitbit/b, fitbit/c, fitbit/d, fitbit/e, fitbit/f, fitbit/g, fitbit/h, fitbit/i, fitbit/j and 2 more", told.records[0].Detail)
}
