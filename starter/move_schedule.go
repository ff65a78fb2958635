package main

import (
	"context"
	"fmt"

	"go.temporal.io/sdk/client"
)

// moveSchedule has a Schedule start its runs on the other queue.
func (m mover) moveSchedule(ctx context.Context, t target, schedule *client.ScheduleDescription) (did, detail string, err error) {
	action, ok := schedule.Schedule.Action.(*client.ScheduleWorkflowAction)
	if !ok {
		return "", "", conflictError{fmt.Errorf("schedule %s starts no workflow", t.scheduleID())}
	}
	switch kept, err := scheduledInput(schedule).Check(); {
	case err != nil || kept != t.Account:
		return "", "", conflictError{fmt.Errorf("schedule %s does not keep %s, so that it was not moved; see what it keeps with: %s", t.scheduleID(), t, shell("temporal", "schedule", "describe", "--schedule-id", t.scheduleID()))}
	case action.TaskQueue == m.to.queue:
		return outcomeThere, "", nil
	case action.TaskQueue != m.taskQueue:
		return "", "", m.elsewhere("Schedule", action.TaskQueue)
	case m.to.cron != "":
		return "", "", conflictError{fmt.Errorf("it is kept by the Schedule %s, which has no cron; leave --cron out", t.scheduleID())}
	case m.to.dryRun:
		return "would be moved", "its Schedule", m.checkVaults(ctx, t)
	}
	for _, run := range schedule.Info.RunningWorkflows {
		if _, err := m.runResult(ctx, run.WorkflowID, run.FirstExecutionRunID, true); err != nil && !gone(err) {
			return "", "", err
		}
	}
	if err := m.copyTokens(ctx, t); err != nil {
		return "", "", err
	}
	err = m.temporal.ScheduleClient().GetHandle(ctx, t.scheduleID()).Update(ctx, client.ScheduleUpdateOptions{
		DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			changed := in.Description.Schedule
			if action, ok := changed.Action.(*client.ScheduleWorkflowAction); ok {
				action.TaskQueue = m.to.queue
			}
			return &client.ScheduleUpdate{Schedule: &changed}, nil
		},
	})
	if err == nil {
		m.ended.add(t.Account)
	}
	return outcomeMoved, "", err
}
