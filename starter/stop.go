package main

import (
	"context"
	"fmt"
	"time"
)

// stopKeeping ends what keeps an account alive, its Schedule and its workflow, and
// returns when neither is at work any more: a run that holds a pair stores it
// before it ends. stopped names what was ended; none is no error.
func (app *temporalApp) stopKeeping(ctx context.Context, t target) (stopped []string, err error) {
	schedule, err := app.describeSchedule(ctx, t.scheduleID())
	if err != nil {
		return nil, err
	}
	if schedule != nil {
		if err := app.temporal.ScheduleClient().GetHandle(ctx, t.scheduleID()).Delete(ctx); err != nil && !gone(err) {
			return nil, err
		}
		stopped = append(stopped, "Schedule "+t.scheduleID())
		for _, run := range schedule.Info.RunningWorkflows {
			if _, err := app.cancel(ctx, run.WorkflowID); err != nil {
				return stopped, err
			}
		}
	}
	ran, err := app.cancel(ctx, t.id)
	if ran {
		stopped = append(stopped, "workflow "+t.id)
	}
	return stopped, err
}

// cancel ends a workflow with all runs that follow, and waits. ran reports whether
// it ran at all.
func (app *temporalApp) cancel(ctx context.Context, workflowID string) (ran bool, err error) {
	runID, err := app.running(ctx, workflowID)
	if err != nil || runID == "" {
		return false, err
	}
	if err := app.temporal.CancelWorkflow(ctx, workflowID, ""); err != nil && !gone(err) {
		return true, err
	}
	app.say("Ending workflow %s. A run at work stores what it holds first.", workflowID)
	app.warnOfIdleQueue(ctx)
	if _, err := app.await(ctx, workflowID, runID); err != nil {
		return true, err
	}
	next, err := app.running(ctx, workflowID)
	switch {
	case err != nil || next == "":
		return true, err
	case next == runID:
		return true, fmt.Errorf("workflow %s still runs; end it with: %s", workflowID, shell("temporal", "workflow", "terminate", "--workflow-id", workflowID))
	}
	// The run ended before the cancellation came, and its cron has gone on.
	_, err = app.cancel(ctx, workflowID)
	return true, err
}

// isKept reports whether a workflow or a Schedule keeps the account alive, and what its
// next refresh is, in words that begin a sentence.
func (app *temporalApp) isKept(ctx context.Context, t target) (kept bool, next string, err error) {
	now := time.Now()
	runID, err := app.running(ctx, t.id)
	if err != nil {
		return false, "", err
	}
	if runID != "" {
		s, err := app.describe(ctx, t.id, runID)
		if err != nil || s.Cron == "" || !s.Working.IsZero() {
			return err == nil, "Its workflow", err
		}
		return true, "Its cron's next run, " + when(s.Due, now) + ",", nil
	}
	schedule, err := app.describeSchedule(ctx, t.scheduleID())
	switch {
	case err != nil || schedule == nil:
		return false, "", err
	case schedule.Schedule.State != nil && schedule.Schedule.State.Paused:
		return true, "Its Schedule is paused; once it is not, the next run", nil
	case len(schedule.Info.NextActionTimes) > 0:
		return true, "Its Schedule's next run, " + when(schedule.Info.NextActionTimes[0], now) + ",", nil
	}
	return true, "Its Schedule", nil
}
