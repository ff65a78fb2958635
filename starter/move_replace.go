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
	"google.golang.org/grpc/codes"

	"tokenkeeper/workflows"
)

// A cron is replaced while its run waits. An operator may wake that run in the last moment:
// then it is terminated at work, and may have spent the token that was copied. What it was
// issued is looked for and copied, by the move itself or, where that was killed, by the
// next one.

// replaceCron starts the cron on the other queue in place of the run that waits. Temporal
// does both in one step. The input stays, and so do the search attributes. Once it is asked
// for, an interruption waits for its end: the replaced run may need to be mended.
func (m mover) replaceCron(ctx context.Context, t target, s workflows.State) error {
	options, err := m.options(ctx, t)
	if err != nil {
		return err
	}
	options.TaskQueue = m.to.queue
	options.CronSchedule = m.cron(s, t)
	options.WorkflowIDConflictPolicy = enumspb.WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING
	if ctx.Err() != nil {
		return ctx.Err()
	}
	calling, cancel := context.WithDeadline(context.WithoutCancel(ctx), replaceUntil(s, time.Now()))
	defer cancel()
	if _, err := m.temporal.ExecuteWorkflow(calling, options, workflows.Type, s.Input); err != nil {
		return inTime(err, s)
	}
	return m.afterReplacing(ctx, t, s)
}

// errNotInTime: the end of a waiting run was not answered before the run was about to begin.
// It may have landed.
var errNotInTime = errors.New("it was not ended in time")

// inTime is the error of a request to end a run that waited, errNotInTime where it came late.
func inTime(err error, s workflows.State) error {
	if (errors.Is(err, context.DeadlineExceeded) || grpcCode(err) == codes.DeadlineExceeded) && !waits(s, time.Now()) {
		return errNotInTime
	}
	return err
}

// replaceUntil is when a replacement is given up, with all that the SDK tries again. One
// that landed after the run's time would terminate it at work; the rest of what [waits]
// leaves is for clocks that differ.
func replaceUntil(s workflows.State, now time.Time) time.Time {
	if late := s.Due.Add(-aboutToBegin / 2); late.Before(now.Add(callTimeout)) {
		return late
	}
	return now.Add(callTimeout)
}

// mendTimeout bounds how long an interruption waits for a recovery and a copy.
const mendTimeout = 2 * time.Minute

// afterReplacing mends what the replaced run did where it began in the last moment.
func (m mover) afterReplacing(ctx context.Context, t target, s workflows.State) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), mendTimeout)
	defer cancel()
	before, err := m.describe(ctx, s.WorkflowID, s.RunID)
	if err != nil || before.Working.IsZero() {
		return err
	}
	if err := m.recoverIfBegun(ctx, s.WorkflowID, s.RunID); err != nil {
		return err
	}
	return m.copySuccessor(ctx, t)
}

// mendReplaced is afterReplacing for an account that is there already: the move that
// replaced its cron may have been killed right after. Where both queues have one vault,
// the next run finds by itself what the replaced one was issued.
func (m mover) mendReplaced(ctx context.Context, t target) error {
	if m.vaults == nil {
		return nil
	}
	last, err := m.lastClosedHere(ctx, t)
	if err != nil || last.GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED {
		return err
	}
	replaced, err := m.describe(ctx, t.id, last.GetExecution().GetRunId())
	switch {
	case gone(err):
		return nil // its retention ended
	case err != nil || replaced.Working.IsZero():
		return err
	}
	looked, err := m.lookedForSince(ctx, t.Account, last.GetCloseTime().AsTime())
	if err == nil && !looked {
		err = m.recoverIfBegun(ctx, t.id, last.GetExecution().GetRunId())
	}
	if err != nil {
		return err
	}
	return m.copySuccessor(ctx, t)
}

// lastClosedHere is the newest run of the account's workflow that has ended on this task
// queue; nil for none.
func (m mover) lastClosedHere(ctx context.Context, t target) (last *workflowpb.WorkflowExecutionInfo, err error) {
	const some = 10 // the server lists the newest first
	list, err := m.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{PageSize: some, Query: fmt.Sprintf(
		"WorkflowId = '%s' AND TaskQueue = '%s' AND ExecutionStatus != 'Running'", t.id, strings.ReplaceAll(m.taskQueue, "'", "''"))})
	for _, run := range list.GetExecutions() {
		if last == nil || last.GetCloseTime().AsTime().Before(run.GetCloseTime().AsTime()) {
			last = run
		}
	}
	return last, err
}
