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
	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

func newStart(environ map[string]string) *cobra.Command {
	var flags accountFlags
	var cron, file string
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
		Args: noArgs,
	}
	flags.add(cmd)
	cmd.Flags().StringVar(&cron, "cron", "", "when to refresh; UTC unless it begins with CRON_TZ= (default well before the access token ends: "+sixHourly+" for Fitbit)")
	cmd.Flags().StringVar(&file, "accounts", "", "start the accounts in this file")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if cmd.Flags().Changed("cron") {
			if err := checkCron(cron); err != nil {
				return usageError{err}
			}
		}
		s, t, err := flags.target(environ, config.LoadStarter)
		if err != nil {
			return err
		}
		if file == "" {
			return s.withTemporal(cmd, func(ctx context.Context, o *temporalApp) error { return o.start(ctx, t, cron) })
		}
		if cmd.Flags().Changed("account") {
			return usageError{errors.New("--account and --accounts do not go together; put the account into the file")}
		}
		if cmd.Flags().Changed("secrets-of") {
			return usageError{errors.New("--secrets-of and --accounts do not go together; start the accounts that have moved one by one")}
		}
		accounts, err := readAccounts(file, s.providers, t.Account.Provider)
		if err != nil {
			return usageError{err}
		}
		return s.withTemporal(cmd, func(ctx context.Context, o *temporalApp) error { return o.startMany(ctx, accounts, cron) })
	}
	return cmd
}

// start starts one account's cron and tells all about it.
func (o *temporalApp) start(ctx context.Context, t target, cron string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	cron = cmp.Or(cron, cronOf(t.Provider.Period()))
	started, err := o.startCron(ctx, t, cron)
	if err != nil {
		return err
	}
	running, err := o.describe(ctx, t.id, "")
	if err != nil {
		return err
	}
	if started {
		o.say("Started the cron of %s: workflow %s on task queue %s.", t, running.WorkflowID, o.taskQueue)
	} else {
		o.say("The cron of %s runs already: workflow %s, started %s.", t, running.WorkflowID, o.since(ctx, running))
	}
	now := time.Now()
	o.field("Cron", cronInWords(running.Cron))
	o.field("Next run", nextOf(running, now))
	o.field("Web UI", o.link("workflows", running.WorkflowID))
	if started {
		o.field("Same as", o.cliStart(t, cron))
	}
	o.say("Refresh at once with: %s", t.command("refresh"))
	o.warnOfIdleQueue(ctx)
	return nil
}

// startCron starts the cron unless it runs already. A conflict with what runs is
// an error of type conflict, and concerns this account only.
func (o *temporalApp) startCron(ctx context.Context, t target, cron string) (started bool, err error) {
	if err := o.refuseSchedule(ctx, t); err != nil {
		return false, err
	}
	options := o.options(t)
	options.CronSchedule = cron
	options.WorkflowIDConflictPolicy = enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL
	options.WorkflowIDReusePolicy = enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE
	options.WorkflowExecutionErrorWhenAlreadyStarted = true
	_, err = o.temporal.ExecuteWorkflow(ctx, options, workflows.Type, t.input)
	var already *serviceerror.WorkflowExecutionAlreadyStarted
	if !errors.As(err, &already) {
		return err == nil, err
	}
	running, err := o.describe(ctx, options.ID, already.RunId)
	if err != nil {
		return false, err
	}
	return false, checkConflict(running, t.Account, cron)
}

// conflictError is why one account cannot be started while others can.
type conflictError struct{ error }

// checkConflict says why a running workflow is not the cron that was asked for; nil
// where it is.
func checkConflict(running workflows.State, a token.Account, cron string) error {
	cancel := shell("temporal", "workflow", "cancel", "--workflow-id", running.WorkflowID)
	kept, err := running.Input.Check()
	switch {
	case err != nil:
		return conflictError{fmt.Errorf("workflow %s runs already, but with input that it cannot use (%w); end it with: %s, and start again", running.WorkflowID, err, cancel)}
	case kept != a:
		return conflictError{fmt.Errorf("workflow %s runs already, but keeps %s and not %s; end it with: %s, and start again", running.WorkflowID, kept, a, cancel)}
	case running.Cron == "":
		return conflictError{fmt.Errorf("a single refresh of %s is at work and no cron; start again when it has ended", a)}
	case running.Cron != cron:
		return conflictError{fmt.Errorf("the cron of %s runs already with %q and not with %q; to change it, end it with: %s, and start again", a, running.Cron, cron, cancel)}
	}
	return nil
}

// since is when the first run of a workflows.State was started; before the present run,
// where Temporal's retention has taken the first one.
func (o *temporalApp) since(ctx context.Context, c workflows.State) string {
	now := time.Now()
	first, err := o.temporal.DescribeWorkflowExecution(ctx, c.WorkflowID, c.FirstRunID)
	if err != nil {
		return "before " + when(c.Created, now)
	}
	return when(first.GetWorkflowExecutionInfo().GetStartTime().AsTime(), now)
}

// nextOf tells when a workflows.State runs next.
func nextOf(c workflows.State, now time.Time) string {
	if c.Working.IsZero() {
		return when(c.Due, now)
	}
	next := when(nextByCron(c.Cron, now), now)
	if next == "" {
		return "none after the one at work now"
	}
	return "one is at work now, then " + next
}

// cliStart is the command of the Temporal CLI that starts the same cron.
func (o *temporalApp) cliStart(t target, cron string) string {
	return shell("temporal", "workflow", "start", "--type", workflows.Type, "--task-queue", o.taskQueue,
		"--workflow-id", t.id, "--cron", cron, "--input", t.inputJSON())
}
