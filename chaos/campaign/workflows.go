package campaign

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"golang.org/x/sync/errgroup"

	"tokenkeeper/activities"
	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

// workflowTarget refreshes with Token Keeper: a run of the workflow in each
// period, or as soon as the last one has ended.
type workflowTarget struct{ *campaign }

const (
	// settling is how many accounts are refreshed at a time once all is healed.
	settling = 6
	// settleTries is how often an account is refreshed until a refresh succeeds.
	settleTries = 4
)

// errStuck: the run did not end within the patience that it was given.
var errStuck = errors.New("the run does not end")

func (w *workflowTarget) work(ctx context.Context, stop <-chan struct{}) error {
	group, ctx := errgroup.WithContext(ctx)
	patient, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if w.options.Operations > 0 {
		go func() {
			select {
			case <-ctx.Done():
			case <-stop:
				if sleepUntil(ctx, time.Now().Add(w.options.patience())) == nil {
					cancel(errStuck)
				}
			}
		}()
	}
	count := len(w.accounts) * w.options.IDs
	for i, a := range w.accounts {
		for j, f := range a.flows {
			// The ids of one account are due half a period apart.
			due := time.Now().Add(w.options.period() * time.Duration(i+j*count/2) / time.Duration(count))
			group.Go(func() error { return w.refreshPeriodically(patient, stop, a, f, due) })
		}
	}
	return group.Wait()
}

func (w *workflowTarget) refreshPeriodically(ctx context.Context, stop <-chan struct{}, a *account, f *flow, due time.Time) error {
	for {
		select {
		case <-stop:
			return nil
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), errStuck) {
				return nil // this one is not stuck: no run of it is open
			}
			return ctx.Err()
		case <-time.After(time.Until(due)):
		}
		_, err := w.refresh(ctx, a, f)
		switch {
		case errors.Is(err, errStuck):
			return w.end(f)
		case err != nil:
			return err
		}
		if due = due.Add(w.options.period()); due.Before(time.Now()) {
			due = time.Now()
		}
	}
}

// refresh runs the workflow once, or follows the run that is open, and gives the
// consent that it asks for. It reports whether the last run ended well. Where an
// operator has put another run in the place of one, it follows that.
func (w *workflowTarget) refresh(ctx context.Context, a *account, f *flow) (fine bool, err error) {
	done := f.follow(time.Now())
	defer func() { done(fine) }()
	var run client.WorkflowRun
	if err := persist(ctx, func() (err error) {
		run, err = w.temporal.ExecuteWorkflow(ctx, w.startOptions(f), workflows.Type, workflows.Input{Account: a.name})
		return err
	}); err != nil {
		return false, err
	}
	for run != nil {
		f.ran(run.GetRunID())
		err := persist(ctx, func() error { return run.Get(ctx, nil) })
		var failed *temporal.WorkflowExecutionError
		if err != nil && !errors.As(err, &failed) {
			return false, err
		}
		if err := w.told(ctx, a, err); err != nil {
			return false, err
		}
		fine = err == nil
		if run, err = w.next(ctx, f, run.GetRunID()); err != nil {
			return false, err
		}
	}
	return fine, nil
}

func (w *workflowTarget) startOptions(f *flow) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{ID: f.id, TaskQueue: w.TaskQueue()}
}

// told does what a run's end asks for. The ends of all runs are counted when the
// campaign is over.
func (w *workflowTarget) told(ctx context.Context, a *account, end error) error {
	if failure, failed := errors.AsType[*temporal.ApplicationError](end); failed && failure.Type() == workflows.ReauthorizationRequired {
		return w.reauthorize(ctx, a)
	}
	return nil
}

// next is the run that is open in the place of one that has ended; nil where there is none.
func (w *workflowTarget) next(ctx context.Context, f *flow, last string) (run client.WorkflowRun, err error) {
	if w.options.Operations == 0 {
		return nil, nil
	}
	err = persist(ctx, func() error {
		d, err := w.temporal.DescribeWorkflowExecution(ctx, f.id, "")
		if err != nil {
			return err
		}
		info := d.GetWorkflowExecutionInfo()
		if id := info.GetExecution().GetRunId(); id != last && info.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
			run = w.temporal.GetWorkflow(ctx, f.id, id)
		}
		return nil
	})
	return run, err
}

