package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/config"
	"tokenkeeper/workflows"
)

// recovered is what "recover --output json" prints.
type recovered struct {
	Account    string             `json:"account"`
	Provider   string             `json:"provider"`
	WorkflowID string             `json:"workflowId"`
	RunID      string             `json:"runId"`
	WebUI      string             `json:"webUI,omitempty"`
	Result     *workflows.Result  `json:"result,omitempty"`
	Failure    *workflows.Failure `json:"failure,omitempty"`
	// Retention is how long the namespace keeps the history of a run that has
	// ended, such as "72h0m0s". It is there where a history was gone.
	Retention string `json:"retention,omitempty"`
}

func newRecover(environ map[string]string) *cobra.Command {
	var flags accountFlags
	var from []string
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
		Args: noArgs,
	}
	flags.add(cmd)
	cmd.Flags().StringArrayVar(&from, "from", nil, "read the runs of this `WORKFLOW_ID` as well")
	output := outputFlag(cmd, "text")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, t, err := flags.target(environ, config.LoadStarter)
		if err != nil {
			return err
		}
		return s.withTemporal(cmd, func(ctx context.Context, o *temporalApp) error {
			if *output == "json" {
				o.jsonOutput()
			}
			answer, err := o.recover(ctx, t, from)
			if *output == "json" && answer.RunID != "" {
				err = errors.Join(o.json(answer), err)
			}
			return err
		})
	}
	return cmd
}

// recover has a recovery done, waits for it and tells what it came to.
func (o *temporalApp) recover(ctx context.Context, t target, from []string) (recovered, error) {
	answer := recovered{Account: t.Account.Name, Provider: t.Account.Provider, WorkflowID: workflows.RecoveryID(t.Account)}
	var err error
	if answer.RunID, err = o.startRecovery(ctx, t, from); err != nil {
		return answer, err
	}
	answer.WebUI = o.link("workflows", answer.WorkflowID, answer.RunID)
	o.say("Looking for lost tokens of %s: run %s of workflow %s. It waits up to half a minute for a call that may be in flight.", t, answer.RunID, answer.WorkflowID)
	o.field("Web UI", answer.WebUI)
	o.warnOfIdleQueue(ctx)

	last, err := o.await(ctx, answer.WorkflowID, answer.RunID)
	switch {
	case ctx.Err() != nil:
		o.say("No longer waiting. The recovery goes on without you.")
		return answer, errInterrupted
	case err != nil:
		return answer, err
	case last.Failure != nil:
		answer.Failure = last.Failure
		return answer, fmt.Errorf("the recovery of %s failed (%s): %s", t, last.Failure.Type, last.Failure.Message)
	case last.Result == nil:
		return answer, fmt.Errorf("run %s of workflow %s ended without a result that starter knows; see that worker and starter are of the same release", answer.RunID, answer.WorkflowID)
	}
	answer.Result = last.Result
	var retention time.Duration
	if len(last.Result.RunsGone) > 0 {
		if retention, err = o.retention(ctx); err != nil {
			return answer, err
		}
		answer.Retention = retention.String()
	}
	o.say("%s", findingInWords(t, *last.Result, retention, time.Now()))
	return answer, recoveryError(*last.Result)
}

// startRecovery starts a recovery and returns its run. One that is at work
// already, and was asked the same, is joined.
func (o *temporalApp) startRecovery(ctx context.Context, t target, from []string) (runID string, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := o.refuseWhileRunning(ctx, t, from); err != nil {
		return "", err
	}
	input := t.input
	input.Recover, input.From = true, from
	run, err := o.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: workflows.RecoveryID(t.Account), TaskQueue: o.taskQueue, StaticSummary: "Looks for " + t.tokens() + " that a run was issued and has not stored",
		WorkflowIDConflictPolicy:                 enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
	}, workflows.Type, input)
	var already *serviceerror.WorkflowExecutionAlreadyStarted
	if !errors.As(err, &already) {
		if err != nil {
			return "", err
		}
		return run.GetRunID(), nil
	}
	running, err := o.describe(ctx, workflows.RecoveryID(t.Account), already.RunId)
	if err != nil {
		return "", err
	}
	if kept, err := running.Input.Check(); err != nil || kept != t.Account || !running.Input.Recover || !slices.Equal(running.Input.From, from) {
		return "", fmt.Errorf("workflow %s runs already and was asked for something else; wait for its end, or end it with: %s, and try again",
			running.WorkflowID, shell("temporal", "workflow", "cancel", "--workflow-id", running.WorkflowID))
	}
	return running.RunID, nil
}
