package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/config"
	"tokenkeeper/internal/probe"
	"tokenkeeper/workflows"
)

func newRecover(environ map[string]string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "recover",
		Short: "Look for tokens that a run was issued and has not stored",
		Long: `Looks for what an account's earlier runs were issued and have not stored, in the
vault's versions and in the histories of those runs, also of terminated, reset
and failed ones. What it finds is stored. It never calls the provider, spends
nothing and deletes nothing.

A refresh whose token is refused does the same by itself, for the runs of its
own workflow id and of its account where the namespace can search for it.
--from names further workflow ids, and can be given several times.

The account's cron may wait for its next run meanwhile. While a run is at work,
recover refuses: that run may hold the very pair that is missed. Exits with 3
where nothing newer is found than a token that a run was about to spend.`,
		Example: `  starter recover --account will
  starter recover --account will --from nightly-refresh-will`,
	}
	from := cmd.Flags().StringArray("from", nil, "read the runs of this `WORKFLOW_ID` as well")
	output := outputFlag(cmd, "text")
	return accountCommand(cmd, environ, config.LoadStarter, func(s settings, t target) error {
		return s.withTemporal(cmd, func(ctx context.Context, app *temporalApp) error {
			return app.printAnswer(*output == "json", func() (runAnswer, error) {
				now, err := app.whereItIsNow(ctx, s, t)
				if err != nil {
					return runAnswer{}, err
				}
				return app.recover(ctx, now, *from)
			})
		})
	})
}

// recover starts a recovery, waits for it and prints its result.
func (app *temporalApp) recover(ctx context.Context, t target, from []string) (runAnswer, error) {
	runID, err := app.startRecovery(ctx, t, from)
	if err != nil {
		return runAnswer{}, err
	}
	answer := app.answerFor(t, workflows.RecoveryID(t.Account), runID)
	app.say("Looking for lost tokens of %s: run %s of workflow %s. It waits up to half a minute for a call that may be in flight.", t, runID, answer.WorkflowID)
	app.field("Web UI", answer.WebUI)
	app.warnOfIdleQueue(ctx)
	if err := app.awaitAnswer(ctx, &answer, "recovery", "the recovery of "+t.String()+" failed"); err != nil {
		return answer, err
	}
	result := *answer.Result
	var retention time.Duration
	if len(result.RunsGone) > 0 {
		if retention, err = app.retention(ctx); err != nil {
			return answer, err
		}
		answer.Retention = retention.String()
	}
	for text := range strings.SplitSeq(describeRecovery(t, result, retention, time.Now()), "\n") {
		app.say("%s", text)
	}
	if result.Outcome == workflows.Unchanged {
		return answer, needsAttention{fmt.Sprintf("nothing newer than generation %d of %s/%s was found", result.Generation, result.Provider, result.Account)}
	}
	return answer, nil
}

// startRecovery starts a recovery and returns its run. It joins one that is at work
// already with the same input.
func (app *temporalApp) startRecovery(ctx context.Context, t target, from []string) (runID string, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := app.refuseWhileWorking(ctx, t, from); err != nil {
		return "", err
	}
	input := t.input
	input.Recover, input.From = true, from
	id := workflows.RecoveryID(t.Account)
	run, err := app.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: id, TaskQueue: app.taskQueue, StaticSummary: "Looks for " + t.tokens() + " that a run was issued and has not stored",
		WorkflowIDConflictPolicy:                 enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
	}, workflows.Type, input)
	if err == nil {
		return run.GetRunID(), nil
	}
	var already *serviceerror.WorkflowExecutionAlreadyStarted
	if !errors.As(err, &already) {
		return "", err
	}
	running, err := app.describe(ctx, id, already.RunId)
	if err != nil {
		return "", err
	}
	if kept, err := running.Input.Check(); err != nil || kept != t.Account || !running.Input.Recover || !slices.Equal(running.Input.From, from) {
		return "", fmt.Errorf("workflow %s runs already and was asked for something else; wait for its end, or end it with: %s, and try again", id, cliCancel(id))
	}
	return running.RunID, nil
}

