package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
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

// scheduled is an account that has a Schedule.
type scheduled struct {
	target
	times   timing
	outcome string
	atWork  string // the run ID of its cron's run that was at work, and has been asked to end
}

// toSchedule creates an account's Schedule, in place of its cron where that runs. Without
// one its runs come at the time within the period that offsetOf gives. timesOf goes by how
// fresh the account is kept, which its cron says.
func (app *temporalApp) toSchedule(ctx context.Context, t target, timesOf func(target) timing, offsetOf func(target, timing) time.Duration) (s scheduled, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	running, err := app.presentCron(ctx, t)
	if err != nil {
		return scheduled{}, err
	}
	isCron := running.Cron != ""
	if isCron {
		t.input.Keep = running.Input.Keep
	}
	times := timesOf(t)
	offset := offsetOf(t, times)
	if isCron {
		next := running.Due
		if !running.Working.IsZero() {
			next = nextByCron(running.Cron, time.Now())
		}
		offset = phaseOf(next, times.every)
	}
	exists, err := app.createSchedule(ctx, t, times, offset)
	if err != nil {
		return scheduled{}, err
	}
	if exists {
		described, err := app.temporal.ScheduleClient().GetHandle(ctx, t.scheduleID()).Describe(ctx)
		if err != nil {
			return scheduled{}, err
		}
		if t, times, err = compareTimes(t, timesOf, described); err != nil {
			return scheduled{}, err
		}
	}
	s = scheduled{target: t, times: times, outcome: outcomeFromCron}
	if !isCron {
		s.outcome = outcomeCreated
		if exists {
			s.outcome = outcomeExists
		}
		return s, nil
	}
	_, s.atWork, err = app.endWorkflow(ctx, t.id, "starter schedule")
	return s, err
}

// compareTimes returns a conflictError where an existing Schedule has other times than those
// that are wanted. Where nothing is said of how fresh the account is kept, the Schedule says it.
func compareTimes(t target, timesOf func(target) timing, existing *client.ScheduleDescription) (target, timing, error) {
	if t.input.Keep == "" {
		t.input.Keep = scheduledInput(existing).Keep
	}
	times := timesOf(t)
	if times.same(existing.Schedule.Spec) {
		return t, times, nil
	}
	return t, times, conflictError{fmt.Errorf("schedule %s exists already, with other times than every %s and up to %s later; to change it, delete it with: %s, and create it again",
		t.scheduleID(), probe.Brief(times.every), probe.Brief(times.jitter), cliDeleteSchedule(t))}
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
	if t.input.Keep == workflows.KeepAlive && s.Input.Keep != workflows.KeepAlive {
		return s, conflictError{fmt.Errorf("the cron of %s runs, and keeps it %s and not %s; to change it, end it with: %s, and try again",
			t, workflows.KeepFresh, workflows.KeepAlive, t.command("stop"))}
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
// period. Those whose cron was at work, which may be for long, are waited for when all have
// their Schedules.
func (app *temporalApp) scheduleMany(ctx context.Context, all []listed, providers provider.Table, timesOf func(target) timing, dryRun, asJSON bool) error {
	m := many{printer: &app.printer, at: app.server(), verb: "schedule", doing: "Scheduling", done: "scheduled", dryRun: dryRun, asJSON: asJSON}
	if dryRun {
		return m.run(ctx, len(all), jobsOf(targetsOf(all, providers), func(t target) job {
			return job{do: func(ctx context.Context) (did, detail string, err error) {
				did, err = app.wouldSchedule(ctx, t, timesOf)
				return did, "", err
			}}
		}))
	}
	if _, err := app.attributes(ctx); err != nil { // once for all
		return m.conclude(ctx, m.untried(len(all), err))
	}
	var mu sync.Mutex
	var ending []scheduled
	first := m.collect(ctx, len(all), jobsOf(targetsOf(all, providers), func(t target) job {
		return job{do: func(ctx context.Context) (did, detail string, err error) {
			s, err := app.toSchedule(ctx, t, timesOf, func(t target, times timing) time.Duration { return place(t.Account, times.every) })
			if err != nil || s.atWork == "" {
				return s.outcome, "", err
			}
			mu.Lock()
			defer mu.Unlock()
			ending = append(ending, s)
			return outcomeEnding, "", nil
		}}
	}))
	if first.err != nil || len(ending) == 0 {
		return m.conclude(ctx, first)
	}
	app.say("The crons of %s were at work, and store what they hold before they end.", grouped(len(ending)))
	app.warnOfIdleQueue(ctx)
	return m.conclude(ctx, m.awaitEnding(ctx, first, len(ending), jobsFor(slices.Values(ending), func(s scheduled) job {
		return job{s.Account.Name, s.Account.Provider, func(ctx context.Context) (string, string, error) {
			return s.outcome, "", app.awaitEnd(ctx, s.id, s.atWork)
		}}
	})))
}

// wouldSchedule is toSchedule that only looks.
func (app *temporalApp) wouldSchedule(ctx context.Context, t target, timesOf func(target) timing) (did string, err error) {
	running, err := app.presentCron(ctx, t)
	if err != nil {
		return "", err
	}
	if running.Cron != "" {
		return "would be converted from a cron", nil
	}
	schedule, err := app.describeSchedule(ctx, t.scheduleID())
	if err == nil && schedule != nil {
		_, _, err = compareTimes(t, timesOf, schedule)
		return outcomeExists, err
	}
	return "would be created", err
}

func (app *temporalApp) drySchedule(ctx context.Context, t target, timesOf func(target) timing, asJSON bool) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	did, err := app.wouldSchedule(ctx, t, timesOf)
	if err != nil {
		return err
	}
	app.say("%s: %s. Nothing was touched.", t, did)
	if asJSON {
		return app.json(manyResult{Account: t.Account.Name, Provider: t.Account.Provider, Outcome: did})
	}
	return nil
}
