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
	"tokenkeeper/workflows"
)

// timing is when a Schedule refreshes.
type timing struct {
	every, jitter time.Duration
	paused        bool
}

func newSchedule(environ map[string]string) *cobra.Command {
	var flags accountFlags
	var times timing
	cmd := &cobra.Command{
		Use:   "schedule",
		Short: "Keep an account alive by a Temporal Schedule instead of the cron",
		Long: `Creates a Temporal Schedule that refreshes an account's tokens: what Temporal
recommends over crons. It can be paused, triggered and changed, and it never
starts a refresh while one is at work. An account has either a cron or a Schedule.`,
		Example: `  starter schedule --account will --every 4h
  temporal schedule trigger --schedule-id fitbit-token-refresh-will-schedule`,
		Args: noArgs,
	}
	flags.add(cmd)
	cmd.Flags().DurationVar(&times.every, "every", 0, "time from one refresh to the next (default well before the access token ends: 6h for Fitbit)")
	cmd.Flags().DurationVar(&times.jitter, "jitter", 0, "refresh at a random time up to this much later (default a tenth of --every, at most 10m)")
	cmd.Flags().BoolVar(&times.paused, "paused", false, "create it paused")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, t, err := flags.target(environ, config.LoadStarter)
		if err != nil {
			return err
		}
		if !cmd.Flags().Changed("every") {
			times.every = t.Provider.Period()
		}
		if !cmd.Flags().Changed("jitter") {
			times.jitter = min(10*time.Minute, times.every/10)
		}
		if err := times.check(); err != nil {
			return usageError{err}
		}
		return s.withTemporal(cmd, func(ctx context.Context, o *temporalApp) error { return o.schedule(ctx, t, times) })
	}
	return cmd
}

func (t timing) check() error {
	switch {
	case t.every < time.Minute:
		return fmt.Errorf("--every is %s; use a minute or more, such as 6h", t.every)
	case t.jitter < 0 || t.jitter >= t.every:
		return fmt.Errorf("--jitter is %s; use a time from 0 to below --every, %s", brief(t.jitter), brief(t.every))
	}
	return nil
}

// schedule creates an account's Schedule and tells all about it.
func (o *temporalApp) schedule(ctx context.Context, t target, times timing) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := o.refuseCron(ctx, t); err != nil {
		return err
	}
	options := o.options(t)
	handle, err := o.temporal.ScheduleClient().Create(ctx, client.ScheduleOptions{
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
	exists := errors.Is(err, temporal.ErrScheduleAlreadyRunning)
	if err != nil && !exists {
		return err
	}
	if exists {
		handle = o.temporal.ScheduleClient().GetHandle(ctx, t.scheduleID())
	}
	described, err := handle.Describe(ctx)
	if err != nil {
		return err
	}
	if exists {
		if !times.same(described.Schedule.Spec) {
			return fmt.Errorf("schedule %s exists already, with other times than every %s and up to %s later; to change it, delete it with: %s, and create it again",
				t.scheduleID(), brief(times.every), brief(times.jitter), shell("temporal", "schedule", "delete", "--schedule-id", t.scheduleID()))
		}
		o.say("The Schedule of %s exists already: %s, created %s.", t, t.scheduleID(), when(described.Info.CreatedAt, time.Now()))
	} else {
		o.say("Created the Schedule of %s: %s on task queue %s.", t, t.scheduleID(), o.taskQueue)
	}
	o.field("Every", fmt.Sprintf("%s, up to %s later", brief(times.every), brief(times.jitter)))
	o.field("Next run", nextOfSchedule(described, time.Now()))
	o.field("Web UI", o.link("schedules", t.scheduleID()))
	if !exists {
		o.field("Same as", o.cliSchedule(t, times))
	}
	o.warnOfIdleQueue(ctx)
	return nil
}

func (t timing) same(spec *client.ScheduleSpec) bool {
	return spec != nil && len(spec.Intervals) == 1 && spec.Intervals[0].Every == t.every && spec.Jitter == t.jitter
}

func nextOfSchedule(d *client.ScheduleDescription, now time.Time) string {
	if d.Schedule.State != nil && d.Schedule.State.Paused {
		return "none, because it is paused"
	}
	if len(d.Info.NextActionTimes) == 0 {
		return "none"
	}
	return when(d.Info.NextActionTimes[0], now)
}

// refuseCron ends with an error where the account's cron runs.
func (o *temporalApp) refuseCron(ctx context.Context, t target) error {
	described, err := o.temporal.DescribeWorkflowExecution(ctx, t.id, "")
	switch {
	case gone(err):
		return nil
	case err != nil:
		return err
	case described.GetWorkflowExecutionInfo().GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING:
		return nil
	}
	running, err := o.describe(ctx, t.id, "")
	if err != nil || running.Cron == "" {
		return err
	}
	return fmt.Errorf("the cron of %s runs (%s), and an account has either a cron or a Schedule; end the cron with: %s, and try again",
		t, running.Cron, shell("temporal", "workflow", "cancel", "--workflow-id", running.WorkflowID))
}

// refuseSchedule ends with a conflict where the account has a Schedule.
func (o *temporalApp) refuseSchedule(ctx context.Context, t target) error {
	exists, err := o.hasSchedule(ctx, t)
	if err != nil || !exists {
		return err
	}
	return conflictError{fmt.Errorf("%s is kept by the Schedule %s, and an account has either a cron or a Schedule; delete that with: %s, and start again",
		t, t.scheduleID(), shell("temporal", "schedule", "delete", "--schedule-id", t.scheduleID()))}
}

func (o *temporalApp) hasSchedule(ctx context.Context, t target) (bool, error) {
	_, err := o.temporal.ScheduleClient().GetHandle(ctx, t.scheduleID()).Describe(ctx)
	if gone(err) {
		return false, nil
	}
	return err == nil, err
}

// cliSchedule is the command of the Temporal CLI that creates the same Schedule.
func (o *temporalApp) cliSchedule(t target, times timing) string {
	words := []string{"temporal", "schedule", "create", "--schedule-id", t.scheduleID(),
		"--interval", brief(times.every), "--jitter", brief(times.jitter), "--overlap-policy", "Skip", "--catchup-window", brief(times.every),
		"--type", workflows.Type, "--task-queue", o.taskQueue, "--workflow-id", t.id, "--input", t.inputJSON()}
	if times.paused {
		words = append(words, "--paused")
	}
	return shell(words...)
}
