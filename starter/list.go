package main

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

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
	rows, err := app.rowsOf(ctx, crons, schedules)
	markMoved(rows)
	return slices.DeleteFunc(rows, func(r row) bool { return only.provider != "" && only.provider != r.Provider }), err
}

// rowsOf reads crons and Schedules. What has ended meanwhile is left out.
func (app *temporalApp) rowsOf(ctx context.Context, crons []*workflowpb.WorkflowExecutionInfo, schedules []string) ([]row, error) {
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
		if r != nil {
			rows = append(rows, *r)
		}
	}
	return rows, nil
}

// markMoved marks each account whose secrets are another one's now, which a move has left
// running under its old name.
func markMoved(rows []row) {
	index := map[[2]string]int{}
	for i, r := range rows {
		if r.SecretsOf == "" {
			index[[2]string{r.Provider, r.Account}] = i
		}
	}
	for _, r := range rows {
		if i, found := index[[2]string{r.SecretsOf, r.Account}]; r.SecretsOf != "" && found {
			rows[i].MovedTo = r.name()
		}
	}
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
			case !isAskable(id):
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

// isAskable reports whether a run can be asked for by its workflow's id: the SDK puts that
// into a header of each call, which fails with other characters.
func isAskable(id string) bool {
	return !strings.ContainsFunc(id, func(r rune) bool { return r < ' ' || r > '~' })
}

func (app *temporalApp) listSchedules(ctx context.Context, only selection) ([]string, error) {
	if only.target != nil {
		return []string{only.target.scheduleID()}, nil
	}
	var ids []string
	err := app.eachSchedule(ctx, func(entry *client.ScheduleListEntry) { ids = append(ids, entry.ID) })
	return ids, err
}

// eachSchedule visits the Schedules of refreshes.
func (app *temporalApp) eachSchedule(ctx context.Context, visit func(*client.ScheduleListEntry)) error {
	list, err := app.temporal.ScheduleClient().List(ctx, client.ScheduleListOptions{PageSize: perPage})
	if err != nil {
		return err
	}
	for list.HasNext() {
		entry, err := list.Next()
		if err != nil {
			return err
		}
		if entry.WorkflowType.Name == workflows.Type {
			visit(entry)
		}
	}
	return nil
}
