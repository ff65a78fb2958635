package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tokenkeeper/internal/config"
)

func newStatus(environ map[string]string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the health of the accounts",
		Long: `Shows every account that a cron or a Schedule keeps alive, with its health:

  healthy          the vault holds a fresh pair
  refreshing       a run is at work
  waiting          for its very first run
  paused           its Schedule is paused
  stuck *          a run is at work for more than ten minutes
  needs-consent *  the provider takes no refresh token any more
  failed *         the last run failed for another reason

Those with * need attention: waiting does not mend them, and status exits with 3.
--provider shows one provider's accounts, --account one account, under the
workflow id that starter gives it.`,
	}
	output := outputFlag(cmd, "table")
	return accountCommand(cmd, environ, config.LoadStarter, func(s settings, t target) error {
		return s.withSelection(cmd, t, *output == "json", func(ctx context.Context, app *temporalApp, only selection) error {
			return app.status(ctx, only, *output == "json")
		})
	})
}

// status prints the accounts, and returns needsAttention where one of them does.
func (app *temporalApp) status(ctx context.Context, only selection, asJSON bool) error {
	rows, err := app.listAccounts(ctx, only)
	if err != nil {
		return err
	}
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Account, b.Account), cmp.Compare(a.WorkflowID, b.WorkflowID))
	})
	switch {
	case asJSON:
		err = app.json(rows)
	case len(rows) > 0:
		err = app.table(rows, time.Now())
	}
	if err != nil {
		return err
	}
	if len(rows) > 0 {
		app.warnOfIdleQueue(ctx)
	}
	return app.exitError(rows, only)
}

// exitError prints why accounts need attention, and returns how many do.
func (app *temporalApp) exitError(rows []row, only selection) error {
	if len(rows) == 0 && only.target != nil {
		return needsAttention{fmt.Sprintf("nothing keeps %s alive; start its cron with: %s", only.target, only.target.command("start"))}
	}
	if len(rows) == 0 {
		app.say("No account is kept alive here. Start a cron with: starter start")
		return nil
	}
	needy := 0
	for _, r := range rows {
		if r.Health.needsAttention() {
			needy++
			app.say("%s/%s is %s: %s", r.Provider, r.Account, r.Health, app.causeOf(r))
		}
	}
	if needy > 0 {
		return needsAttention{fmt.Sprintf("accounts that need attention: %d of %d", needy, len(rows))}
	}
	return nil
}

// causeOf returns the run's own message, whole: it ends with the fix.
func (app *temporalApp) causeOf(r row) string {
	if r.LastFailure != nil && r.Health != stuck {
		return r.LastFailure.Message
	}
	return "look at the run in the Web UI: " + cmp.Or(app.link("workflows", r.WorkflowID), r.WorkflowID)
}

func (app *temporalApp) table(rows []row, now time.Time) error {
	w := tabwriter.NewWriter(app.out, 0, 0, 2, ' ', 0)
	printRow(w, "ACCOUNT", "PROVIDER", "HEALTH", "GENERATION", "ACCESS TOKEN", "LAST RUN", "NEXT RUN")
	for _, r := range rows {
		printRow(w, r.Account, r.Provider, r.Health, r.generation(), fromNow("expires in ", "expired ", r.AccessTokenExpiry, now),
			r.last(now), fromNow("in ", "due ", r.NextRun, now))
	}
	return w.Flush()
}

const unknown = "-"

func (r row) generation() string {
	if r.Generation == nil {
		return unknown
	}
	return fmt.Sprint(*r.Generation)
}

func (r row) last(now time.Time) string {
	if r.LastRun.IsZero() {
		return unknown
	}
	return fmt.Sprintf("%s %s ago", cmp.Or(r.LastOutcome, "ended"), span(now.Sub(r.LastRun)))
}

func fromNow(ahead, behind string, t, now time.Time) string {
	switch {
	case t.IsZero():
		return unknown
	case t.After(now):
		return ahead + span(t.Sub(now))
	}
	return behind + span(now.Sub(t)) + " ago"
}
