package campaign

import (
	"context"
	"errors"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"golang.org/x/sync/errgroup"

	"tokenkeeper/activities"
	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

// byWorkflow refreshes with Token Keeper: a run of the workflow in each period,
// or as soon as the last one has ended.
type byWorkflow struct{ *campaign }

// settling is how many accounts are refreshed at a time once all is healed.
const settling = 6

func (w *byWorkflow) environment() []string { return nil }

func (w *byWorkflow) work(ctx context.Context, stop <-chan struct{}) error {
	group, ctx := errgroup.WithContext(ctx)
	for i, a := range w.accounts {
		due := time.Now().Add(w.options.period() * time.Duration(i) / time.Duration(len(w.accounts)))
		group.Go(func() error { return w.keep(ctx, stop, a, due) })
	}
	return group.Wait()
}

// keep refreshes one account again and again.
func (w *byWorkflow) keep(ctx context.Context, stop <-chan struct{}, a *account, due time.Time) error {
	for {
		select {
		case <-stop:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Until(due)):
		}
		if err := w.refresh(ctx, a); err != nil {
			return err
		}
		if due = due.Add(w.options.period()); due.Before(time.Now()) {
			due = time.Now()
		}
	}
}

// refresh runs the workflow once and does what it asks of people.
func (w *byWorkflow) refresh(ctx context.Context, a *account) error {
	o := client.StartWorkflowOptions{ID: "refresh-" + a.name, TaskQueue: w.TaskQueue()}
	run, err := w.temporal.ExecuteWorkflow(ctx, o, workflows.Type, workflows.Input{Account: a.name})
	if err != nil {
		return err
	}
	a.runs = append(a.runs, run.GetRunID())
	err = run.Get(ctx, nil)
	var failed *temporal.WorkflowExecutionError
	if !errors.As(err, &failed) {
		return err
	}
	kind := workflows.Unexplained
	var failure *temporal.ApplicationError
	if errors.As(err, &failure) {
		kind = failure.Type()
	}
	if kind == workflows.ReauthorizationRequired {
		return w.asked(ctx, a)
	}
	w.count(func(r *Report) { r.Failed[kind]++ })
	return nil
}

func (w *byWorkflow) settle(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(settling)
	for _, a := range w.accounts {
		group.Go(func() error {
			if err := w.refresh(ctx, a); err != nil || !w.Lost(a.name) {
				return err
			}
			return w.refresh(ctx, a)
		})
	}
	return group.Wait()
}

// holds reads the histories of the account's runs.
func (w *byWorkflow) holds(ctx context.Context, a *account, f token.Fingerprint) (bool, error) {
	for _, id := range a.runs {
		events := w.temporal.GetWorkflowHistory(ctx, "refresh-"+a.name, id, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for events.HasNext() {
			e, err := events.Next()
			if err != nil {
				return false, err
			}
			var called activities.RefreshResult
			result := e.GetActivityTaskCompletedEventAttributes().GetResult()
			if converter.GetDefaultDataConverter().FromPayloads(result, &called) == nil &&
				called.Provenance.Fingerprint == f && len(called.Pair) > 0 {
				return true, nil
			}
		}
	}
	return false, nil
}
