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

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

// timing is when a Schedule refreshes.
type timing struct {
	every, jitter time.Duration
	paused        bool
}

func newSchedule(environ map[string]string) *cobra.Command {
	var flags accountFlags
	var t timing
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
	cmd.Flags().DurationVar(&t.every, "every", 0, "time from one refresh to the next (default well before the access token ends: 6h for Fitbit)")
	cmd.Flags().DurationVar(&t.jitter, "jitter", 0, "refresh at a random time up to this much later (default a tenth of --every, at most 10m)")
	cmd.Flags().BoolVar(&t.paused, "paused", false, "create it paused")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		account, err := flags.account()
		if err != nil {
			return err
		}
		return withTemporal(cmd, environ, func(ctx context.Context, o *temporalApp) error {
			t, err := t.orDefaults(account, o.providers, cmd.Flags().Changed)
			if err != nil {
				return usageError{err}
			}
			return o.schedule(ctx, account, t)
		})
	}
	return cmd
}

// orDefaults is the timing with what suits the account's provider in place of what
// was not given, once it makes sense.
func (t timing) orDefaults(a token.Account, providers provider.Table, given func(flag string) bool) (timing, error) {
	if !given("every") {
		p, err := providers.Lookup(a.Provider)
		if err != nil {
			return t, fmt.Errorf("%w (TOKENKEEPER_PROVIDERS), or say how often with --every", err)
		}
		t.every = p.Period()
	}
	if !given("jitter") {
		t.jitter = min(10*time.Minute, t.every/10)
	}
	return t, t.check()
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

func scheduleID(a token.Account) string { return workflows.ID(a) + "-schedule" }

// schedule creates an account's Schedule and tells all about it.
func (o *temporalApp) schedule(ctx context.Context, a token.Account, t timing) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := o.refuseCron(ctx, a); err != nil {
		return err
	}
	options := o.options(a)
	handle, err := o.temporal.ScheduleClient().Create(ctx, client.ScheduleOptions{
		ID:      scheduleID(a),
		Spec:    client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: t.every}}, Jitter: t.jitter},
		Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_SKIP,
		// After an outage one refresh makes up for all that were missed.
		CatchupWindow: t.every,
		Paused:        t.paused,
		Action: &client.ScheduleWorkflowAction{
			ID: options.ID, TaskQueue: options.TaskQueue, StaticSummary: options.StaticSummary,
			Workflow: workflows.Type, Args: []any{inputFor(a)},
		},
	})
	exists := errors.Is(err, temporal.ErrScheduleAlreadyRunning)
	if err != nil && !exists {
		return err
	}
	if exists {
		handle = o.temporal.ScheduleClient().GetHandle(ctx, scheduleID(a))
	}
	described, err := handle.Describe(ctx)
	if err != nil {
		return err
	}
	if exists {
		if !t.same(described.Schedule.Spec) {
			return fmt.Errorf("schedule %s exists already, with other times than every %s and up to %s later; to change it, delete it with: %s, and create it again",
				scheduleID(a), brief(t.every), brief(t.jitter), shell("temporal", "schedule", "delete", "--schedule-id", scheduleID(a)))
		}
		o.say("The Schedule of %s exists already: %s, created %s.", a, scheduleID(a), when(described.Info.CreatedAt, time.Now()))
	} else {
		o.say("Created the Schedule of %s: %s on task queue %s.", a, scheduleID(a), o.taskQueue)
	}
	o.field("Every", fmt.Sprintf("%s, up to %s later", brief(t.every), brief(t.jitter)))
	o.field("Next run", nextOfSchedule(described, time.Now()))
	o.field("Web UI", o.link("schedules", scheduleID(a)))
	if !exists {
		o.field("Same as", o.cliSchedule(a, t))
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
func (o *temporalApp) refuseCron(ctx context.Context, a token.Account) error {
	described, err := o.temporal.DescribeWorkflowExecution(ctx, workflows.ID(a), "")
	switch {
	case gone(err):
		return nil
	case err != nil:
		return err
	case described.GetWorkflowExecutionInfo().GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING:
		return nil
	}
	running, err := o.describe(ctx, workflows.ID(a), "")
	if err != nil || running.Cron == "" {
		return err
	}
	return fmt.Errorf("the cron of %s runs (%s), and an account has either a cron or a Schedule; end the cron with: %s, and try again",
		a, running.Cron, shell("temporal", "workflow", "cancel", "--workflow-id", running.WorkflowID))
}

// refuseSchedule ends with a conflict where the account has a Schedule.
func (o *temporalApp) refuseSchedule(ctx context.Context, a token.Account) error {
	exists, err := o.hasSchedule(ctx, a)
	if err != nil || !exists {
		return err
	}
	return conflictError{fmt.Errorf("%s is kept by the Schedule %s, and an account has either a cron or a Schedule; delete that with: %s, and start again",
		a, scheduleID(a), shell("temporal", "schedule", "delete", "--schedule-id", scheduleID(a)))}
}

func (o *temporalApp) hasSchedule(ctx context.Context, a token.Account) (bool, error) {
	_, err := o.temporal.ScheduleClient().GetHandle(ctx, scheduleID(a)).Describe(ctx)
	if gone(err) {
		return false, nil
	}
	return err == nil, err
}

// cliSchedule is the command of the Temporal CLI that creates the same Schedule.
func (o *temporalApp) cliSchedule(a token.Account, t timing) string {
	words := []string{"temporal", "schedule", "create", "--schedule-id", scheduleID(a),
		"--interval", brief(t.every), "--jitter", brief(t.jitter), "--overlap-policy", "Skip", "--catchup-window", brief(t.every),
		"--type", workflows.Type, "--task-queue", o.taskQueue, "--workflow-id", workflows.ID(a), "--input", inputJSON(a)}
	if t.paused {
		words = append(words, "--paused")
	}
	return shell(words...)
}
