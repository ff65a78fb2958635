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

// startOptions are the flags of start.
type startOptions struct {
	cron   string // empty for the one that suits the provider
	keep   string
	file   string
	dryRun bool
	asJSON bool
}

func newStart(environ map[string]string) *cobra.Command {
	var options startOptions
	cmd := &cobra.Command{
		Use:   "start",
		Short: "Start the cron that keeps an account alive",
		Long: `Starts the cron that refreshes an account's tokens. An account whose cron runs
already, with the same expression, is left alone; so a start can be repeated. One
that a Schedule keeps alive gets a cron in place of it, at the same times.

--accounts starts many, each at minutes of its own within the cron's period, always
the same ones. It may be interrupted and repeated: those that run are left alone, and
those that run otherwise are named. ` + accountsFile + `

--keep alive is for an account whose access token nothing reads between one
refresh-now and the next: it is refreshed only as often as its grant needs that,
once a day at most providers.`,
		Example: `  starter start --account will
  starter start --account will --cron 'CRON_TZ=Europe/Berlin 30 */4 * * *'
  starter start --accounts accounts.txt
  starter start --accounts accounts.txt --keep alive --dry-run`,
	}
	cmd.Flags().StringVar(&options.cron, "cron", "", "when to refresh; UTC unless it begins with CRON_TZ= (default well before the access token ends: "+sixHourly+" for Fitbit)")
	cmd.Flags().StringVar(&options.keep, "keep", "fresh", "fresh: before the access token ends; alive: only as often as the grant needs it")
	cmd.Flags().StringVar(&options.file, "accounts", "", "start the accounts in this `FILE`")
	cmd.Flags().BoolVar(&options.dryRun, "dry-run", false, "show what would be done, and touch nothing")
	output := outputFlag(cmd, "text")
	return accountCommand(cmd, environ, config.LoadStarter, func(s settings, t target) error {
		options.asJSON = *output == "json"
		if options.cron != "" {
			if _, err := parseCron(options.cron); err != nil {
				return usageError{err}
			}
		}
		keep, err := parseKeep(options.keep)
		if err != nil {
			return usageError{fmt.Errorf("--keep: %w", err)}
		}
		t.input.Keep = keep
		if options.file == "" {
			return s.withTemporal(cmd, func(ctx context.Context, app *temporalApp) error {
				if options.dryRun {
					return app.dryStart(ctx, t, options)
				}
				return app.printStart(ctx, t, options)
			})
		}
		if err := refuseSingle(cmd); err != nil {
			return err
		}
		all, err := readListed(options.file, s.providers, inherited{t.Account.Provider, keep})
		if err != nil {
			return usageError{err}
		}
		return s.withTemporal(cmd, func(ctx context.Context, app *temporalApp) error {
			if options.asJSON {
				app.jsonOutput()
			}
			return app.startMany(ctx, all, s.providers, options)
		})
	})
}

// refuseSingle refuses the flags of one account beside a file of many.
func refuseSingle(cmd *cobra.Command) error {
	for flag, fix := range map[string]string{"account": "put the account into the file", "secrets-of": "put it into the file's fourth column"} {
		if cmd.Flags().Changed(flag) {
			return usageError{fmt.Errorf("--%s and --accounts do not go together; %s", flag, fix)}
		}
	}
	return nil
}

// refuseBeside refuses flags that mean one account beside a file of many.
func refuseBeside(cmd *cobra.Command, flags ...string) error {
	for _, flag := range flags {
		if cmd.Flags().Changed(flag) {
			return usageError{fmt.Errorf("--%s and --accounts do not go together; leave one of them out", flag)}
		}
	}
	return nil
}

// errDryRunOfOne: what a dry run of one account would show, its own question shows.
var errDryRunOfOne = usageError{errors.New("--dry-run goes with --accounts; one account is asked about before anything is done")}

// startAnswer is what start prints with --output json.
type startAnswer struct {
	Account    string    `json:"account"`
	Provider   string    `json:"provider"`
	Outcome    string    `json:"outcome"`
	WorkflowID string    `json:"workflowId"`
	TaskQueue  string    `json:"taskQueue"`
	Cron       string    `json:"cron"`
	NextRun    time.Time `json:"nextRun,omitzero"`
	WebUI      string    `json:"webUI,omitempty"`
}

func (app *temporalApp) printStart(ctx context.Context, t target, options startOptions) error {
	if options.asJSON {
		app.jsonOutput()
	}
	answer, err := app.start(ctx, t, options.cron)
	if err == nil && options.asJSON {
		return app.json(answer)
	}
	return err
}

// dryStart is start that only looks.
func (app *temporalApp) dryStart(ctx context.Context, t target, options startOptions) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	did, detail, err := app.wouldStart(ctx, t, cmp.Or(options.cron, ownCron(t)), options.cron == "")
	if err != nil {
		return err
	}
	if options.asJSON {
		return app.json(manyAnswer{DryRun: true, Total: 1, Outcomes: map[string]int{did: 1},
			Accounts: []manyResult{{Account: t.Account.Name, Provider: t.Account.Provider, Outcome: did, Detail: detail}}})
	}
	app.say("%s: %s, with the cron %s. Nothing was touched.", t, did, cronInWords(detail))
	return nil
}

