package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

const (
	refreshes        = "WorkflowType = '" + workflows.Type + "'"
	runningRefreshes = refreshes + " AND ExecutionStatus = 'Running'"

	// perLook is how many accounts are looked at in one go, and mostLooks bounds those that
	// are looked at for one page of an answer.
	perLook, mostLooks = 100, 5000
)

// finder finds accounts of a fleet that is too large to look at each. Temporal's index
// proposes the accounts, by the search attributes of their runs, and each is looked at.
type finder struct {
	*temporalApp
	only   selection
	wanted []Health
	limit  int

	seen   map[string]bool // by key
	looks  int
	found  []row
	isFull bool // there is more than limit, or mostLooks is reached
}

// findByHealth returns accounts that have one of the healths, the newest failures first,
// up to limit. partial says why there may be more.
func (app *temporalApp) findByHealth(ctx context.Context, only selection, wanted []Health, limit int) (found []row, partial string, err error) {
	f := finder{temporalApp: app, only: only, wanted: wanted, limit: limit, seen: map[string]bool{}}
	for _, h := range wanted {
		if err := f.find(ctx, h); err != nil {
			return nil, "", err
		}
		if f.isFull {
			break
		}
	}
	switch {
	case len(f.found) > limit:
		return f.found[:limit], fmt.Sprintf("There are more than these %s; raise --limit to see them.", grouped(limit)), nil
	case f.isFull:
		return f.found, fmt.Sprintf("The %s newest that may be %s were looked at; %s looks at all.", grouped(f.looks), orList(wanted), command("status", "--all")), nil
	}
	return f.found, "", nil
}

func (f *finder) find(ctx context.Context, h Health) error {
	now := time.Now()
	atWork := runningRefreshes + " AND ExecutionTime < '" + now.UTC().Format(time.RFC3339) + "'"
	overdue := now.Add(-workflows.OverdueAfter).UTC().Format(time.RFC3339)
	switch h {
	case stuck:
		before := "ExecutionTime < '" + overdue + "'"
		return f.each(ctx, runningRefreshes+" AND ("+before+" OR TokenHealth = '"+string(stuck)+"')", runningRefreshes+" AND "+before)
	case refreshing:
		return f.each(ctx, atWork+" AND ExecutionTime >= '"+overdue+"'")
	case paused:
		return f.paused(ctx)
	case needsConsent:
		const ended = refreshes + " AND ExecutionStatus = 'Failed'"
		return f.each(ctx, ended+" AND TokenHealth = '"+string(needsConsent)+"'", ended)
	case failed:
		const ended = refreshes + " AND ExecutionStatus IN ('Failed', 'TimedOut')"
		return f.each(ctx, ended+" AND (TokenHealth IS NULL OR TokenHealth != '"+string(needsConsent)+"')", ended)
	}
	if err := f.each(ctx, runningRefreshes+" AND ExecutionTime > '"+now.UTC().Format(time.RFC3339)+"'"); err != nil || f.isFull {
		return err
	}
	return f.schedules(ctx, false)
}

// each looks at the accounts whose runs a query finds. A namespace without the search
// attributes refuses the first query, and then the next one is asked.
func (f *finder) each(ctx context.Context, queries ...string) error {
	if f.only.provider != "" {
		byID := "WorkflowId STARTS_WITH '" + workflows.ID(token.Account{Provider: f.only.provider, Name: token.DefaultAccount}) + "'"
		for i := range queries {
			queries[i] += " AND (" + byID + " OR TokenProvider = '" + f.only.provider + "')"
		}
		last := strings.TrimSuffix(queries[len(queries)-1], " OR TokenProvider = '"+f.only.provider+"')") + ")"
		queries = append(queries, last)
	}
	var err error
	for _, query := range queries {
		var refused *serviceerror.InvalidArgument
		if err = f.list(ctx, query); !errors.As(err, &refused) {
			return err
		}
	}
	return err
}

func (f *finder) list(ctx context.Context, query string) error {
	var page []byte
	for {
		list, err := f.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query, PageSize: largestPage, NextPageToken: page})
		if err != nil {
			return err
		}
		var fresh []*workflowpb.WorkflowExecutionInfo
		for _, run := range list.GetExecutions() {
			if key := keyOf(run); !f.seen[key] && isAskable(key) {
				f.seen[key] = true
				fresh = append(fresh, run)
			}
		}
		for some := range slices.Chunk(fresh, perLook) {
			if err := f.look(ctx, some); err != nil || f.isFull {
				return err
			}
		}
		if page = list.GetNextPageToken(); len(page) == 0 {
			return nil
		}
	}
}

// look reads accounts as they are now, by one run of each.
func (f *finder) look(ctx context.Context, runs []*workflowpb.WorkflowExecutionInfo) error {
	var schedules, ids []string
	for _, run := range runs {
		if key, id := keyOf(run), run.GetExecution().GetWorkflowId(); key != id {
			schedules = append(schedules, key)
		} else {
			ids = append(ids, "'"+strings.ReplaceAll(id, "'", "''")+"'")
		}
	}
	var crons []*workflowpb.WorkflowExecutionInfo
	if len(ids) > 0 {
		list, err := f.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Query: runningRefreshes + " AND WorkflowId IN (" + strings.Join(ids, ", ") + ")", PageSize: largestPage,
		})
		if err != nil {
			return err
		}
		crons = list.GetExecutions()
	}
	rows, err := f.rowsOf(ctx, crons, schedules)
	if err != nil {
		return err
	}
	f.take(rows, len(runs))
	return nil
}

func (f *finder) take(rows []row, looks int) {
	for _, r := range rows {
		if slices.Contains(f.wanted, r.Health) && (f.only.provider == "" || f.only.provider == r.Provider) {
			f.found = append(f.found, r)
		}
	}
	f.looks += looks
	f.isFull = len(f.found) > f.limit || f.looks >= mostLooks
}

func (f *finder) paused(ctx context.Context) error { return f.schedules(ctx, true) }

// schedules looks at the Schedules that are paused, or at those that are not.
func (f *finder) schedules(ctx context.Context, paused bool) error {
	list, err := f.temporal.ScheduleClient().List(ctx, client.ScheduleListOptions{PageSize: perPage})
	if err != nil {
		return err
	}
	var fresh []string
	flush := func() error {
		rows, err := f.rowsOf(ctx, nil, fresh)
		f.take(rows, len(fresh))
		fresh = nil
		return err
	}
	for list.HasNext() {
		entry, err := list.Next()
		if err != nil {
			return err
		}
		if entry.WorkflowType.Name != workflows.Type || entry.Paused != paused || f.seen[entry.ID] {
			continue
		}
		f.seen[entry.ID] = true
		if fresh = append(fresh, entry.ID); len(fresh) == perLook {
			if err := flush(); err != nil || f.isFull {
				return err
			}
		}
	}
	return flush()
}
