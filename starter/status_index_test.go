package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/incident"
	"tokenkeeper/workflows"
)

// A fleet that is too large to look at each account is read by Temporal's index and by the
// open incidents: here as if 20 accounts were too many.
func TestALargeFleetIsReadByTheIndex(t *testing.T) {
	var out quietWriter
	app := appIn(t, "status-index", &out)
	require.NoError(t, addAttributes(t.Context(), shared.Temporal(t), "status-index"))
	var names []string
	for n := range 27 {
		names = append(names, fmt.Sprintf("a%02d", n))
	}
	for _, name := range names {
		app.startsCron(t, "fitbit", name, "0 0 1 1 *")
	}
	for name, issuer := range map[string]string{"dead": "fitbit", "broken": "oura"} {
		app.startsCron(t, issuer, name, "0 0 1 1 *")
		account, err := newTarget(app.providers, issuer, name, "")
		require.NoError(t, err)
		failing, err := app.requestRefresh(t.Context(), account)
		require.NoError(t, err)
		ended, err := app.runResult(t.Context(), account.id, failing.RunID, true)
		require.NoError(t, err)
		require.NotNil(t, ended.Failure)
	}
	reporter := &incident.Reporter{Temporal: app.temporal, TaskQueue: app.taskQueue}
	require.NoError(t, reporter.Report(t.Context(), "fitbit", workflows.ReauthorizationRequired, incident.Report{Account: "fitbit/dead", Message: "its owner must consent"}))

	// The listing follows the runs with a delay: meanwhile it may have both of an account's runs, or none.
	require.Eventually(t, func() bool {
		large, err := app.isLarge(t.Context(), len(names)+1)
		tooLarge, errBeyond := app.isLarge(t.Context(), len(names)+2)
		return err == nil && errBeyond == nil && large && !tooLarge
	}, patience, 50*time.Millisecond)

	var needy []string
	require.Eventually(t, func() bool {
		rows, partial, err := app.findByHealth(t.Context(), selection{}, needingAttention(), pageOfMany)
		sortRows(rows)
		needy = nil
		for _, r := range rows {
			needy = append(needy, fmt.Sprint(r.Provider, "/", r.Account, " ", r.Health))
		}
		return err == nil && partial == "" && len(needy) == 2
	}, patience, 100*time.Millisecond)
	require.Equal(t, []string{"fitbit/dead needs-consent", "oura/broken failed"}, needy)
	rows, partial, err := app.findByHealth(t.Context(), selection{}, []Health{waiting}, 10)
	require.NoError(t, err)
	require.Len(t, rows, 10)
	require.Equal(t, "There are more than these 10; raise --limit to see them.", partial)
	rows, _, err = app.findByHealth(t.Context(), selection{provider: "oura"}, needingAttention(), 10)
	require.NoError(t, err)
	require.Len(t, rows, 1)

	var summary *fleetSummary
	require.Eventually(t, func() bool {
		summary, err = app.readSummary(t.Context())
		return err == nil && summary.Accounts == len(names)+2 && len(summary.Incidents) == 1
	}, patience, 100*time.Millisecond)
	require.Equal(t, map[workflows.Health]int{workflows.HealthNeedsConsent: 1, workflows.HealthFailed: 0, workflows.HealthStuck: 0, workflows.HealthGood: len(names) + 1}, summary.Health,
		"what no incident names counts as healthy")
	out.text = ""
	app.printSummary(*summary, time.Now())
	require.Contains(t, out.text, "29 accounts on task queue token-refresh:")
	require.Contains(t, out.text, "ReauthorizationRequired at fitbit, 1 accounts: its owner must consent")
}

// An account that migrate has moved is found where it is now, and its old name is no loss.
func TestAMovedAccountIsNamedInTheListAndExpectedUnderItsNewName(t *testing.T) {
	var out quietWriter
	app := appIn(t, "status-moved", &out)
	old, err := newTarget(app.providers, "fitbit", "will", "")
	require.NoError(t, err)
	s := settings{providers: app.providers}
	to, err := successorOf(s, old)
	require.NoError(t, err)
	_, err = app.startCron(t.Context(), to, "0 0 1 1 *", false)
	require.NoError(t, err)
	missing, err := newTarget(app.providers, "fitbit", "zoe", "")
	require.NoError(t, err)
	expects := func(targets ...target) error {
		out.text = ""
		return app.compare(t.Context(), statusOptions{settings: s, expected: &expectation{file: "accounts.txt", targets: targets}})
	}
	require.Eventually(t, func() bool { return expects(old) == nil }, patience, 100*time.Millisecond)
	require.Contains(t, out.text, "fitbit/will has moved, and is "+to.named()+" now; put that into the file.")
	err = expects(old, missing)
	require.ErrorContains(t, err, "2 accounts are expected by accounts.txt: 1 missing")
	require.Contains(t, out.text, "Missing: nothing keeps fitbit/zoe alive; start its cron with: starter start --account zoe")
	require.NotContains(t, out.text, "Not in the file")
}

func (app *temporalApp) startsCron(t *testing.T, issuer, name, cron string) {
	t.Helper()
	account, err := newTarget(app.providers, issuer, name, "")
	require.NoError(t, err)
	_, err = app.startCron(t.Context(), account, cron, false)
	require.NoError(t, err)
}
