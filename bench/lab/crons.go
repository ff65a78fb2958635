package lab

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"golang.org/x/sync/errgroup"
)

// atOnce bounds the requests that are made of the server at a time.
const atOnce = 8

// startsWithin is how long all chains may take until their first runs have ended.
const startsWithin = 2 * time.Minute

// stopsWithin is how long a chain may take until its present run has ended.
const stopsWithin = 2 * time.Minute

// Cron is a workflow to start as a cron.
type Cron struct {
	ID, TaskQueue, Workflow, Expression string
	Input                               any
	Attributes                          temporal.SearchAttributes // from the start on, as the starter gives them
}

// Chain is a cron that was started: one run after the other under one id.
type Chain struct{ ID, firstRun string }

// StartCrons starts them, evenly spread over the given time.
func (l *Lab) StartCrons(ctx context.Context, crons []Cron, over time.Duration) ([]Chain, error) {
	chains := make([]Chain, len(crons))
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(atOnce)
	began := time.Now()
	for i, c := range crons {
		at := began.Add(over * time.Duration(i) / time.Duration(len(crons)))
		if err := Sleep(ctx, time.Until(at)); err != nil {
			break
		}
		all.Go(func() error {
			started, err := l.Client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
				ID: c.ID, TaskQueue: c.TaskQueue, CronSchedule: c.Expression, TypedSearchAttributes: c.Attributes,
				WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
				WorkflowIDConflictPolicy:                 enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
				WorkflowExecutionErrorWhenAlreadyStarted: true,
			}, c.Workflow, c.Input)
			if err != nil {
				return fmt.Errorf("start %s: %w", c.ID, err)
			}
			chains[i] = Chain{c.ID, started.GetRunID()}
			return nil
		})
	}
	return chains, all.Wait()
}

// AwaitFirstRuns waits until the first run of each chain has ended: it follows no other one,
// and what an earlier phase has left may be for it to clear up.
func (l *Lab) AwaitFirstRuns(ctx context.Context, chains []Chain) error {
	return forEach(ctx, startsWithin, chains, l.awaitFirstRun)
}

// StopCrons ends the chains. A run at work is cancelled and brings itself to its end;
// one that waits for its time is terminated, because there is nothing to end.
func (l *Lab) StopCrons(ctx context.Context, chains []Chain) error {
	return forEach(ctx, stopsWithin, chains, l.stop)
}

// forEach does something to some chains at a time, and to all within a while.
func forEach(ctx context.Context, within time.Duration, chains []Chain, do func(context.Context, Chain) error) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(atOnce)
	for _, c := range chains {
		all.Go(func() error { return do(ctx, c) })
	}
	return all.Wait()
}

func (l *Lab) awaitFirstRun(ctx context.Context, c Chain) error {
	for {
		d, err := l.Client.DescribeWorkflowExecution(ctx, c.ID, "")
		if err == nil && d.GetWorkflowExecutionInfo().GetExecution().GetRunId() != c.firstRun {
			return nil
		}
		if err == nil {
			err = Sleep(ctx, 500*time.Millisecond)
		}
		if err != nil {
			return fmt.Errorf("wait for the first run of %s: %w", c.ID, err)
		}
	}
}

func (l *Lab) stop(ctx context.Context, c Chain) error {
	for cancelled := ""; ; {
		d, err := l.Client.DescribeWorkflowExecution(ctx, c.ID, "")
		if err != nil {
			return fmt.Errorf("stop %s: %w", c.ID, err)
		}
		info := d.GetWorkflowExecutionInfo()
		run := info.GetExecution().GetRunId()
		switch {
		case info.GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING:
			return nil
		case time.Until(info.GetExecutionTime().AsTime()) > 300*time.Millisecond:
			err = l.Client.TerminateWorkflow(ctx, c.ID, run, "the benchmark is over")
		case cancelled != run:
			cancelled = run
			err = l.Client.CancelWorkflow(ctx, c.ID, run)
		}
		var gone *serviceerror.NotFound // it has ended meanwhile
		if err != nil && !errors.As(err, &gone) {
			return fmt.Errorf("stop %s: %w", c.ID, err)
		}
		if err := Sleep(ctx, 100*time.Millisecond); err != nil {
			return fmt.Errorf("stop %s: its run does not end: %w", c.ID, err)
		}
	}
}

// Runs reads the histories of all runs of the chains that closed within [from, to).
func (l *Lab) Runs(ctx context.Context, chains []Chain, from, to time.Time) (runs []Run, err error) {
	var mu sync.Mutex
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(atOnce)
	for _, c := range chains {
		all.Go(func() error {
			for next := c.firstRun; next != ""; {
				events, err := l.events(ctx, c.ID, next)
				if err != nil {
					return err
				}
				r := read(events)
				next = r.next
				if r.Ended && !r.Closed.Before(from) && r.Closed.Before(to) {
					mu.Lock()
					runs = append(runs, r)
					mu.Unlock()
				}
			}
			return nil
		})
	}
	return runs, all.Wait()
}

func (l *Lab) events(ctx context.Context, id, run string) (events []*historypb.HistoryEvent, err error) {
	pages := l.Client.GetWorkflowHistory(ctx, id, run, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for pages.HasNext() {
		e, err := pages.Next()
		if err != nil {
			return nil, fmt.Errorf("read the history of %s: %w", id, err)
		}
		events = append(events, e)
	}
	return events, nil
}

// Sleep waits, or returns the context's error where that ends first.
func Sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
