package main

import (
	"context"
	"errors"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"golang.org/x/sync/errgroup"

	"tokenkeeper/workflows"
)

// perPage is how many accounts one listing call returns.
const perPage = 500

// listAccounts finds what keeps accounts alive: one listing call per perPage accounts,
// one call per cron, and up to three per Schedule.
func (o *temporalApp) listAccounts(ctx context.Context, only selection) ([]row, error) {
	crons, err := o.listRunning(ctx, only)
	if err != nil {
		return nil, err
	}
	schedules, err := o.listSchedules(ctx, only)
	if err != nil {
		return nil, err
	}
	found := make([]*row, len(crons)+len(schedules))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxConcurrent)
	for i, info := range crons {
		group.Go(func() (err error) {
			found[i], err = o.cronRow(ctx, info)
			return err
		})
	}
	for i, id := range schedules {
		group.Go(func() (err error) {
			found[len(crons)+i], err = o.scheduleRow(ctx, id)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	rows := []row{} // an empty list is [] in JSON
	for _, r := range found {
		if r != nil && only.takes(*r) {
			rows = append(rows, *r)
		}
	}
	return rows, nil
}

// listRunning lists the workflows that run, but for those of Schedules.
func (o *temporalApp) listRunning(ctx context.Context, only selection) ([]*workflowpb.WorkflowExecutionInfo, error) {
	query := "WorkflowType = '" + workflows.Type + "' AND ExecutionStatus = 'Running'"
	if only.target != nil {
		query += " AND WorkflowId = '" + only.target.id + "'" // its name holds no quotes
	}
	var all []*workflowpb.WorkflowExecutionInfo
	var page []byte
	for {
		list, err := o.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query, PageSize: perPage, NextPageToken: page})
		if err != nil {
			return nil, err
		}
		for _, info := range list.GetExecutions() {
			if info.GetSearchAttributes().GetIndexedFields()["TemporalScheduledById"] == nil {
				all = append(all, info)
			}
		}
		if page = list.GetNextPageToken(); len(page) == 0 {
			return all, nil
		}
	}
}

// cronRow is nil for a workflow that has ended since it was listed, and for a
// recovery, which keeps no account alive.
func (o *temporalApp) cronRow(ctx context.Context, info *workflowpb.WorkflowExecutionInfo) (*row, error) {
	c, err := o.describe(ctx, info.GetExecution().GetWorkflowId(), info.GetExecution().GetRunId())
	if gone(err) {
		return nil, nil
	}
	if err != nil || c.Input.Recover {
		return nil, err
	}
	var attribute string
	if payload := info.GetSearchAttributes().GetIndexedFields()[workflows.TokenHealth.GetName()]; payload != nil {
		_ = converter.GetDefaultDataConverter().FromPayload(payload, &attribute)
	}
	r := rowFrom(c, attribute, time.Now())
	return &r, nil
}

func (o *temporalApp) listSchedules(ctx context.Context, only selection) ([]string, error) {
	if only.target != nil {
		return []string{only.target.scheduleID()}, nil
	}
	list, err := o.temporal.ScheduleClient().List(ctx, client.ScheduleListOptions{PageSize: perPage})
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

// scheduleRow is nil for a Schedule that is not there.
func (o *temporalApp) scheduleRow(ctx context.Context, id string) (*row, error) {
	described, err := o.temporal.ScheduleClient().GetHandle(ctx, id).Describe(ctx)
	if gone(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	action, ok := described.Schedule.Action.(*client.ScheduleWorkflowAction)
	if !ok {
		return nil, nil
	}
	c := workflows.State{WorkflowID: action.ID}
	if recent := described.Info.RecentActions; len(recent) > 0 && recent[len(recent)-1].StartWorkflowResult != nil {
		started := recent[len(recent)-1].StartWorkflowResult
		if c, err = o.inspectToTheEnd(ctx, started.WorkflowID, started.FirstExecutionRunID); err != nil {
			return nil, err
		}
	}
	if len(action.Args) > 0 {
		if input, ok := action.Args[0].(*commonpb.Payload); ok {
			_ = converter.GetDefaultDataConverter().FromPayload(input, &c.Input)
		}
	}
	now := time.Now()
	r := rowFrom(c, "", now)
	r.Health = healthOf(c, "", described.Schedule.State != nil && described.Schedule.State.Paused, now)
	r.ScheduleID, r.NextRun = id, time.Time{}
	if next := described.Info.NextActionTimes; r.Health != paused && len(next) > 0 {
		r.NextRun = next[0]
	}
	return &r, nil
}

// inspectToTheEnd is inspect for a run that may have ended, and then tells how.
func (o *temporalApp) inspectToTheEnd(ctx context.Context, workflowID, runID string) (workflows.State, error) {
	c, err := o.describe(ctx, workflowID, runID)
	if gone(err) {
		return workflows.State{WorkflowID: workflowID}, nil // its retention ended
	}
	if err != nil {
		return workflows.State{}, err
	}
	last, err := o.runResult(ctx, workflowID, runID, false)
	if err != nil || last.At.IsZero() {
		return c, err
	}
	if last.Result == nil {
		last.Result = c.Last.Result // of an earlier run: this one had none
	}
	c.Last, c.Working = last, time.Time{}
	return c, nil
}

func gone(err error) bool {
	var none *serviceerror.NotFound
	return errors.As(err, &none)
}
