package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"

	"tokenkeeper/workflows"
)

// runAnswer is what refresh and recover print with --output json.
type runAnswer struct {
	Account    string `json:"account"`
	Provider   string `json:"provider"`
	WorkflowID string `json:"workflowId"`
	RunID      string `json:"runId"`
	WebUI      string `json:"webUI,omitempty"`
	// Cron is empty after a single refresh and after a recovery.
	Cron string `json:"cron,omitempty"`
	// Result and Failure are both absent where the command did not wait.
	Result  *workflows.Result  `json:"result,omitempty"`
	Failure *workflows.Failure `json:"failure,omitempty"`
	// Retention is how long the namespace keeps the history of a run that has
	// ended, such as "72h0m0s". A recovery sets it where a history was gone.
	Retention string `json:"retention,omitempty"`
}

func (app *temporalApp) answerFor(t target, workflowID, runID string) runAnswer {
	return runAnswer{
		Account: t.Account.Name, Provider: t.Account.Provider,
		WorkflowID: workflowID, RunID: runID, WebUI: app.link("workflows", workflowID, runID),
	}
}

// printAnswer starts a run by do, and prints do's answer where it is to be JSON.
func (app *temporalApp) printAnswer(asJSON bool, do func() (runAnswer, error)) error {
	if !asJSON {
		_, err := do()
		return err
	}
	app.jsonOutput()
	answer, err := do()
	if answer.RunID != "" {
		err = errors.Join(app.json(answer), err)
	}
	return err
}

// awaitAnswer waits for the answer's run to end and completes the answer with its
// result. A failure is returned with the run's own message, whole, after failed.
func (app *temporalApp) awaitAnswer(ctx context.Context, answer *runAnswer, what, failed string) error {
	ended, err := app.await(ctx, answer.WorkflowID, answer.RunID)
	switch {
	case ctx.Err() != nil:
		app.say("No longer waiting. The %s goes on without you.", what)
		return errInterrupted
	case err != nil:
		return err
	case ended.Failure != nil:
		answer.Failure = ended.Failure
		return fmt.Errorf("%s (%s): %s", failed, ended.Failure.Type, ended.Failure.Message)
	case ended.Result == nil:
		return fmt.Errorf("run %s of workflow %s ended without a result that starter knows; see that worker and starter are of the same release", answer.RunID, answer.WorkflowID)
	}
	answer.Result = ended.Result
	return nil
}

// running returns the id of a workflow's present run, which may wait for its cron;
// empty where none runs.
func (app *temporalApp) running(ctx context.Context, workflowID string) (runID string, err error) {
	last, err := app.lastRun(ctx, workflowID)
	if last.GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return "", err
	}
	return last.GetExecution().GetRunId(), nil
}

// lastRun is a workflow's present run, or its last one; nil where Temporal knows none.
func (app *temporalApp) lastRun(ctx context.Context, workflowID string) (*workflowpb.WorkflowExecutionInfo, error) {
	described, err := app.temporal.DescribeWorkflowExecution(ctx, workflowID, "")
	if gone(err) {
		return nil, nil
	}
	return described.GetWorkflowExecutionInfo(), err
}

// describe reads a run's first events. An empty run id means the present run.
func (app *temporalApp) describe(ctx context.Context, workflowID, runID string) (workflows.State, error) {
	history, err := app.temporal.WorkflowService().GetWorkflowExecutionHistory(ctx, &workflowservice.GetWorkflowExecutionHistoryRequest{
		Namespace:       app.namespace,
		Execution:       &commonpb.WorkflowExecution{WorkflowId: workflowID, RunId: runID},
		MaximumPageSize: workflows.FirstEvents,
	})
	if err != nil {
		return workflows.State{}, err
	}
	return workflows.StateFrom(workflowID, history.GetHistory().GetEvents()), nil
}

// runResult returns how one run ended, and not those that its cron starts after
// it. It waits for the end, or returns the zero result where there is none yet.
//
// The SDK's own way to a run's result does not do: the server shows a cron's run
// to such clients as continued as new, and its result stands at the beginning of
// the next run.
func (app *temporalApp) runResult(ctx context.Context, workflowID, runID string, wait bool) (workflows.RunResult, error) {
	events := app.temporal.GetWorkflowHistory(ctx, workflowID, runID, wait, enumspb.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT)
	var last workflows.RunResult
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			return workflows.RunResult{}, err
		}
		if next := event.GetWorkflowExecutionContinuedAsNewEventAttributes().GetNewExecutionRunId(); next != "" {
			s, err := app.describe(ctx, workflowID, next)
			return s.Last, err
		}
		last = workflows.RunResultFrom(event)
	}
	return last, nil
}

// await waits for one run to end. Meanwhile it prints why the run takes its time.
func (app *temporalApp) await(ctx context.Context, workflowID, runID string) (workflows.RunResult, error) {
	polling, stop := context.WithCancel(ctx)
	var reporting sync.WaitGroup
	reporting.Go(func() { app.reportRetries(polling, workflowID, runID) })
	ended, err := app.runResult(ctx, workflowID, runID, true)
	stop()
	reporting.Wait()
	return ended, err
}

// pollInterval is how often await asks for the failures of a run's activities.
const pollInterval = 3 * time.Second

// reportRetries prints each new failure of an activity that Temporal tries again,
// until ctx ends.
func (app *temporalApp) reportRetries(ctx context.Context, workflowID, runID string) {
	printed := map[string]bool{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pollInterval):
		}
		described, err := app.temporal.DescribeWorkflowExecution(ctx, workflowID, runID)
		if err != nil {
			continue
		}
		for _, pending := range described.GetPendingActivities() {
			cause := pending.GetLastFailure().GetMessage()
			if cause != "" && !printed[cause] {
				printed[cause] = true
				app.say("Still at it: %s failed and is tried again: %s", pending.GetActivityType().GetName(), cause)
			}
		}
	}
}
