package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"tokenkeeper/internal/config"
	"tokenkeeper/internal/probe"
	"tokenkeeper/workflows"
)

// timing is when a Schedule refreshes.
type timing struct {
	every, jitter time.Duration
	paused        bool
}

func newSchedule(environ map[string]string) *cobra.Command {
	var times timing
	cmd := &cobra.Command{
		Use:   "schedule",
		Short: "Keep an account alive by a Temporal Schedule instead of the cron",
		Long: `Creates a Temporal Schedule that refreshes an account's tokens: what Temporal
recommends over crons. It can be paused, triggered and changed, and it never
starts a refresh while one is at work. An account has either a cron or a Schedule.`,
		Example: `  starter schedule --account will --every 4h
  temporal schedule trigger --schedule-id fitbit-token-refresh-will-schedule`,
	}
	cmd.Flags().DurationVar(&times.every, "every", 0, "time from one refresh to the next (default well before the access token ends: 6h for Fitbit)")
	cmd.Flags().DurationVar(&times.jitter, "jitter", 0, "refresh at a random time up to this much later (default a tenth of --every, at most 10m)")
	cmd.Flags().BoolVar(&times.paused, "paused", false, "create it paused")
	return accountCommand(cmd, environ, config.LoadStarter, func(s settings, t target) error {
		if !cmd.Flags().Changed("every") {
			times.every = t.Provider.Period()
		}
		if !cmd.Flags().Changed("jitter") {
			times.jitter = min(10*time.Minute, times.every/10)
		}
		if err := times.check(); err != nil {
			return usageError{err}
		}
		return s.withTemporal(cmd, func(ctx context.Context, app *temporalApp) error { return app.schedule(ctx, t, times) })
	})
}

func (times timing) check() error {
	switch {
	case times.every < time.Minute:
		return fmt.Errorf("--every is %s; use a minute or more, such as 6h", times.every)
	case times.jitter < 0 || times.jitter >= times.every:
		return fmt.Errorf("--jitter is %s; use a time from 0 to below --every, %s", probe.Brief(times.jitter), probe.Brief(times.every))
	}
	return nil
}

// schedule creates an account's Schedule and describes it. One that exists already
// with the same times is left alone.
func (app *temporalApp) schedule(ctx context.Context, t target, times timing) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := app.refuseCron(ctx, t); err != nil {
		return err
	}
	exists, err := app.createSchedule(ctx, t, times)
	if err != nil {
		return err
	}
	described, err := app.temporal.ScheduleClient().GetHandle(ctx, t.scheduleID()).Describe(ctx)
	if err != nil {
		return err
	}
	if exists {
		if !times.same(described.Schedule.Spec) {
			return fmt.Errorf("schedule %s exists already, with other times than every %s and up to %s later; to change it, delete it with: %s, and create it again",
				t.scheduleID(), probe.Brief(times.every), probe.Brief(times.jitter), cliDeleteSchedule(t))
		}
		app.say("The Schedule of %s exists already: %s, created %s.", t, t.scheduleID(), when(described.Info.CreatedAt, time.Now()))
	} else {
		app.say("Created the Schedule of %s: %s on task queue %s.", t, t.scheduleID(), app.taskQueue)
	}
	app.field("Every", fmt.Sprintf("%s, up to %s later", probe.Brief(times.every), probe.Brief(times.jitter)))
	app.field("Next run", nextScheduled(described, time.Now()))
	app.field("Web UI", app.link("schedules", t.scheduleID()))
	if !exists {
		app.field("Same as", app.cliSchedule(t, times))
	}
	app.warnOfIdleQueue(ctx)
	return nil
}

// createSchedule creates an account's Schedule unless it exists already.
func (app *temporalApp) createSchedule(ctx context.Context, t target, times timing) (exists bool, err error) {
	options := app.options(t)
	_, err = app.temporal.ScheduleClient().Create(ctx, client.ScheduleOptions{
		ID:      t.scheduleID(),
		Spec:    client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: times.every}}, Jitter: times.jitter},
		Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_SKIP,
		// After an outage one refresh makes up for all that were missed.
		CatchupWindow: times.every,
		Paused:        times.paused,
		Action: &client.ScheduleWorkflowAction{
			ID: options.ID, TaskQueue: options.TaskQueue, StaticSummary: options.StaticSummary,
			Workflow: workflows.Type, Args: []any{t.input},
		},
	})
	if errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		return true, nil
	}
	return false, err
}

func (times timing) same(spec *client.ScheduleSpec) bool {
	return spec != nil && len(spec.Intervals) == 1 && spec.Intervals[0].Every == times.every && spec.Jitter == times.jitter
}

func nextScheduled(d *client.ScheduleDescription, now time.Time) string {
	if d.Schedule.State != nil && d.Schedule.State.Paused {
		return "none, because it is paused"
	}
	if len(d.Info.NextActionTimes) == 0 {
		return "none"
	}
	return when(d.Info.NextActionTimes[0], now)
}

// refuseCron returns an error where the account's cron runs.
func (app *temporalApp) refuseCron(ctx context.Context, t target) error {
	runID, err := app.running(ctx, t.id)
	if err != nil || runID == "" {
		return err
	}
	running, err := app.describe(ctx, t.id, runID)
	if err != nil || running.Cron == "" {
		return err
	}
	return fmt.Errorf("the cron of %s runs (%s), and an account has either a cron or a Schedule; end the cron with: %s, and try again",
		t, running.Cron, cliCancel(t.id))
}

// refuseSchedule returns a conflictError where the account has a Schedule.
func (app *temporalApp) refuseSchedule(ctx context.Context, t target) error {
	schedule, err := app.describeSchedule(ctx, t.scheduleID())
	if err != nil || schedule == nil {
		return err
	}
	return conflictError{fmt.Errorf("%s is kept by the Schedule %s, and an account has either a cron or a Schedule; delete that with: %s, and start again",
		t, t.scheduleID(), cliDeleteSchedule(t))}
}

// cliSchedule is the command of the Temporal CLI that creates the same Schedule.
func (app *temporalApp) cliSchedule(t target, times timing) string {
	words := []string{"temporal", "schedule", "create", "--schedule-id", t.scheduleID(),
		"--interval", probe.Brief(times.every), "--jitter", probe.Brief(times.jitter), "--overlap-policy", "Skip", "--catchup-window", probe.Brief(times.every),
		"--type", workflows.Type, "--task-queue", app.taskQueue, "--workflow-id", t.id, "--input", t.inputJSON()}
	if times.paused {
		words = append(words, "--paused")
	}
	return shell(words...)
}

func cliDeleteSchedule(t target) string {
	return shell("temporal", "schedule", "delete", "--schedule-id", t.scheduleID())
}
