package main

import (
	"context"
	"errors"
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
)

// A Schedule is moved by an update of the task queue of what it starts. Its tokens are
// copied before, and a run may begin at any time until the update has landed: the Schedule
// counts what it starts, so that one during the copy starts the move over. One between the
// last look and the update is waited for afterwards, and what it was issued copied then.

// moveSchedule has a Schedule start its runs on the other queue.
func (m mover) moveSchedule(ctx context.Context, t target, schedule *client.ScheduleDescription) (did, detail string, err error) {
	for range moveRounds {
		queue, err := m.queueOfSchedule(t, schedule)
		switch {
		case err != nil:
			return "", "", err
		case queue == m.to.queue && (m.to.dryRun || m.vaults == nil):
			return outcomeThere, "", nil
		case queue != m.to.queue && queue != m.taskQueue:
			return "", "", m.elsewhere("Schedule", queue)
		case queue != m.to.queue && m.to.cron != "":
			return "", "", conflictError{fmt.Errorf("it is kept by the Schedule %s, which has no cron; leave --cron out", t.scheduleID())}
		case m.to.dryRun:
			return "would be moved", "its Schedule", m.checkVaults(ctx, t)
		}
		atWork, err := m.runsHere(ctx, t, schedule)
		switch {
		case err != nil:
			return "", "", err
		case len(atWork) > 0 && m.atWork != nil:
			if err := m.checkVaults(ctx, t); err != nil {
				return "", "", err
			}
			m.atWork(t)
			return outcomeAtWork, "", nil
		}
		if err := m.awaitRuns(ctx, atWork); err != nil {
			return "", "", err
		}
		if queue == m.to.queue {
			return outcomeThere, "", m.copySuccessor(ctx, t)
		}
		if len(atWork) == 0 {
			if err := m.copyTokens(ctx, t); err != nil {
				return "", "", err
			}
			moved, err := m.redirect(ctx, t, schedule.Info.NumActions)
			if err != nil {
				return "", "", err
			}
			if moved {
				m.ended.add(t.Account)
				return outcomeMoved, "", m.afterRedirecting(ctx, t)
			}
		}
		if schedule, err = m.describeSchedule(ctx, t.scheduleID()); err != nil {
			return "", "", err
		} else if schedule == nil {
			return "", "", conflictError{fmt.Errorf("schedule %s was deleted meanwhile, so that there is nothing to move", t.scheduleID())}
		}
	}
	return "", "", errRunEachTime
}

// errRunEachTime ends a move whose account is never seen at rest.
var errRunEachTime error = conflictError{errors.New("a run is at work each time; see that no other program starts it, and try again")}

// queueOfSchedule is the task queue on which an account's Schedule starts its runs.
func (m mover) queueOfSchedule(t target, schedule *client.ScheduleDescription) (string, error) {
	action, ok := schedule.Schedule.Action.(*client.ScheduleWorkflowAction)
	if !ok {
		return "", conflictError{fmt.Errorf("schedule %s starts no workflow", t.scheduleID())}
	}
	if kept, err := scheduledInput(schedule).Check(); err != nil || kept != t.Account {
		return "", conflictError{fmt.Errorf("schedule %s does not keep %s, so that it was not moved; see what it keeps with: %s", t.scheduleID(), t, shell("temporal", "schedule", "describe", "--schedule-id", t.scheduleID()))}
	}
	return action.TaskQueue, nil
}

// runsHere are the account's runs at work on this task queue: its Schedule's, and a single
// refresh beside it.
func (m mover) runsHere(ctx context.Context, t target, schedule *client.ScheduleDescription) (runs []endingRun, err error) {
	ids := []string{t.id}
	for _, run := range schedule.Info.RunningWorkflows {
		ids = append(ids, run.WorkflowID)
	}
	for _, id := range ids {
		described, err := m.temporal.DescribeWorkflowExecution(ctx, id, "")
		if err != nil && !gone(err) {
			return nil, err
		}
		info := described.GetWorkflowExecutionInfo()
		if err != nil || info.GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING || described.GetExecutionConfig().GetTaskQueue().GetName() != m.taskQueue {
			continue
		}
		run := endingRun{workflowID: id, runID: info.GetExecution().GetRunId()}
		if s, err := m.describe(ctx, run.workflowID, run.runID); err != nil && !gone(err) {
			return nil, err
		} else if s.Cron != "" { // it would go on here, with tokens that are outdated by those there
			return nil, conflictError{fmt.Errorf("it has a cron beside the Schedule %s; end the cron with: %s, and move it then", t.scheduleID(), cliCancel(id))}
		}
		runs = append(runs, run)
	}
	return runs, nil
}

func (m mover) awaitRuns(ctx context.Context, runs []endingRun) error {
	for _, run := range runs {
		if _, err := m.runResult(ctx, run.workflowID, run.runID, true); err != nil && !gone(err) {
			return err
		}
	}
	return nil
}

// redirect updates the Schedule, unless it has started a run since actions were counted.
func (m mover) redirect(ctx context.Context, t target, actions int) (redirected bool, err error) {
	err = m.temporal.ScheduleClient().GetHandle(ctx, t.scheduleID()).Update(ctx, client.ScheduleUpdateOptions{
		DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			changed := in.Description.Schedule
			action, ok := changed.Action.(*client.ScheduleWorkflowAction)
			if redirected = ok && in.Description.Info.NumActions == actions; !redirected {
				return nil, temporal.ErrSkipScheduleUpdate
			}
			action.TaskQueue = m.to.queue
			return &client.ScheduleUpdate{Schedule: &changed}, nil
		},
	})
	return redirected, err
}

// afterRedirecting mends what a run did that began here in the last moment.
func (m mover) afterRedirecting(ctx context.Context, t target) error {
	if m.vaults == nil {
		return nil
	}
	schedule, err := m.describeSchedule(ctx, t.scheduleID())
	if err != nil || schedule == nil {
		return err
	}
	late, err := m.runsHere(ctx, t, schedule)
	if err == nil {
		err = m.awaitRuns(ctx, late)
	}
	if err != nil {
		return err
	}
	return m.copySuccessor(ctx, t)
}
