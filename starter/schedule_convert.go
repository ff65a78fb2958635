package main

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/probe"
	"tokenkeeper/internal/provider"
	"tokenkeeper/workflows"
)

// An account is converted from a cron to a Schedule and back without a gap and without a
// second refresh: what takes over comes first, at the same time within the period as what
// it replaces, and what it replaces ends right after. An interruption in between leaves
// both, and the same command, repeated, ends the one that is left over.

// What schedule reports for an account.
const (
	outcomeCreated  = "created"
	outcomeExists   = "exists already"
	outcomeFromCron = "converted from a cron"
)

// toSchedule creates an account's Schedule, in place of its cron where that runs. Without
// one its runs come at offset within the period.
func (app *temporalApp) toSchedule(ctx context.Context, t target, times timing, offset time.Duration) (outcome string, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	running, err := app.presentCron(ctx, t)
	if err != nil {
		return "", err
	}
	isCron := running.Cron != ""
	if isCron {
		t.input.Keep = running.Input.Keep
		next := running.Due
		if !running.Working.IsZero() {
			next = nextByCron(running.Cron, time.Now())
		}
		offset = phaseOf(next, times.every)
	}
	exists, err := app.createSchedule(ctx, t, times, offset)
	if err != nil {
		return "", err
	}
	if exists {
		described, err := app.temporal.ScheduleClient().GetHandle(ctx, t.scheduleID()).Describe(ctx)
		if err != nil {
			return "", err
		}
		if !times.same(described.Schedule.Spec) {
			return "", conflictError{fmt.Errorf("schedule %s exists already, with other times than every %s and up to %s later; to change it, delete it with: %s, and create it again",
				t.scheduleID(), probe.Brief(times.every), probe.Brief(times.jitter), cliDeleteSchedule(t))}
		}
	}
	if !isCron {
		if exists {
			return outcomeExists, nil
		}
		return outcomeCreated, nil
	}
	_, runID, err := app.endWorkflow(ctx, t.id, "starter schedule")
	if err == nil {
		err = app.awaitEnd(ctx, t.id, runID)
	}
	return outcomeFromCron, err
}

// presentCron is the state of the account's cron; without a Cron where none runs.
func (app *temporalApp) presentCron(ctx context.Context, t target) (workflows.State, error) {
	s, err := app.present(ctx, t.id)
	if err != nil || s.Cron == "" {
		return workflows.State{}, err
	}
	if account, err := s.Input.Check(); err != nil || account != t.Account {
		return s, conflictError{fmt.Errorf("workflow %s runs, but not for %s; end it with: %s, and try again", t.id, t, cliCancel(t.id))}
	}
	return s, nil
}

// convertToCron starts an account's cron in place of its Schedule. With anyPhase the cron
// comes at the times of the Schedule.
func (app *temporalApp) convertToCron(ctx context.Context, t target, schedule *client.ScheduleDescription, cron string, anyPhase bool) (startState, error) {
	if kept, err := scheduledInput(schedule).Check(); err != nil || kept != t.Account {
		return runsAlready, conflictError{fmt.Errorf("the Schedule %s does not keep %s; delete it with: %s, and start again", t.scheduleID(), t, cliDeleteSchedule(t))}
	}
	if err := refusePaused(t, schedule); err != nil {
		return runsAlready, err
	}
	next := nextOf(schedule)
	if anyPhase && !next.IsZero() && t.input.Keep == scheduledInput(schedule).Keep {
		cron = cronAt(t.period(), phaseOf(next, t.period()))
	}
	running, started, err := app.startUnlessRunning(ctx, t, cron)
	if err != nil {
		return runsAlready, err
	}
	if !started {
		if err := checkConflict(running, t, cron, anyPhase); err != nil {
			return runsAlready, err
		}
	}
	if err := app.temporal.ScheduleClient().GetHandle(ctx, t.scheduleID()).Delete(ctx); err != nil && !gone(err) {
		return runsAlready, err
	}
	if own := nextByCron(cron, time.Now()); !next.IsZero() && own.After(next.Add(schedule.Schedule.Spec.Jitter+time.Minute)) {
		// The Schedule would have refreshed before the cron's first time.
		if _, err := app.requestRefresh(ctx, t); err != nil {
			return runsAlready, err
		}
	}
	return isConverted, nil
}

