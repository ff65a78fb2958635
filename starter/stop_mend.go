package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"

	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

// A run that was terminated while it waited for its time may have begun in the last moment,
// and was issued a pair then. It is looked for at once, or, where the command was ended just
// then, by the next one.

// mendEnded is the second part of terminateWaiting for a workflow's last run, which has ended:
// the termination's answer may have been lost, or the command that asked for it killed.
func (app *temporalApp) mendEnded(ctx context.Context, last *workflowpb.WorkflowExecutionInfo) error {
	workflowID, runID := last.GetExecution().GetWorkflowId(), last.GetExecution().GetRunId()
	if last.GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED || last.GetHistoryLength() <= unbegun || last.GetTaskQueue() != app.taskQueue {
		return nil
	}
	s, err := app.describe(ctx, workflowID, runID)
	switch {
	case gone(err):
		return nil // its retention ended
	case err != nil || s.Working.IsZero():
		return err
	}
	events := app.temporal.GetWorkflowHistory(ctx, workflowID, runID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			return err
		}
		if !strings.HasPrefix(event.GetWorkflowExecutionTerminatedEventAttributes().GetReason(), "starter ") {
			return nil // by an operator, who is told of recover elsewhere
		}
	}
	account, err := s.Input.Check()
	if err != nil {
		return nil // it refreshed nothing
	}
	looked, err := app.lookedForSince(ctx, account, last.GetCloseTime().AsTime())
	if err != nil || looked {
		return err
	}
	app.warnOfIdleQueue(ctx)
	mending, cancel := context.WithTimeout(context.WithoutCancel(ctx), mendTimeout)
	defer cancel()
	if err := app.recoverIfBegun(mending, workflowID, runID); err != nil {
		app.warn("%v", err) // nothing runs any more, which is what was asked for
	}
	return nil
}

// mendAllEnded is mendEnded for what a stop of all does not list any more, because it has ended.
func (app *temporalApp) mendAllEnded(ctx context.Context, only string) error {
	query := fmt.Sprintf("WorkflowType = '%s' AND ExecutionStatus = 'Terminated' AND HistoryLength > %d AND TaskQueue = '%s'", workflows.Type, unbegun, strings.ReplaceAll(app.taskQueue, "'", "''"))
	if only != "" {
		query += " AND WorkflowId STARTS_WITH '" + only + "-token-refresh'"
	}
	seen := map[string]bool{}
	for page := []byte(nil); ; {
		list, err := app.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query, PageSize: largestPage, NextPageToken: page})
		if err != nil {
			return err
		}
		for _, run := range list.GetExecutions() {
			id := run.GetExecution().GetWorkflowId()
			if seen[id] {
				continue
			}
			seen[id] = true
			last, err := app.lastRun(ctx, id)
			if err == nil {
				err = app.mendEnded(ctx, last)
			}
			if err != nil {
				return err
			}
		}
		if page = list.GetNextPageToken(); len(page) == 0 {
			return nil
		}
	}
}

// unbegun is how many events a run has at most that was terminated before it began.
const unbegun = 2

// lookedForSince reports whether a recovery of the account on this task queue, begun since
// then, has come to an answer.
func (app *temporalApp) lookedForSince(ctx context.Context, account token.Account, since time.Time) (bool, error) {
	described, err := app.temporal.DescribeWorkflowExecution(ctx, workflows.RecoveryID(account), "")
	if gone(err) {
		return false, nil
	}
	info := described.GetWorkflowExecutionInfo()
	return err == nil && info.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED &&
		info.GetStartTime().AsTime().After(since) && described.GetExecutionConfig().GetTaskQueue().GetName() == app.taskQueue, err
}

// recoverIfBegun brings home what a run was issued that was terminated as one that had
// not begun, where it had.
func (app *temporalApp) recoverIfBegun(ctx context.Context, workflowID, runID string) error {
	s, err := app.describe(ctx, workflowID, runID)
	if err != nil || s.Working.IsZero() {
		return err
	}
	account, err := s.Input.Check()
	if err != nil {
		return nil // it refreshed nothing
	}
	t, err := newTarget(app.providers, account.Provider, account.Name, account.SecretsOf)
	if err != nil {
		return err
	}
	app.say("A run of %s began while it was ended. Looking for what it was issued.", t)
	var from []string
	if workflowID != t.id {
		from = []string{workflowID}
	}
	recovery, err := app.startRecovery(ctx, t, from)
	if err == nil {
		var ended workflows.RunResult
		ended, err = app.await(ctx, workflows.RecoveryID(account), recovery)
		if err == nil && ended.Failure != nil {
			err = errors.New(ended.Failure.Message)
		}
	}
	if err != nil {
		return fmt.Errorf("a run of %s began while it was ended, and what it was issued was not looked for (%w); look with: %s", t, err, t.command("recover"))
	}
	return nil
}