// start starts one account's cron and describes it. An empty cron is the one that
// suits the provider.
func (app *temporalApp) start(ctx context.Context, t target, cron string) (startAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	asked := cmp.Or(cron, ownCron(t))
	state, err := app.startCron(ctx, t, asked, cron == "")
	if err != nil {
		return startAnswer{}, err
	}
	running, err := app.describe(ctx, t.id, "")
	if err != nil {
		return startAnswer{}, err
	}
	switch state {
	case isStarted:
		app.say("Started the cron of %s: workflow %s on task queue %s.", t, t.id, app.taskQueue)
	case isConverted:
		app.say("The cron of %s has taken the place of its Schedule: workflow %s on task queue %s.", t, t.id, app.taskQueue)
	default:
		app.say("The cron of %s runs already: workflow %s, started %s.", t, t.id, app.startedAt(ctx, running))
	}
	app.field("Cron", cronInWords(running.Cron))
	app.field("Next run", nextRun(running, time.Now()))
	app.field("Web UI", app.link("workflows", t.id))
	if state != runsAlready {
		app.field("Same as", app.cliStart(t, running.Cron))
	}
	app.say("Refresh at once with: %s", t.command("refresh"))
	app.warnOfIdleQueue(ctx)
	return startAnswer{t.Account.Name, t.Account.Provider, wordFor(state), t.id, app.taskQueue, running.Cron, running.Due, app.link("workflows", t.id)}, nil
}

// startCron starts the cron unless it runs already. A conflict with what runs is a
// conflictError, and concerns this account only. With anyPhase a cron that runs is the
// right one also at other minutes than these.
func (app *temporalApp) startCron(ctx context.Context, t target, cron string, anyPhase bool) (startState, error) {
	schedule, err := app.describeSchedule(ctx, t.scheduleID())
	if err != nil {
		return runsAlready, err
	}
	if schedule != nil {
		return app.convertToCron(ctx, t, schedule, cron, anyPhase)
	}
	running, started, err := app.startUnlessRunning(ctx, t, cron)
	if started {
		return isStarted, nil
	}
	if err != nil {
		return runsAlready, err
	}
	return runsAlready, checkConflict(running, t, cron, anyPhase)
}

// startUnlessRunning starts the cron, or returns what runs.
func (app *temporalApp) startUnlessRunning(ctx context.Context, t target, cron string) (running workflows.State, started bool, err error) {
	options, err := app.options(ctx, t)
	if err != nil {
		return running, false, err
	}
	options.CronSchedule = cron
	options.WorkflowIDConflictPolicy = enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL
	options.WorkflowIDReusePolicy = enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE
	options.WorkflowExecutionErrorWhenAlreadyStarted = true
	_, err = app.temporal.ExecuteWorkflow(ctx, options, workflows.Type, t.input)
	var already *serviceerror.WorkflowExecutionAlreadyStarted
	if !errors.As(err, &already) {
		return running, err == nil, err
	}
	running, err = app.describe(ctx, t.id, already.RunId)
	return running, false, err
}

// conflictError is why one account cannot be started while others can.
type conflictError struct{ error }

// checkConflict returns how a running workflow differs from the cron that is to be
// started; nil where it does not.
func checkConflict(running workflows.State, t target, cron string, anyPhase bool) error {
	cancel, stop := cliCancel(running.WorkflowID), t.command("stop")
	kept, err := running.Input.Check()
	switch {
	case err != nil:
		return conflictError{fmt.Errorf("workflow %s runs already, but with input that it cannot use (%w); end it with: %s, and start again", running.WorkflowID, err, cancel)}
	case kept != t.Account:
		return conflictError{fmt.Errorf("workflow %s runs already, but keeps %s and not %s; end it with: %s, and start again", running.WorkflowID, kept, t, cancel)}
	case running.Cron == "":
		return conflictError{fmt.Errorf("a single refresh of %s is at work and no cron; start again when it has ended", t)}
	case running.Cron != cron && (!anyPhase || !sameCadence(running.Cron, cron)):
		return conflictError{fmt.Errorf("the cron of %s runs already with %q and not with %q; to change it, end it with: %s, and start again", t, running.Cron, cron, stop)}
	case running.Input.Keep != t.input.Keep && !(running.Input.Keep == workflows.KeepFresh && t.input.Keep == ""):
		return conflictError{fmt.Errorf("the cron of %s runs already, and keeps it %s and not %s; to change it, end it with: %s, and start again",
			t, cmp.Or(running.Input.Keep, workflows.KeepFresh), cmp.Or(t.input.Keep, workflows.KeepFresh), stop)}
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
