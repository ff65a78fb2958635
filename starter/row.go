package main

import (
	"cmp"
	"context"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

// row is one account in the answer of status, and what --output json prints.
type row struct {
	Account           string            `json:"account"`
	Provider          string            `json:"provider"`
	Health            Health            `json:"health"`
	Generation        *token.Generation `json:"generation,omitempty"` // of the last run that succeeded
	AccessTokenExpiry time.Time         `json:"accessTokenExpiry,omitzero"`
	LastOutcome       string            `json:"lastOutcome,omitempty"`
	LastRun           time.Time         `json:"lastRun,omitzero"` // when it ended
	// Working is since when a run is at work; zero for none.
	Working time.Time `json:"working,omitzero"`
	// LastFailure is that of the run at work where that is stuck, and else that of the last
	// run. Its message ends with the fix.
	LastFailure *runFailure `json:"lastFailure,omitempty"`
	NextRun     time.Time   `json:"nextRun,omitzero"`
	Cron        string      `json:"cron,omitempty"`
	// SecretsOf is the provider whose names the account's secrets have, after a move.
	SecretsOf string `json:"secretsOf,omitempty"`
	// MovedTo is the account that has this one's secrets now, beside this one.
	MovedTo    string `json:"movedTo,omitempty"`
	WorkflowID string `json:"workflowId"`
	ScheduleID string `json:"scheduleId,omitempty"`
	// RunID is the run that tells of the health: the one at work, or else the last one that
	// ended, and not the one that waits for its time.
	RunID string `json:"runId,omitempty"`
	WebUI string `json:"webUI,omitempty"`
}

// key is what the account's runs have in common; see [keyOf].
func (r row) key() string { return cmp.Or(r.ScheduleID, r.WorkflowID) }

// name is the account's as messages have it.
func (r row) name() string { return r.Provider + "/" + r.Account }

// cronRow returns nil for a workflow that has ended since it was listed, and for a
// recovery, which keeps no account alive.
func (app *temporalApp) cronRow(ctx context.Context, info *workflowpb.WorkflowExecutionInfo) (*row, error) {
	s, err := app.describe(ctx, info.GetExecution().GetWorkflowId(), info.GetExecution().GetRunId())
	if gone(err) {
		return nil, nil
	}
	if err != nil || s.Input.Recover {
		return nil, err
	}
	var attribute string
	decode(info.GetSearchAttributes().GetIndexedFields()[workflows.TokenHealth.GetName()], &attribute)
	now := time.Now()
	r := app.rowFrom(s, healthOf(s, attribute, false, now))
	if r.NextRun = s.Due; !s.Working.IsZero() {
		r.NextRun = nextByCron(s.Cron, now)
	}
	return &r, app.explain(ctx, &r)
}

// scheduleRow returns nil for a Schedule that does not exist.
func (app *temporalApp) scheduleRow(ctx context.Context, id string) (*row, error) {
	s, described, err := app.stateOfSchedule(ctx, id)
	if err != nil || described == nil {
		return nil, err
	}
	isPaused := described.Schedule.State != nil && described.Schedule.State.Paused
	r := app.rowFrom(s, healthOf(s, "", isPaused, time.Now()))
	r.ScheduleID = id
	if next := described.Info.NextActionTimes; r.Health != paused && len(next) > 0 {
		r.NextRun = next[0]
	}
	return &r, app.explain(ctx, &r)
}

// stateOfSchedule returns the state of what a Schedule started last, with the input that it
// gives; described is nil where there is no such Schedule, or it starts something else.
func (app *temporalApp) stateOfSchedule(ctx context.Context, id string) (s workflows.State, described *client.ScheduleDescription, err error) {
	described, err = app.describeSchedule(ctx, id)
	if err != nil || described == nil {
		return s, nil, err
	}
	action, ok := described.Schedule.Action.(*client.ScheduleWorkflowAction)
	if !ok {
		return s, nil, nil
	}
	s.WorkflowID = action.ID
	if recent := described.Info.RecentActions; len(recent) > 0 && recent[len(recent)-1].StartWorkflowResult != nil {
		started := recent[len(recent)-1].StartWorkflowResult
		if s, err = app.describeToTheEnd(ctx, started.WorkflowID, started.FirstExecutionRunID); err != nil {
			return s, nil, err
		}
	}
	s.Input = scheduledInput(described)
	return s, described, nil
}

// describeToTheEnd is describe for a run that may have ended; then Last is its own
// result.
func (app *temporalApp) describeToTheEnd(ctx context.Context, workflowID, runID string) (workflows.State, error) {
	s, err := app.describe(ctx, workflowID, runID)
	if gone(err) {
		return workflows.State{WorkflowID: workflowID}, nil // its retention ended
	}
	if err != nil {
		return workflows.State{}, err
	}
	last, err := app.runResult(ctx, workflowID, runID, false)
	if err != nil || last.At.IsZero() {
		return s, err
	}
	if last.Result == nil {
		last.Result = s.Last.Result // of an earlier run: this one had none
	}
	s.Last, s.Working = last, time.Time{}
	return s, nil
}

func (app *temporalApp) rowFrom(s workflows.State, health Health) row {
	r := row{Health: health, Working: s.Working, LastRun: s.Last.At, Cron: s.Cron, WorkflowID: s.WorkflowID, SecretsOf: s.Input.SecretsOf, RunID: s.RunID}
	if account, err := s.Input.Check(); err == nil {
		r.Account, r.Provider = account.Name, account.Provider
	} else {
		r.Account = s.WorkflowID // the failure names what is wrong with its input
	}
	if result := s.Last.Result; result != nil {
		r.Generation, r.AccessTokenExpiry, r.LastOutcome = &result.Generation, result.AccessTokenExpiry, string(result.Outcome)
	}
	if s.Last.Failure != nil {
		r.LastOutcome = string(failed)
		r.LastFailure = &runFailure{Failure: *s.Last.Failure, At: s.Last.At}
	}
	if health != stuck && health != refreshing && s.LastRunID != "" {
		r.RunID = s.LastRunID
	}
	r.WebUI = app.link("workflows", r.WorkflowID, r.RunID)
	return r
}

// decode leaves the value as it is where the payload is absent or of another type.
func decode(payload *commonpb.Payload, value any) {
	if payload != nil {
		_ = converter.GetDefaultDataConverter().FromPayload(payload, value)
	}
}
