package main

import (
	"context"
	"fmt"
	"slices"

	"go.temporal.io/sdk/client"
)

// How a Schedule is ended. It is paused, so that it starts nothing more, its runs are asked
// to end and waited for, and it is deleted last: only by it does a command that is repeated,
// after it was killed at any point, find a run that still holds a pair.

// askScheduleToEnd pauses a Schedule and asks its runs at work to end. Where none is, it is
// deleted at once, and else by awaitEnds.
func (app *temporalApp) askScheduleToEnd(ctx context.Context, id string, schedule *client.ScheduleDescription) (ending []endingRun, err error) {
	if state := schedule.Schedule.State; state == nil || !state.Paused {
		err := app.temporal.ScheduleClient().GetHandle(ctx, id).Pause(ctx, client.SchedulePauseOptions{Note: "starter stop"})
		if gone(err) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
	}
	if ending, err = app.cancelScheduled(ctx, id); err != nil || len(ending) > 0 {
		return ending, err
	}
	return nil, app.deleteSchedule(ctx, id)
}

// cancelScheduled asks the runs of a Schedule that are at work to end.
func (app *temporalApp) cancelScheduled(ctx context.Context, id string) (ending []endingRun, err error) {
	schedule, err := app.describeSchedule(ctx, id)
	if err != nil || schedule == nil {
		return nil, err
	}
	for _, run := range schedule.Info.RunningWorkflows {
		_, runID, err := app.endWorkflow(ctx, run.WorkflowID, "starter stop")
		if err != nil {
			return nil, err
		}
		if runID != "" {
			ending = append(ending, endingRun{workflowID: run.WorkflowID, runID: runID, scheduled: true})
		}
	}
	return ending, nil
}

// deleteSchedule deletes a paused Schedule when none of its runs is at work any more.
func (app *temporalApp) deleteSchedule(ctx context.Context, id string) error {
	for range endRounds {
		ending, err := app.cancelScheduled(ctx, id)
		if err != nil {
			return err
		}
		if len(ending) == 0 {
			err := app.temporal.ScheduleClient().GetHandle(ctx, id).Delete(ctx)
			if gone(err) {
				return nil
			}
			return err
		}
		for _, run := range ending {
			if err := app.awaitEnd(ctx, run.workflowID, run.runID); err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("schedule %s begins runs all the time though it is paused; see that no other program triggers it, and try again", id)
}

// warnOfPaused says that Schedules stay whose runs were not waited for.
func (app *temporalApp) warnOfPaused(ctx context.Context, all ...keeper) {
	if ctx.Err() != nil && slices.ContainsFunc(all, func(k keeper) bool {
		return slices.ContainsFunc(k.ending, func(r endingRun) bool { return r.scheduled })
	}) {
		app.warn("Schedules whose runs were not waited for are paused, and are not deleted yet; repeat the command to delete them")
	}
}