// refuseWhileWorking returns an error where a run of the account is at work. The
// vault's fence makes a recovery beside it harmless, but its answer may be wrong.
func (app *temporalApp) refuseWhileWorking(ctx context.Context, t target, from []string) error {
	atWork := func(workflowID, runID string) error {
		return fmt.Errorf("run %s of workflow %s is at work, and may hold what is missed; nothing was looked for; wait for its end and try again if it fails", runID, workflowID)
	}
	for _, id := range append([]string{t.id}, from...) {
		runID, err := app.running(ctx, id)
		if err != nil {
			return err
		}
		if runID == "" {
			continue
		}
		running, err := app.describe(ctx, id, runID)
		if err != nil {
			return err
		}
		if !running.Working.IsZero() {
			return atWork(id, running.RunID)
		}
	}
	schedule, err := app.describeSchedule(ctx, t.scheduleID())
	if err != nil || schedule == nil {
		return err
	}
	if runs := schedule.Info.RunningWorkflows; len(runs) > 0 {
		return atWork(runs[0].WorkflowID, runs[0].FirstExecutionRunID)
	}
	return nil
}

// describeRecovery returns what a recovery of an account found and what to do next.
// retention is the namespace's, where a history was gone.
func describeRecovery(t target, r workflows.Result, retention time.Duration, now time.Time) string {
	refresh := t.command("refresh")
	r.RecoveredFrom = line(r.RecoveredFrom) // as anyone could have completed the workflow
	switch {
	case r.Outcome == workflows.Recovered && r.RecoveredFrom != "":
		text := fmt.Sprintf("Found: run %s was issued generation %d of %s and had not stored it. It is in the vault now.", r.RecoveredFrom, r.Generation, t)
		if !r.AccessTokenExpiry.IsZero() {
			text += " Its access token is good until " + when(r.AccessTokenExpiry, now) + "."
		}
		return text + " Go on with: " + refresh
	case r.Outcome == workflows.Recovered:
		return fmt.Sprintf("Found: the vault already holds something newer, generation %d of %s, which lay under an older version and is the current one again. Go on with: %s", r.Generation, t, refresh)
	case r.Outcome == workflows.Superseded:
		return fmt.Sprintf("The vault already holds something newer than generation %d of %s, which run %s was issued. It was left as it is.", r.Generation, t, r.RecoveredFrom)
	case r.Outcome == workflows.Untouched:
		return fmt.Sprintf("The vault already holds something newer than any run has been about to spend: generation %d of %s. Nothing is missed. Go on with: %s", r.Generation, t, refresh)
	}
	lines := []string{fmt.Sprintf("Nothing newer than generation %d of %s was found, neither in the vault nor in the histories of earlier runs (%d read).", r.Generation, t, r.RunsRead)}
	for _, run := range r.RunsGone {
		lines = append(lines, fmt.Sprintf("But run %s was about to spend it, and its history is gone or cannot be found: this namespace keeps histories for %s after a run has ended.", line(run), days(retention)))
	}
	return strings.Join(append(lines,
		"Next:",
		"  1. If earlier runs had another workflow id, name it with --from.",
		"  2. See whether the provider still takes what the vault holds: "+refresh,
		"  3. If it does not, have the account owner consent again with: "+t.command("authorize"),
	), "\n")
}

// retention is how long the namespace keeps the history of a run that has ended.
func (app *temporalApp) retention(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	described, err := app.temporal.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: app.namespace})
	if err != nil {
		return 0, err
	}
	return described.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration(), nil
}

// days formats a retention in days, as it is configured.
func days(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d == day:
		return "1 day"
	case d%day == 0:
		return fmt.Sprintf("%d days", d/day)
	}
	return probe.Brief(d)
}