// end terminates a run that does not end, as an operator would have to.
func (w *workflowTarget) end(f *flow) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	w.count(func(r *Report) { r.Stuck++ })
	w.logf("a run of %s does not end and is terminated: %s", f.id, w.standsAt(ctx, f))
	err := persist(ctx, func() error { return w.temporal.TerminateWorkflow(ctx, f.id, "", "it does not end") })
	if _, gone := errors.AsType[*serviceerror.NotFound](err); gone {
		return nil
	}
	return err
}

// standsAt is in words what the open run of a workflow waits for.
func (w *workflowTarget) standsAt(ctx context.Context, f *flow) string {
	d, err := w.temporal.DescribeWorkflowExecution(ctx, f.id, "")
	if err != nil {
		return err.Error()
	}
	if task := d.GetPendingWorkflowTask(); task != nil {
		return fmt.Sprintf("attempt %d at a workflow task", task.GetAttempt())
	}
	for _, a := range d.GetPendingActivities() {
		return fmt.Sprintf("attempt %d of %s: %s", a.GetAttempt(), a.GetActivityType().GetName(), a.GetLastFailure().GetMessage())
	}
	return "a timer"
}

func (w *workflowTarget) settle(ctx context.Context) error {
	group, atWork := errgroup.WithContext(ctx)
	group.SetLimit(settling)
	for _, a := range w.accounts {
		group.Go(func() error { return w.settleAccount(atWork, a) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return w.countEnds(ctx)
}

func (w *workflowTarget) settleAccount(ctx context.Context, a *account) error {
	f := a.flows[0]
	if w.options.Operations == 0 {
		if _, err := w.refresh(ctx, a, f); err != nil || !w.isLost(a.name) {
			return err
		}
		_, err := w.refresh(ctx, a, f)
		return err
	}
	for range settleTries {
		patient, cancel := context.WithTimeoutCause(ctx, 90*time.Second, errStuck)
		fine, err := w.refresh(patient, a, f)
		cancel()
		switch {
		case errors.Is(err, errStuck) && ctx.Err() == nil:
			if err := w.end(f); err != nil {
				return err
			}
		case err != nil:
			return err
		case fine && !w.isLost(a.name):
			return nil
		}
	}
	return nil // the audit says what became of it
}

// keeps searches the histories of the account's runs.
func (w *workflowTarget) keeps(ctx context.Context, a *account, f token.Fingerprint) (kept bool, err error) {
	for _, flow := range a.flows {
		if err := w.findRuns(ctx, flow); err != nil {
			return false, err
		}
		for _, id := range flow.known() {
			err := persist(ctx, func() (err error) {
				kept, err = w.holds(ctx, flow.id, id, f)
				return err
			})
			if kept || err != nil {
				return kept, err
			}
		}
	}
	return false, nil
}

func (w *workflowTarget) holds(ctx context.Context, id, run string, f token.Fingerprint) (bool, error) {
	events := w.temporal.GetWorkflowHistory(ctx, id, run, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		e, err := events.Next()
		if err != nil {
			return false, err
		}
		var refreshed activities.RefreshResult
		result := e.GetActivityTaskCompletedEventAttributes().GetResult()
		if converter.GetDefaultDataConverter().FromPayloads(result, &refreshed) == nil &&
			refreshed.Provenance.Fingerprint == f && len(refreshed.Pair) > 0 {
			return true, nil
		}
	}
	return false, nil
}

const (
	serverAwayFor = 2 * time.Minute // at most, with what a client needs to come back
	askAgain      = 200 * time.Millisecond
)

// persist does something at Temporal that may be away just then. It returns the
// context's cause where that ends first.
func persist(ctx context.Context, do func() error) error {
	var failing time.Time // since when; zero where it was not yet
	for {
		began := time.Now()
		err := do()
		switch {
		case err == nil || isAnswer(err):
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case failing.IsZero() || time.Since(began) > serverAwayFor/4: // it went well for a while
			failing = time.Now()
		case time.Since(failing) > serverAwayFor:
			return err
		}
		_ = sleepUntil(ctx, time.Now().Add(askAgain))
	}
}

// isAnswer reports whether an error is what the server has to say, and not that it is away.
func isAnswer(err error) bool {
	if errors.Is(err, errNothing) {
		return true
	}
	var (
		ended    *temporal.WorkflowExecutionError
		notFound *serviceerror.NotFound
		invalid  *serviceerror.InvalidArgument
		started  *serviceerror.WorkflowExecutionAlreadyStarted
		state    *serviceerror.FailedPrecondition
	)
	return errors.As(err, &ended) || errors.As(err, &notFound) || errors.As(err, &invalid) || errors.As(err, &started) || errors.As(err, &state)
}
