package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"golang.org/x/sync/errgroup"

	"tokenkeeper/activities"
	"tokenkeeper/workflows"
)

// searchedRuns says where runs were looked for: that nothing was found means little at
// another server.
type searchedRuns struct {
	Runs      int    `json:"runs"`
	Address   string `json:"address"`
	Namespace string `json:"namespace"`
	TaskQueue string `json:"taskQueue"`
}

func (s searchedRuns) String() string {
	return fmt.Sprintf("Searched %s runs at %s, namespace %s, task queue %s.", grouped(s.Runs), plain(s.Address), plain(s.Namespace), plain(s.TaskQueue))
}

func (app *temporalApp) searched(runs int) searchedRuns {
	return searchedRuns{Runs: runs, Address: app.address, Namespace: app.namespace, TaskQueue: app.taskQueue}
}

// completedPerAccount is how many of an account's newest completed runs are read to find
// one with a pair: not every run refreshes.
const completedPerAccount = 5

// keyUses reads the histories of all runs that are open or have ended in another way than
// by completing. Who completes has stored; but a vault that was restored from a backup
// lacks what was stored since, so that each account's newest completed pair is read too.
func (app *temporalApp) keyUses(ctx context.Context, lookup pairLookup) (all []keyUse, searched searchedRuns, err error) {
	runs, err := app.listRuns(ctx, "ExecutionStatus != 'Completed'", 0)
	if err != nil {
		return nil, searched, err
	}
	accounts, completed, err := app.newestCompleted(ctx)
	if err != nil {
		return nil, searched, err
	}
	for _, run := range runs {
		accounts = append(accounts, []*workflowpb.WorkflowExecutionInfo{run})
	}
	if len(accounts) > perPage {
		app.say("Reading the histories of %s runs.", grouped(len(accounts)))
	}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxConcurrent)
	for _, newestFirst := range accounts {
		group.Go(func() error {
			for _, run := range newestFirst {
				found, hasPair, err := app.usesIn(ctx, run, lookup)
				if err != nil {
					return err
				}
				mu.Lock()
				all = append(all, found...)
				mu.Unlock()
				if hasPair {
					break
				}
			}
			return nil
		})
	}
	err = group.Wait()
	return all, app.searched(len(runs) + completed), err
}

// usesIn reads one run's history.
func (app *temporalApp) usesIn(ctx context.Context, run *workflowpb.WorkflowExecutionInfo, lookup pairLookup) (all []keyUse, hasPair bool, err error) {
	events, err := app.wholeHistory(ctx, run)
	if err != nil {
		return nil, false, err
	}
	open := run.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING
	completed := run.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED
	for _, e := range activities.Envelopes(events) {
		use := keyUse{Key: e.Key, WorkflowID: run.GetExecution().GetWorkflowId(), RunID: run.GetExecution().GetRunId(), Open: open, Completed: completed,
			Account: e.Account.String(), Content: e.Kind, Generation: e.Generation}
		needed := open
		if !open && e.Kind == "pair" {
			hasPair = true
			needed, use.Unknown = lookup(ctx, e, completed)
		}
		if needed {
			all = append(all, use)
		}
	}
	return all, hasPair, nil
}

// newestCompleted lists each account's newest completed runs, and counts all of them. The
// namespace's retention bounds the listing: an account whose cron has ended is found
// nowhere else.
func (app *temporalApp) newestCompleted(ctx context.Context) (accounts [][]*workflowpb.WorkflowExecutionInfo, listed int, err error) {
	newest := map[string][]*workflowpb.WorkflowExecutionInfo{}
	err = app.eachRun(ctx, "ExecutionStatus = 'Completed'", func(run *workflowpb.WorkflowExecutionInfo) bool {
		id := keyOf(run)
		runs := append(newest[id], run)
		slices.SortFunc(runs, func(a, b *workflowpb.WorkflowExecutionInfo) int {
			return cmp.Or(b.GetCloseTime().AsTime().Compare(a.GetCloseTime().AsTime()), b.GetStartTime().AsTime().Compare(a.GetStartTime().AsTime()))
		})
		newest[id] = runs[:min(len(runs), completedPerAccount)]
		listed++
		return true
	})
	for _, runs := range newest {
		accounts = append(accounts, runs)
	}
	return accounts, listed, err
}

// eachRun lists the runs of this task queue that meet a condition, those that run first and
// then the latest ones, until one is not wanted. Another vault's accounts have another task
// queue; their keys are not this vault's.
func (app *temporalApp) eachRun(ctx context.Context, condition string, wants func(*workflowpb.WorkflowExecutionInfo) bool) error {
	queue := strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(app.taskQueue)
	query := "WorkflowType = '" + workflows.Type + "' AND TaskQueue = '" + queue + "' AND " + condition
	for page := []byte(nil); ; {
		list, err := app.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query, PageSize: largestPage, NextPageToken: page})
		if err != nil {
			return err
		}
		for _, run := range list.GetExecutions() {
			if !wants(run) {
				return nil
			}
		}
		if page = list.GetNextPageToken(); len(page) == 0 {
			return nil
		}
	}
}

// listRuns are at most so many of the runs, or all for zero.
func (app *temporalApp) listRuns(ctx context.Context, condition string, most int) (all []*workflowpb.WorkflowExecutionInfo, err error) {
	err = app.eachRun(ctx, condition, func(run *workflowpb.WorkflowExecutionInfo) bool {
		all = append(all, run)
		return most == 0 || len(all) < most
	})
	return all, err
}

// wholeHistory is empty for a run whose retention has ended since it was listed.
func (app *temporalApp) wholeHistory(ctx context.Context, run *workflowpb.WorkflowExecutionInfo) (events []*historypb.HistoryEvent, err error) {
	iterator := app.temporal.GetWorkflowHistory(ctx, run.GetExecution().GetWorkflowId(), run.GetExecution().GetRunId(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for iterator.HasNext() {
		event, err := iterator.Next()
		if gone(err) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		events = append(events, event)
	}
	return events, nil
}
