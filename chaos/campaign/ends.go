package campaign

import (
	"context"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"

	"tokenkeeper/activities"
	"tokenkeeper/workflows"
)

// The ends of runs that are no failure type.
const (
	completed  = "completed"
	cancelled  = "cancelled"
	terminated = "terminated"
	stillOpen  = "open"
)

// ending is how a run has ended.
type ending struct {
	how    string    // one of the above, or a failure type
	looked time.Time // when the run began to read the vault for the last time
	ended  time.Time
	// byHand: an operator has failed or completed one of its activities. A run that
	// was reset has the events of its predecessor, and so that hand.
	byHand bool
}

// explained reports whether the run may end so: an activity that was failed or
// completed by hand gives two failures no other reason, and a run that asks for a
// consent is checked against what was lost.
func (e ending) explained() bool {
	switch e.how {
	case completed, cancelled, terminated, workflows.ReauthorizationRequired:
		return true
	case workflows.Unexplained, activities.UnexpectedResult:
		return e.byHand
	}
	return false
}

// read takes in the next event of a failed run's history.
func (e *ending) read(event *historypb.HistoryEvent) {
	e.ended = event.GetEventTime().AsTime()
	switch {
	case event.GetWorkflowExecutionStartedEventAttributes() != nil,
		event.GetActivityTaskScheduledEventAttributes().GetActivityType().GetName() == loadSecrets:
		e.looked = e.ended
	case event.GetActivityTaskFailedEventAttributes().GetIdentity() == identity,
		event.GetActivityTaskCompletedEventAttributes().GetIdentity() == identity:
		e.byHand = true
	}
	failure := event.GetWorkflowExecutionFailedEventAttributes().GetFailure()
	if failure == nil {
		return
	}
	e.how = workflows.Unexplained
	for ; failure != nil; failure = failure.GetCause() {
		if kind := failure.GetApplicationFailureInfo().GetType(); kind != "" {
			e.how = kind
			return
		}
	}
}

// loadSecrets is the activity with which a run reads the vault.
const loadSecrets = "LoadSecrets"

// countEnds counts how all runs of all accounts have ended, also those that were not
// followed, and keeps those that ask for a consent until all losses are known.
func (w *workflowTarget) countEnds(ctx context.Context) error {
	ends, failed := map[string]int{}, map[string]int{}
	for _, a := range w.accounts {
		for _, f := range a.flows {
			if err := w.findRuns(ctx, f); err != nil {
				return err
			}
			for _, run := range f.known() {
				e, err := w.endOf(ctx, f.id, run)
				if err != nil {
					return err
				}
				ends[e.how]++
				if !e.explained() {
					failed[e.how]++
					w.logf("run %s of %s has ended as %s", run, f.id, e.how)
				}
				if e.how == workflows.ReauthorizationRequired {
					w.alarms = append(w.alarms, alarm{a.name, run, e.looked, e.ended})
				}
			}
		}
	}
	w.count(func(r *Report) {
		r.Failed = failed
		if r.Operator {
			r.Ends = ends
		}
	})
	return nil
}

// findRuns takes note of a workflow's runs that no answer has named: Temporal was
// killed after it had begun one and before it could say so.
func (w *workflowTarget) findRuns(ctx context.Context, f *flow) error {
	for page := []byte(nil); ; {
		var listed *workflowservice.ListWorkflowExecutionsResponse
		if err := persist(ctx, func() (err error) {
			listed, err = w.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
				Namespace: namespace, Query: "WorkflowId = '" + f.id + "'", NextPageToken: page})
			return err
		}); err != nil {
			return err
		}
		for _, run := range listed.GetExecutions() {
			f.ran(run.GetExecution().GetRunId())
		}
		if page = listed.GetNextPageToken(); len(page) == 0 {
			return nil
		}
	}
}

func (w *workflowTarget) endOf(ctx context.Context, id, run string) (e ending, err error) {
	err = persist(ctx, func() error {
		d, err := w.temporal.DescribeWorkflowExecution(ctx, id, run)
		if err != nil {
			return err
		}
		switch d.GetWorkflowExecutionInfo().GetStatus() {
		case enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED:
			e.how = completed
		case enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED:
			e.how = cancelled
		case enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED:
			e.how = terminated
		case enumspb.WORKFLOW_EXECUTION_STATUS_FAILED:
			e, err = w.failureOf(ctx, id, run)
		default:
			e.how = stillOpen
		}
		return err
	})
	return e, err
}

// failureOf reads a failed run's history.
func (w *workflowTarget) failureOf(ctx context.Context, id, run string) (e ending, err error) {
	events := w.temporal.GetWorkflowHistory(ctx, id, run, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			return ending{}, err
		}
		e.read(event)
	}
	return e, nil
}
