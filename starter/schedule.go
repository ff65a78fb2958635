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
	var file string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "schedule",
		Short: "Keep an account alive by a Temporal Schedule instead of the cron",
		Long: `Creates a Temporal Schedule that refreshes an account's tokens: what Temporal
recommends over crons. It can be paused, triggered and changed, and it never
starts a refresh while one is at work. An account has either a cron or a Schedule: the
Schedule takes the place of a cron that runs, at the times of that, and starter
start does the opposite.

It can be interrupted and repeated, also for the many accounts of --accounts.`,
		Example: `  starter schedule --account will --every 4h
  starter schedule --accounts accounts.txt --dry-run
  temporal schedule trigger --schedule-id fitbit-token-refresh-will-schedule`,
	}
	cmd.Flags().DurationVar(&times.every, "every", 0, "time from one refresh to the next (default well before the access token ends: 6h for Fitbit)")
	cmd.Flags().DurationVar(&times.jitter, "jitter", 0, "refresh at a random time up to this much later (default a tenth of --every, at most 10m)")
	cmd.Flags().BoolVar(&times.paused, "paused", false, "create it paused")
	cmd.Flags().StringVar(&file, "accounts", "", "create the Schedules of the accounts in this `FILE`")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "show what would be done, and touch nothing")
	output := outputFlag(cmd, "text")
	return accountCommand(cmd, environ, config.LoadStarter, func(s settings, t target) error {
		timesOf := func(t target) timing {
			own := times
			if !cmd.Flags().Changed("every") {
				own.every = t.period()
			}
			if !cmd.Flags().Changed("jitter") {
				own.jitter = min(10*time.Minute, own.every/10)
			}
			return own
		}
		if err := timesOf(t).check(); err != nil {
			return usageError{err}
		}
		var all []listed
		if file != "" {
			err := refuseSingle(cmd)
			if err == nil {
				all, err = readListed(file, s.providers, inherited{provider: t.Account.Provider})
			}
			if err != nil {
				return usageError{err}
			}
		}
		return s.withTemporal(cmd, func(ctx context.Context, app *temporalApp) error {
			if *output == "json" {
				app.jsonOutput()
			}
			if file != "" {
				return app.scheduleMany(ctx, all, s.providers, timesOf, dryRun, *output == "json")
			}
			if dryRun {
				return app.drySchedule(ctx, t, timesOf, *output == "json")
			}
			answer, err := app.schedule(ctx, t, timesOf)
			if err == nil && *output == "json" {
				err = app.json(answer)
			}
			return err
		})
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

// scheduleAnswer is what schedule prints with --output json.
type scheduleAnswer struct {
	Account    string    `json:"account"`
	Provider   string    `json:"provider"`
	Outcome    string    `json:"outcome"`
	ScheduleID string    `json:"scheduleId"`
	Every      string    `json:"every"`
	Jitter     string    `json:"jitter"`
	NextRun    time.Time `json:"nextRun,omitzero"`
	WebUI      string    `json:"webUI,omitempty"`
}

// schedule creates an account's Schedule and describes it. One that exists already
// with the same times is left alone.
func (app *temporalApp) schedule(ctx context.Context, t target, timesOf func(target) timing) (scheduleAnswer, error) {
	s, err := app.toSchedule(ctx, t, timesOf, func(target, timing) time.Duration { return 0 })
	if err == nil && s.atWork != "" {
		err = app.awaitEnd(ctx, t.id, s.atWork)
	}
	if err != nil {
		return scheduleAnswer{}, err
	}
	t, times, outcome := s.target, s.times, s.outcome
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	described, err := app.temporal.ScheduleClient().GetHandle(ctx, t.scheduleID()).Describe(ctx)
	if err != nil {
		return scheduleAnswer{}, err
	}
	switch outcome {
	case outcomeExists:
		app.say("The Schedule of %s exists already: %s, created %s.", t, t.scheduleID(), when(described.Info.CreatedAt, time.Now()))
	case outcomeFromCron:
		app.say("The Schedule of %s has taken the place of its cron: %s on task queue %s.", t, t.scheduleID(), app.taskQueue)
	default:
		app.say("Created the Schedule of %s: %s on task queue %s.", t, t.scheduleID(), app.taskQueue)
	}
	app.field("Every", fmt.Sprintf("%s, up to %s later", probe.Brief(times.every), probe.Brief(times.jitter)))
	app.field("Next run", nextScheduled(described, time.Now()))
	app.field("Web UI", app.link("schedules", t.scheduleID()))
	if outcome != outcomeExists {
		app.field("Same as", app.cliSchedule(t, times, offsetOf(described.Schedule.Spec)))
	}
	app.warnOfIdleQueue(ctx)
	answer := scheduleAnswer{t.Account.Name, t.Account.Provider, outcome, t.scheduleID(), probe.Brief(times.every), probe.Brief(times.jitter), time.Time{}, app.link("schedules", t.scheduleID())}
	if next := described.Info.NextActionTimes; len(next) > 0 && !times.paused {
		answer.NextRun = next[0]
	}
	return answer, nil
}

// createSchedule creates an account's Schedule unless it exists already. Its runs come at
// offset within each period.
func (app *temporalApp) createSchedule(ctx context.Context, t target, times timing, offset time.Duration) (exists bool, err error) {
	options, err := app.options(ctx, t)
	if err != nil {
		return false, err
	}
	_, err = app.temporal.ScheduleClient().Create(ctx, client.ScheduleOptions{
		ID:      t.scheduleID(),
		Spec:    client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: times.every, Offset: offset}}, Jitter: times.jitter},
		Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_SKIP,
		// After an outage one refresh makes up for all that were missed.
		CatchupWindow: times.every,
		Paused:        times.paused,
		Action: &client.ScheduleWorkflowAction{
			ID: options.ID, TaskQueue: options.TaskQueue, StaticSummary: options.StaticSummary,
			Workflow: workflows.Type, Args: []any{t.input}, TypedSearchAttributes: options.TypedSearchAttributes,
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

// cliSchedule is the command of the Temporal CLI that creates the same Schedule.
func (app *temporalApp) cliSchedule(t target, times timing, offset time.Duration) string {
	interval := probe.Brief(times.every)
	if offset > 0 {
		interval += "/" + offset.String()
	}
	words := []string{"temporal", "schedule", "create", "--schedule-id", t.scheduleID(),
		"--interval", interval, "--jitter", probe.Brief(times.jitter), "--overlap-policy", "Skip", "--catchup-window", probe.Brief(times.every),
		"--type", workflows.Type, "--task-queue", app.taskQueue, "--workflow-id", t.id, "--input", t.inputJSON()}
	if times.paused {
		words = append(words, "--paused")
	}
	return shell(words...)
}

func cliDeleteSchedule(t target) string {
	return shell("temporal", "schedule", "delete", "--schedule-id", t.scheduleID())
}
