package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tokenkeeper/internal/config"
	"tokenkeeper/workflows"
)

func newRefresh(environ map[string]string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "refresh",
		Short: "Refresh an account now, without waiting for its cron",
		Long: `Refreshes an account's tokens now. Where its cron runs, the next run begins at
once and the cron goes on after it; a run that is at work already is not
repeated. Where no cron runs, the tokens are refreshed once, and no cron is started.`,
	}
	wait := cmd.Flags().Bool("wait", true, "wait for the result; Ctrl-C stops the waiting and not the refresh")
	output := outputFlag(cmd, "text")
	return accountCommand(cmd, environ, config.LoadStarter, func(s settings, t target) error {
		return s.withTemporal(cmd, func(ctx context.Context, app *temporalApp) error {
			return app.printAnswer(*output == "json", func() (runAnswer, error) {
				now, err := app.whereItIsNow(ctx, s, t)
				if err != nil {
					return runAnswer{}, err
				}
				return app.refresh(ctx, now, *wait)
			})
		})
	})
}

// refresh requests a run and, with wait, waits for its result.
func (app *temporalApp) refresh(ctx context.Context, t target, wait bool) (runAnswer, error) {
	answer, err := app.requestRefresh(ctx, t)
	if err != nil {
		return answer, err
	}
	app.say("Refreshing %s now: run %s of workflow %s.", t, answer.RunID, t.id)
	app.field("Web UI", answer.WebUI)
	if answer.Cron == "" {
		app.describeSingleRefresh(ctx, t)
	}
	app.warnOfIdleQueue(ctx)
	if !wait {
		return answer, nil
	}
	if err := app.awaitAnswer(ctx, &answer, "refresh", t.String()+" was not refreshed"); err != nil {
		return answer, err
	}
	now := time.Now()
	app.say("%s", describeResult(*answer.Result, now))
	app.field("Next run", when(nextByCron(answer.Cron, now), now))
	return answer, nil
}

// requestRefresh signals the workflow, which makes a cron that waits begin at once,
// or starts one without a cron. Temporal does exactly one of the two.
func (app *temporalApp) requestRefresh(ctx context.Context, t target) (runAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	asking, stop := context.WithTimeout(ctx, dialTimeout)
	options, _ := app.options(asking, t) // a single run lists itself once it is at work
	stop()
	run, err := app.temporal.SignalWithStartWorkflow(ctx, t.id, workflows.RefreshNow, nil, options, workflows.Type, t.input)
	if err != nil {
		return runAnswer{}, err
	}
	requested, err := app.describe(ctx, t.id, run.GetRunID())
	if err != nil {
		return runAnswer{}, err
	}
	answer := app.answerFor(t, t.id, run.GetRunID())
	answer.Cron = requested.Cron
	return answer, nil
}

// hurryRuns signals the account's runs at work, so that one that waits starts over with
// a consent that was stored meanwhile. A cron that waits for its time is left alone, and
// no run is no error. It reports whether there was one.
func (app *temporalApp) hurryRuns(ctx context.Context, t target) (hurried bool, err error) {
	schedule, err := app.describeSchedule(ctx, t.scheduleID())
	if err != nil {
		return false, err
	}
	ids := []string{t.id}
	if schedule != nil {
		for _, run := range schedule.Info.RunningWorkflows {
			ids = append(ids, run.WorkflowID)
		}
	}
	for _, id := range ids {
		runID, err := app.working(ctx, id, t)
		if err == nil && runID != "" {
			err = app.temporal.SignalWorkflow(ctx, id, runID, workflows.RefreshNow, nil)
			hurried = hurried || err == nil
		}
		if err != nil && !gone(err) {
			return hurried, err
		}
	}
	return hurried, nil
}

// working returns the id of a workflow's run that is at work and refreshes the account;
// empty where none is.
func (app *temporalApp) working(ctx context.Context, workflowID string, t target) (runID string, err error) {
	if runID, err = app.running(ctx, workflowID); err != nil || runID == "" {
		return "", err
	}
	s, err := app.describe(ctx, workflowID, runID)
	if err != nil || s.Working.IsZero() || s.Input.Recover {
		return "", err
	}
	if account, err := s.Input.Check(); err != nil || account != t.Account {
		return "", nil
	}
	return runID, nil
}

// describeSingleRefresh prints what refreshes an account next that has no cron.
func (app *temporalApp) describeSingleRefresh(ctx context.Context, t target) {
	if schedule, err := app.describeSchedule(ctx, t.scheduleID()); err == nil && schedule != nil {
		app.say("This is a single refresh beside the Schedule %s, which goes on.", t.scheduleID())
		return
	}
	app.say("No cron runs for %s, so this is a single refresh. Start its cron with: %s", t, t.command("start"))
}

func describeResult(r workflows.Result, now time.Time) string {
	text := fmt.Sprintf("Done (%s): generation %d of %s/%s is in the vault.", r.Outcome, r.Generation, r.Provider, r.Account)
	if !r.AccessTokenExpiry.IsZero() {
		text += " Its access token expires " + when(r.AccessTokenExpiry, now) + "."
	}
	return text
}
