package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"
	commonpb "go.temporal.io/api/common/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"golang.org/x/sync/errgroup"

	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

// selection narrows down what status and forecast show; the zero value is all.
type selection struct {
	target   *target
	provider string
}

// withSelection connects, and acts on what --account or --provider select. t is the account
// that the flags name; where it has moved, it is selected where it is now.
func (s settings) withSelection(cmd *cobra.Command, t target, asJSON bool, do func(context.Context, *temporalApp, selection) error) error {
	return s.withTemporal(cmd, func(ctx context.Context, app *temporalApp) error {
		if asJSON {
			app.jsonOutput()
		}
		var only selection
		switch {
		case cmd.Flags().Changed("account"):
			now, err := app.whereItIsNow(ctx, s, t)
			if err != nil {
				return err
			}
			only.target = &now
		case cmd.Flags().Changed("provider"):
			only.provider = t.Provider.Name
		}
		return do(ctx, app, only)
	})
}

// row is one account in the answer of status, and what --output json prints.
type row struct {
	Account           string             `json:"account"`
	Provider          string             `json:"provider"`
	Health            Health             `json:"health"`
	Generation        *token.Generation  `json:"generation,omitempty"` // of the last run that succeeded
	AccessTokenExpiry time.Time          `json:"accessTokenExpiry,omitzero"`
	LastOutcome       string             `json:"lastOutcome,omitempty"`
	LastRun           time.Time          `json:"lastRun,omitzero"` // when it ended
	LastFailure       *workflows.Failure `json:"lastFailure,omitempty"`
	NextRun           time.Time          `json:"nextRun,omitzero"`
	Cron              string             `json:"cron,omitempty"`
	WorkflowID        string             `json:"workflowId"`
	ScheduleID        string             `json:"scheduleId,omitempty"`
}

// Health is an account's: a value of the search attribute TokenHealth, or one that
// only the starter determines.
type Health workflows.Health

const (
	healthy             = Health(workflows.HealthGood)
	refreshing   Health = "refreshing" // a run is at work
	stuck               = Health(workflows.HealthStuck)
	needsConsent        = Health(workflows.HealthNeedsConsent)
	failed              = Health(workflows.HealthFailed)

	waiting Health = "waiting" // for its very first run
	paused  Health = "paused"  // its Schedule is
)

// needsAttention reports whether waiting does not mend it.
func (h Health) needsAttention() bool {
	return h == stuck || h == needsConsent || h == failed
}

// healthOf determines an account's health. attribute is the run's TokenHealth, and
// empty where the namespace has no such search attribute.
func healthOf(s workflows.State, attribute string, isPaused bool, now time.Time) Health {
	switch {
	case !s.Working.IsZero() && (Health(attribute) == stuck || now.Sub(s.Working) > workflows.OverdueAfter):
		return stuck
	case !s.Working.IsZero():
		return refreshing
	case isPaused:
		return paused
	case s.Last.Failure != nil && s.Last.Failure.Type == workflows.ReauthorizationRequired:
		return needsConsent
	case s.Last.Failure != nil:
		return failed
	case s.Last.Result == nil:
		return waiting
	}
	return healthy
}

// perPage is how many accounts one listing call returns.
const perPage = 500

// listAccounts finds what keeps accounts alive: one listing call per perPage
// accounts, one call per cron, and up to three per Schedule.
func (app *temporalApp) listAccounts(ctx context.Context, only selection) ([]row, error) {
	crons, err := app.listRunning(ctx, only)
	if err != nil {
		return nil, err
	}
	schedules, err := app.listSchedules(ctx, only)
	if err != nil {
		return nil, err
	}
	found := make([]*row, len(crons)+len(schedules))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxConcurrent)
	for i, info := range crons {
		group.Go(func() (err error) {
			found[i], err = app.cronRow(ctx, info)
			return err
		})
	}
	for i, id := range schedules {
		group.Go(func() (err error) {
			found[len(crons)+i], err = app.scheduleRow(ctx, id)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	rows := []row{} // an empty list is [] in JSON
	for _, r := range found {
		if r != nil && (only.provider == "" || only.provider == r.Provider) {
			rows = append(rows, *r)
		}
	}
	return rows, nil
}

// listRunning lists the workflows that run, but for those of Schedules.
func (app *temporalApp) listRunning(ctx context.Context, only selection) ([]*workflowpb.WorkflowExecutionInfo, error) {
	query := "WorkflowType = '" + workflows.Type + "' AND ExecutionStatus = 'Running'"
	if only.target != nil {
		query += " AND WorkflowId = '" + only.target.id + "'" // an id holds no quotes
	}
	var all []*workflowpb.WorkflowExecutionInfo
	var page []byte
	for {
		list, err := app.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query, PageSize: perPage, NextPageToken: page})
		if err != nil {
			return nil, err
		}
		for _, info := range list.GetExecutions() {
			id := info.GetExecution().GetWorkflowId()
			switch {
			case strings.ContainsFunc(id, func(r rune) bool { return r < ' ' || r > '~' }):
				// The SDK puts the id into a header of each further call, which then fails.
				app.warn("workflow %s is left out, because it cannot be asked for by an id with such characters; no command of starter gives one", id)
			case info.GetSearchAttributes().GetIndexedFields()["TemporalScheduledById"] == nil:
				all = append(all, info)
			}
		}
		if page = list.GetNextPageToken(); len(page) == 0 {
			return all, nil
		}
	}
}

func (app *temporalApp) listSchedules(ctx context.Context, only selection) ([]string, error) {
	if only.target != nil {
		return []string{only.target.scheduleID()}, nil
	}
	list, err := app.temporal.ScheduleClient().List(ctx, client.ScheduleListOptions{PageSize: perPage})
	if err != nil {
		return nil, err
	}
	var ids []string
	for list.HasNext() {
		entry, err := list.Next()
		if err != nil {
			return nil, err
		}
		if entry.WorkflowType.Name == workflows.Type {
			ids = append(ids, entry.ID)
		}
	}
	return ids, nil
}

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
	r := rowFrom(s, healthOf(s, attribute, false, now))
	if r.NextRun = s.Due; !s.Working.IsZero() {
		r.NextRun = nextByCron(s.Cron, now)
	}
	return &r, nil
}

// scheduleRow returns nil for a Schedule that does not exist.
func (app *temporalApp) scheduleRow(ctx context.Context, id string) (*row, error) {
	s, described, err := app.stateOfSchedule(ctx, id)
	if err != nil || described == nil {
		return nil, err
	}
	isPaused := described.Schedule.State != nil && described.Schedule.State.Paused
	r := rowFrom(s, healthOf(s, "", isPaused, time.Now()))
	r.ScheduleID = id
	if next := described.Info.NextActionTimes; r.Health != paused && len(next) > 0 {
		r.NextRun = next[0]
	}
	return &r, nil
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

func rowFrom(s workflows.State, health Health) row {
	r := row{Health: health, LastRun: s.Last.At, LastFailure: s.Last.Failure, Cron: s.Cron, WorkflowID: s.WorkflowID}
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
	}
	return r
}

// decode leaves the value as it is where the payload is absent or of another type.
func decode(payload *commonpb.Payload, value any) {
	if payload != nil {
		_ = converter.GetDefaultDataConverter().FromPayload(payload, value)
	}
}
