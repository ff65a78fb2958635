package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/provider"
	"tokenkeeper/workflows"
)

// How a workflow is ended so that no pair is lost. Cancelling is always safe: a run that
// holds a pair stores it first. But a cron that waits for its time begins a run to end it,
// which takes a worker and a read of the vault for each account of a fleet. A run that has
// not begun holds nothing and can be terminated. Between the look and the termination an
// operator may wake it (refresh-now); so its history is read again afterwards, and a run
// that had begun after all gets a recovery, which finds what it was issued in its history
// or in the vault.

// keeper is what may keep an account alive: a workflow, a Schedule, or either.
type keeper struct {
	account, provider      string
	workflowID, scheduleID string
	ending                 []endingRun
}

// endingRun was at work when it was asked to end.
type endingRun struct {
	workflowID, runID string
	scheduled         bool // by the keeper's Schedule, which is deleted after its runs have ended
}

// kept is what a keeper is at present. run has no RunID where none runs.
type kept struct {
	run      workflows.State
	schedule *client.ScheduleDescription
}

func keepersOf(all []keeper) iter.Seq[keeper] { return slices.Values(all) }

func keepersIn(all []listed, providers provider.Table) iter.Seq[keeper] {
	return func(yield func(keeper) bool) {
		for _, l := range all {
			t, err := l.target(providers)
			if err != nil { // was checked when the file was read
				continue
			}
			if !yield(keeper{account: t.Account.Name, provider: t.Account.Provider, workflowID: t.id, scheduleID: t.scheduleID()}) {
				return
			}
		}
	}
}

func jobsFor[T any](all iter.Seq[T], make func(T) job) iter.Seq[job] {
	return func(yield func(job) bool) {
		for one := range all {
			if !yield(make(one)) {
				return
			}
		}
	}
}

func endJob(do func(context.Context, keeper) (string, string, error)) func(keeper) job {
	return func(k keeper) job {
		return job{k.account, k.provider, func(ctx context.Context) (string, string, error) { return do(ctx, k) }}
	}
}

// listKeepers lists what keeps accounts alive on this task queue, of one provider or of all.
func (app *temporalApp) listKeepers(ctx context.Context, only string) (all []keeper, err error) {
	query := fmt.Sprintf("WorkflowType = '%s' AND ExecutionStatus = 'Running' AND TaskQueue = '%s'", workflows.Type, strings.ReplaceAll(app.taskQueue, "'", "''"))
	prefix := ""
	if only != "" {
		prefix = only + "-token-refresh"
		query += " AND WorkflowId STARTS_WITH '" + prefix + "'"
	}
	for page := []byte(nil); ; {
		list, err := app.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query, PageSize: largestPage, NextPageToken: page})
		if err != nil {
			return nil, err
		}
		for _, run := range list.GetExecutions() {
			id := run.GetExecution().GetWorkflowId()
			if key := keyOf(run); key != id || strings.HasSuffix(id, "--recover") {
				continue // a Schedule's run, or a recovery, which ends by itself
			}
			all = append(all, keeper{account: id, workflowID: id})
		}
		if page = list.GetNextPageToken(); len(page) == 0 {
			break
		}
	}
	schedules, err := app.temporal.ScheduleClient().List(ctx, client.ScheduleListOptions{PageSize: largestPage})
	if err != nil {
		return nil, err
	}
	for schedules.HasNext() {
		entry, err := schedules.Next()
		if err != nil {
			return nil, err
		}
		if entry.WorkflowType.Name == workflows.Type && strings.HasPrefix(entry.ID, prefix) {
			all = append(all, keeper{account: entry.ID, scheduleID: entry.ID})
		}
	}
	return all, nil
}

// findKept looks and touches nothing.
func (app *temporalApp) findKept(ctx context.Context, k keeper) (found kept, err error) {
	if k.scheduleID != "" {
		if found.schedule, err = app.describeSchedule(ctx, k.scheduleID); err != nil {
			return found, err
		}
	}
	if k.workflowID != "" {
		found.run, err = app.present(ctx, k.workflowID)
	}
	return found, err
}

// present is the state of a workflow's present run; without a RunID where none runs.
func (app *temporalApp) present(ctx context.Context, workflowID string) (workflows.State, error) {
	last, err := app.lastRun(ctx, workflowID)
	if err != nil {
		return workflows.State{}, err
	}
	return app.stateOf(ctx, last)
}

// stateOf is the state of a run; without a RunID where it has ended.
func (app *temporalApp) stateOf(ctx context.Context, run *workflowpb.WorkflowExecutionInfo) (workflows.State, error) {
	if run.GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return workflows.State{}, nil
	}
	s, err := app.describe(ctx, run.GetExecution().GetWorkflowId(), run.GetExecution().GetRunId())
	if gone(err) {
		return workflows.State{}, nil
	}
	s.RunID = run.GetExecution().GetRunId()
	return s, err
}

