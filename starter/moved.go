package main

import (
	"context"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/client"

	"tokenkeeper/workflows"
)

// whereItIsNow returns the account that the operator means by one that migrate has moved:
// the one at the successor that keeps the same secrets. Any other account is returned as it
// is, also one that nothing keeps alive. It takes no call to Temporal where the provider has
// no successor, and otherwise two to four.
func (app *temporalApp) whereItIsNow(ctx context.Context, s settings, t target) (target, error) {
	to, err := successorOf(s, t)
	if err != nil {
		return t, nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if kept, _, err := app.isKept(ctx, t); err != nil || kept {
		return t, err
	}
	input, err := app.inputOf(ctx, to)
	if err != nil {
		return t, err
	}
	if kept, err := input.Check(); err != nil || kept != to.Account {
		return t, nil
	}
	app.say("%s has moved, and is %s now.", t, to)
	return to, nil
}

// inputOf is what the account's cron or Schedule gives to its runs; the zero value, which
// means another account, where there is neither.
func (app *temporalApp) inputOf(ctx context.Context, t target) (input workflows.Input, err error) {
	runID, err := app.running(ctx, t.id)
	if err != nil {
		return input, err
	}
	if runID != "" {
		s, err := app.describe(ctx, t.id, runID)
		return s.Input, err
	}
	described, err := app.describeSchedule(ctx, t.scheduleID())
	if err != nil || described == nil {
		return input, err
	}
	return scheduledInput(described), nil
}

// scheduledInput is the input of the runs that a Schedule starts.
func scheduledInput(described *client.ScheduleDescription) (input workflows.Input) {
	action, ok := described.Schedule.Action.(*client.ScheduleWorkflowAction)
	if !ok || len(action.Args) == 0 {
		return input
	}
	if payload, ok := action.Args[0].(*commonpb.Payload); ok {
		decode(payload, &input)
	}
	return input
}
