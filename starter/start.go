package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"

	"tokenkeeper/internal/config"
	"tokenkeeper/workflows"
)

func newStart(environ map[string]string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "start",
		Short: "Start the cron that keeps an account alive",
		Long: `Starts the cron that refreshes an account's tokens. An account whose cron runs
already, with the same expression, is left alone; so a start can be repeated.

--accounts starts many: a file with one account per line, a provider after it
where it is not that of --provider, and # before comments. Each gets minutes of
its own within the cron's period, always the same ones.`,
		Example: `  starter start --account will
  starter start --account will --cron 'CRON_TZ=Europe/Berlin 30 */4 * * *'
  starter start --accounts accounts.txt`,
	}
	cron := cmd.Flags().String("cron", "", "when to refresh; UTC unless it begins with CRON_TZ= (default well before the access token ends: "+sixHourly+" for Fitbit)")
	file := cmd.Flags().String("accounts", "", "start the accounts in this file")
	return accountCommand(cmd, environ, config.LoadStarter, func(s settings, t target) error {
		if *cron != "" {
			if _, err := parseCron(*cron); err != nil {
				return usageError{err}
			}
		}
		if *file == "" {
			return s.withTemporal(cmd, func(ctx context.Context, app *temporalApp) error { return app.start(ctx, t, *cron) })
		}
		if cmd.Flags().Changed("account") {
			return usageError{errors.New("--account and --accounts do not go together; put the account into the file")}
		}
		if cmd.Flags().Changed("secrets-of") {
			return usageError{errors.New("--secrets-of and --accounts do not go together; start the accounts that have moved one by one")}
		}
		targets, err := readAccounts(*file, s.providers, t.Account.Provider)
		if err != nil {
			return usageError{err}
		}
		return s.withTemporal(cmd, func(ctx context.Context, app *temporalApp) error { return app.startMany(ctx, targets, *cron) })
	})
}

// start starts one account's cron and describes it. An empty cron is the one that
// suits the provider.
func (app *temporalApp) start(ctx context.Context, t target, cron string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	cron = cmp.Or(cron, cronOf(t.Provider.Period()))
	started, err := app.startCron(ctx, t, cron)
	if err != nil {
		return err
	}
	running, err := app.describe(ctx, t.id, "")
	if err != nil {
		return err
	}
	if started {
		app.say("Started the cron of %s: workflow %s on task queue %s.", t, t.id, app.taskQueue)
	} else {
		app.say("The cron of %s runs already: workflow %s, started %s.", t, t.id, app.startedAt(ctx, running))
	}
	app.field("Cron", cronInWords(running.Cron))
	app.field("Next run", nextRun(running, time.Now()))
	app.field("Web UI", app.link("workflows", t.id))
	if started {
		app.field("Same as", app.cliStart(t, cron))
	}
	app.say("Refresh at once with: %s", t.command("refresh"))
	app.warnOfIdleQueue(ctx)
	return nil
}

// startCron starts the cron unless it runs already. A conflict with what runs is a
// conflictError, and concerns this account only.
func (app *temporalApp) startCron(ctx context.Context, t target, cron string) (started bool, err error) {
	if err := app.refuseSchedule(ctx, t); err != nil {
		return false, err
	}
	options := app.options(t)
	options.CronSchedule = cron
	options.WorkflowIDConflictPolicy = enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL
	options.WorkflowIDReusePolicy = enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE
	options.WorkflowExecutionErrorWhenAlreadyStarted = true
	_, err = app.temporal.ExecuteWorkflow(ctx, options, workflows.Type, t.input)
	var already *serviceerror.WorkflowExecutionAlreadyStarted
	if !errors.As(err, &already) {
		return err == nil, err
	}
	running, err := app.describe(ctx, t.id, already.RunId)
	if err != nil {
		return false, err
	}
	return false, checkConflict(running, t, cron)
}

// conflictError is why one account cannot be started while others can.
type conflictError struct{ error }

// checkConflict returns how a running workflow differs from the cron that is to be
// started; nil where it does not.
func checkConflict(running workflows.State, t target, cron string) error {
	cancel := cliCancel(running.WorkflowID)
	kept, err := running.Input.Check()
	switch {
	case err != nil:
		return conflictError{fmt.Errorf("workflow %s runs already, but with input that it cannot use (%w); end it with: %s, and start again", running.WorkflowID, err, cancel)}
	case kept != t.Account:
		return conflictError{fmt.Errorf("workflow %s runs already, but keeps %s and not %s; end it with: %s, and start again", running.WorkflowID, kept, t, cancel)}
	case running.Cron == "":
		return conflictError{fmt.Errorf("a single refresh of %s is at work and no cron; start again when it has ended", t)}
	case running.Cron != cron:
		return conflictError{fmt.Errorf("the cron of %s runs already with %q and not with %q; to change it, end it with: %s, and start again", t, running.Cron, cron, cancel)}
	}
	return nil
}

// startedAt is when a cron's first run was started; before its present run, where
// Temporal's retention has ended for the first one.
func (app *temporalApp) startedAt(ctx context.Context, s workflows.State) string {
	now := time.Now()
	first, err := app.temporal.DescribeWorkflowExecution(ctx, s.WorkflowID, s.FirstRunID)
	if err != nil {
		return "before " + when(s.Created, now)
	}
	return when(first.GetWorkflowExecutionInfo().GetStartTime().AsTime(), now)
}

func nextRun(s workflows.State, now time.Time) string {
	if s.Working.IsZero() {
		return when(s.Due, now)
	}
	next := when(nextByCron(s.Cron, now), now)
	if next == "" {
		return "none after the one at work now"
	}
	return "one is at work now, then " + next
}

// cliStart is the command of the Temporal CLI that starts the same cron.
func (app *temporalApp) cliStart(t target, cron string) string {
	return shell("temporal", "workflow", "start", "--type", workflows.Type, "--task-queue", app.taskQueue,
		"--workflow-id", t.id, "--cron", cron, "--input", t.inputJSON())
}

// cliCancel is the command of the Temporal CLI that ends a workflow.
func cliCancel(workflowID string) string {
	return shell("temporal", "workflow", "cancel", "--workflow-id", workflowID)
}
