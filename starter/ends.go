package main

import (
	"context"
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

const (
	// largestPage is how many runs one listing call returns at most, by the server's own
	// limit.
	largestPage = 1000
	// closedPerAccount bounds how many closed runs are listed for each account. Most
	// accounts run alike often, so that the newest runs are one or two of each; of an
	// account beyond them the history is read.
	closedPerAccount = 4
)

// listEnds finds the accounts that are kept alive, and when their grants end. A cron's
// run that waits for its time carries no search attributes: the server gives it those that
// the cron was started with. So the ends are those of the newest closed run: one listing
// call for a thousand of them, and a call or three more for each account that they do not
// tell enough of.
func (app *temporalApp) listEnds(ctx context.Context, only selection, providers provider.Table) ([]accountEnds, error) {
	accounts, err := app.listKept(ctx, only)
	if err != nil {
		return nil, err
	}
	newest, err := app.newestClosed(ctx, only, accounts)
	if err != nil {
		return nil, err
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(maxConcurrent)
	for i := range accounts {
		a := &accounts[i]
		if run := newest[a.key()]; run != nil && a.readAttributes(run, providers) {
			continue
		}
		group.Go(func() error { return app.readResult(groupCtx, a) })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(accounts, func(a accountEnds) bool {
		return a.account == "" || only.provider != "" && a.provider != only.provider
	}), nil
}

// key is what an account's runs have in common.
func (a accountEnds) key() string {
	if a.scheduleID != "" {
		return a.scheduleID
	}
	return a.workflowID
}

// keyOf is [accountEnds.key] for a run.
func keyOf(run *workflowpb.WorkflowExecutionInfo) string {
	var schedule string
	decode(run.GetSearchAttributes().GetIndexedFields()["TemporalScheduledById"], &schedule)
	if schedule != "" {
		return schedule
	}
	return run.GetExecution().GetWorkflowId()
}

// listKept lists the workflows and Schedules that keep accounts alive, without reading any.
func (app *temporalApp) listKept(ctx context.Context, only selection) (kept []accountEnds, err error) {
	running, err := app.listRunning(ctx, only)
	if err != nil {
		return nil, err
	}
	for _, run := range running {
		kept = append(kept, accountEnds{workflowID: run.GetExecution().GetWorkflowId(), runID: run.GetExecution().GetRunId()})
	}
	if only.target != nil {
		schedule, err := app.describeSchedule(ctx, only.target.scheduleID())
		if schedule != nil {
			isPaused := schedule.Schedule.State != nil && schedule.Schedule.State.Paused
			kept = append(kept, accountEnds{workflowID: only.target.id, scheduleID: only.target.scheduleID(), stopped: isPaused})
		}
		return kept, err
	}
	list, err := app.temporal.ScheduleClient().List(ctx, client.ScheduleListOptions{PageSize: perPage})
	if err != nil {
		return nil, err
	}
	for list.HasNext() {
		entry, err := list.Next()
		if err != nil {
			return nil, err
		}
		if entry.WorkflowType.Name == workflows.Type {
			kept = append(kept, accountEnds{scheduleID: entry.ID, stopped: entry.Paused})
		}
	}
	return kept, nil
}

// newestClosed returns the newest closed run of each account, by key, as far as it is
// among the newest of all.
func (app *temporalApp) newestClosed(ctx context.Context, only selection, accounts []accountEnds) (map[string]*workflowpb.WorkflowExecutionInfo, error) {
	query := "WorkflowType = '" + workflows.Type + "' AND ExecutionStatus != 'Running'"
	if only.target != nil {
		query += " AND WorkflowId STARTS_WITH '" + only.target.id + "'" // a Schedule adds the time
	}
	missing := map[string]bool{}
	for _, a := range accounts {
		missing[a.key()] = true
	}
	newest := map[string]*workflowpb.WorkflowExecutionInfo{}
	var page []byte
	for read := 0; len(missing) > 0 && read < closedPerAccount*len(accounts)+largestPage; {
		list, err := app.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query, PageSize: largestPage, NextPageToken: page})
		if err != nil {
			return nil, err
		}
		for _, run := range list.GetExecutions() {
			key := keyOf(run)
			if before := newest[key]; before == nil || before.GetCloseTime().AsTime().Before(run.GetCloseTime().AsTime()) {
				newest[key] = run
			}
			delete(missing, key)
		}
		read += len(list.GetExecutions())
		if page = list.GetNextPageToken(); len(page) == 0 {
			break
		}
	}
	return newest, nil
}

// readAttributes takes an account's ends from the search attributes of its newest closed
// run. It is not enough where the run has none, or where they leave open which end it is.
func (a *accountEnds) readAttributes(run *workflowpb.WorkflowExecutionInfo, providers provider.Table) (enough bool) {
	attributes := run.GetSearchAttributes().GetIndexedFields()
	var name, issuer, health string
	var end time.Time
	decode(attributes[workflows.TokenAccount.GetName()], &name)
	decode(attributes[workflows.TokenProvider.GetName()], &issuer)
	decode(attributes[workflows.TokenHealth.GetName()], &health)
	decode(attributes[workflows.TokenConsentEnds.GetName()], &end)
	account, err := token.NewAccount(issuer, name)
	// A run without health has those of its start alone.
	if err != nil || name == "" || issuer == "" || health == "" || run.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED {
		return false
	}
	p, _ := providers.Lookup(issuer) // one that is not in the table has no end of its own
	if a.hard, a.idle, enough = splitEnd(end, p); !enough {
		return false
	}
	a.account, a.provider = account.Name, account.Provider
	a.workflowID = run.GetExecution().GetWorkflowId()
	a.needsConsent = Health(health) == needsConsent
	a.stopped = a.stopped || Health(health) == failed
	return true
}

// readResult takes an account's ends from the last result in its histories.
func (app *temporalApp) readResult(ctx context.Context, a *accountEnds) (err error) {
	var s workflows.State
	if a.scheduleID == "" {
		if s, err = app.describe(ctx, a.workflowID, a.runID); gone(err) {
			return nil // it has ended since it was listed
		}
	} else {
		s, _, err = app.stateOfSchedule(ctx, a.scheduleID)
	}
	if err != nil || s.Input.Recover {
		return err
	}
	account, err := s.Input.Check()
	if err != nil {
		return nil // an input that it cannot use; status shows it
	}
	a.account, a.provider, a.workflowID = account.Name, account.Provider, s.WorkflowID
	a.needsConsent = s.Last.Failure != nil && s.Last.Failure.Type == workflows.ReauthorizationRequired
	a.stopped = a.stopped || s.Last.Failure != nil
	if s.Last.Result != nil {
		a.hard, a.idle = s.Last.Result.GrantEnds, s.Last.Result.RefreshTokenEnds
	}
	return nil
}

// addCommands adds the command that asks for each consent. An account that may have moved
// keeps its secrets under other names, which its workflow's input states.
func (app *temporalApp) addCommands(ctx context.Context, consents []consentDue, providers provider.Table) error {
	successors := map[string]bool{}
	for _, p := range providers.Providers() {
		successors[p.Status.Successor] = true
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(maxConcurrent)
	for i := range consents {
		c := &consents[i]
		c.Command = authorizeCommand(providers, c.Provider, c.Account, "")
		if !successors[c.Provider] {
			continue
		}
		group.Go(func() error {
			s, err := app.describe(groupCtx, c.WorkflowID, c.runID)
			if err == nil {
				c.Command = authorizeCommand(providers, c.Provider, c.Account, s.Input.SecretsOf)
			}
			if gone(err) {
				err = nil
			}
			return err
		})
	}
	return group.Wait()
}

func authorizeCommand(providers provider.Table, issuer, name, secretsOf string) string {
	t, err := newTarget(providers, issuer, name, secretsOf)
	if err != nil { // the providers file is another one than the worker's
		return shell("starter", "authorize", "--account", name, "--provider", issuer)
	}
	return t.command("authorize")
}