// refusePaused returns a conflictError for a Schedule that was paused: a cron would refresh
// again what the operator wanted to rest.
func refusePaused(t target, schedule *client.ScheduleDescription) error {
	if schedule.Schedule.State == nil || !schedule.Schedule.State.Paused {
		return nil
	}
	return conflictError{fmt.Errorf("%s is kept by the Schedule %s, which is paused; end that with: %s, and start again", t, t.scheduleID(), t.command("stop"))}
}

// nextOf is when a Schedule starts its next run, without the jitter that differs each time;
// zero where that is unknown.
func nextOf(schedule *client.ScheduleDescription) time.Time {
	if spec := schedule.Schedule.Spec; spec != nil && len(spec.Intervals) == 1 && spec.Intervals[0].Every > 0 {
		now, every := time.Now(), spec.Intervals[0].Every
		left := (spec.Intervals[0].Offset - phaseOf(now, every) + every) % every
		if left == 0 {
			left = every
		}
		return now.Truncate(time.Second).Add(left)
	}
	if next := schedule.Info.NextActionTimes; len(next) > 0 {
		return next[0]
	}
	return time.Time{}
}

// phaseOf is at which time within its periods, which count from 1970 on, something comes.
func phaseOf(at time.Time, every time.Duration) time.Duration {
	if at.IsZero() || every <= 0 {
		return 0
	}
	return (time.Duration(at.Unix()) * time.Second % every).Truncate(time.Second)
}

// offsetOf is the offset of a Schedule's one interval.
func offsetOf(spec *client.ScheduleSpec) time.Duration {
	if spec == nil || len(spec.Intervals) != 1 {
		return 0
	}
	return spec.Intervals[0].Offset
}

// scheduleMany creates the Schedules of many accounts, each at a time of its own within the
// period.
func (app *temporalApp) scheduleMany(ctx context.Context, all []listed, providers provider.Table, timesOf func(target) timing, dryRun, asJSON bool) error {
	m := many{printer: &app.printer, at: app.server(), verb: "schedule", doing: "Scheduling", done: "scheduled", dryRun: dryRun, asJSON: asJSON}
	return m.run(ctx, len(all), jobsOf(targetsOf(all, providers), func(t target) job {
		return job{do: func(ctx context.Context) (did, detail string, err error) {
			if dryRun {
				did, err = app.wouldSchedule(ctx, t)
				return did, "", err
			}
			times := timesOf(t)
			did, err = app.toSchedule(ctx, t, times, place(t.Account, times.every))
			return did, "", err
		}}
	}))
}

// wouldSchedule is toSchedule that only looks.
func (app *temporalApp) wouldSchedule(ctx context.Context, t target) (did string, err error) {
	running, err := app.presentCron(ctx, t)
	if err != nil {
		return "", err
	}
	if running.Cron != "" {
		return "would be converted from a cron", nil
	}
	schedule, err := app.describeSchedule(ctx, t.scheduleID())
	if err == nil && schedule != nil {
		return outcomeExists, nil
	}
	return "would be created", err
}

func (app *temporalApp) drySchedule(ctx context.Context, t target, asJSON bool) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	did, err := app.wouldSchedule(ctx, t)
	if err != nil {
		return err
	}
	app.say("%s: %s. Nothing was touched.", t, did)
	if asJSON {
		return app.json(manyResult{Account: t.Account.Name, Provider: t.Account.Provider, Outcome: did})
	}
	return nil
}