// askToEnd ends what waits for its time, and asks what is at work to end. ending are the
// runs that are left to wait for.
func (app *temporalApp) askToEnd(ctx context.Context, k keeper) (did string, ending []endingRun, err error) {
	did = outcomeNotKept
	if k.scheduleID != "" {
		schedule, err := app.describeSchedule(ctx, k.scheduleID)
		if err != nil {
			return "", nil, err
		}
		if schedule != nil {
			if action, ok := schedule.Schedule.Action.(*client.ScheduleWorkflowAction); ok && k.workflowID == "" && action.TaskQueue != app.taskQueue {
				return outcomeOtherQueue, nil, nil // it was found by a listing
			}
			did = outcomeStopped
			if ending, err = app.askScheduleToEnd(ctx, k.scheduleID, schedule); err != nil {
				return "", nil, err
			}
			if account, err := scheduledInput(schedule).Check(); err == nil {
				app.ended.add(account)
			}
		}
	}
	if k.workflowID == "" {
		return did, ending, nil
	}
	ended, runID, err := app.endWorkflow(ctx, k.workflowID, "starter stop")
	if ended.RunID != "" {
		did = outcomeStopped
		if account, problem := ended.Input.Check(); err == nil && problem == nil {
			app.ended.add(account)
		}
	}
	if runID != "" {
		ending = append(ending, endingRun{workflowID: k.workflowID, runID: runID})
	}
	return did, ending, err
}

// endRounds bounds how often a workflow is looked at again, because a run of it began or
// ended meanwhile.
const endRounds = 10

// endWorkflow ends a workflow whose run waits for its time, and cancels one whose run is at
// work: then runID is that run, to be waited for. ended is the state that it was found in;
// without a RunID where none ran.
func (app *temporalApp) endWorkflow(ctx context.Context, workflowID, reason string) (ended workflows.State, runID string, err error) {
	for range endRounds {
		last, err := app.lastRun(ctx, workflowID)
		if err != nil {
			return ended, "", err
		}
		if last.GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
			return ended, "", app.mendEnded(ctx, last)
		}
		s, err := app.stateOf(ctx, last)
		if err != nil {
			return ended, "", err
		}
		if s.RunID == "" {
			continue
		}
		ended = s
		if waits(s, time.Now()) {
			err = app.terminateWaiting(ctx, s, reason)
		} else if err = app.requestCancel(ctx, workflowID, reason); err == nil {
			return ended, s.RunID, nil
		}
		if !gone(err) && !errors.Is(err, errNotInTime) {
			return ended, "", err
		}
	}
	return ended, "", fmt.Errorf("workflow %s begins and ends runs all the time; see that no other program starts it, and try again", workflowID)
}

// terminateWaiting terminates a run that waits for its time. One that has begun meanwhile
// is recovered, also where ctx ends once the termination is asked for. The error is NotFound
// where that run is not the present one any more, and errNotInTime where it would have been
// met at work.
func (app *temporalApp) terminateWaiting(ctx context.Context, s workflows.State, reason string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	asking, cancel := context.WithDeadline(context.WithoutCancel(ctx), replaceUntil(s, time.Now()))
	defer cancel()
	if err := app.temporal.TerminateWorkflow(asking, s.WorkflowID, s.RunID, reason); err != nil {
		return inTime(err, s)
	}
	mending, cancel := context.WithTimeout(context.WithoutCancel(ctx), mendTimeout)
	defer cancel()
	return app.recoverIfBegun(mending, s.WorkflowID, s.RunID)
}

// requestCancel asks a workflow to end. The reason stands in its history.
func (app *temporalApp) requestCancel(ctx context.Context, workflowID, reason string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := app.temporal.WorkflowService().RequestCancelWorkflowExecution(ctx, &workflowservice.RequestCancelWorkflowExecutionRequest{
		Namespace: app.namespace, WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: workflowID}, Reason: reason, Identity: "starter",
	})
	return err
}

// awaitEnds waits for the runs that were at work, and deletes a Schedule after its own.
func (app *temporalApp) awaitEnds(ctx context.Context, k keeper) error {
	for _, run := range k.ending {
		if err := app.awaitEnd(ctx, run.workflowID, run.runID); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(k.ending, func(run endingRun) bool { return run.scheduled }) {
		return app.deleteSchedule(ctx, k.scheduleID)
	}
	return nil
}

// awaitEnd waits until a cancelled workflow has ended. Where its run ended before the
// cancellation came, its cron has gone on, and is ended again.
func (app *temporalApp) awaitEnd(ctx context.Context, workflowID, runID string) error {
	for runID != "" {
		if _, err := app.await(ctx, workflowID, runID); err != nil {
			return err
		}
		next, err := app.running(ctx, workflowID)
		switch {
		case err != nil:
			return err
		case next == runID:
			return fmt.Errorf("workflow %s still runs; end it with: %s", workflowID, shell("temporal", "workflow", "terminate", "--workflow-id", workflowID))
		}
		if _, runID, err = app.endWorkflow(ctx, workflowID, "starter stop"); err != nil {
			return err
		}
	}
	return nil
}
