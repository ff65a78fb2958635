package campaign

import (
	"context"

	enumspb "go.temporal.io/api/enums/v1"

	"tokenkeeper/workflows"
)

// The ends of runs that are no failure type.
const (
	completed  = "completed"
	cancelled  = "cancelled"
	terminated = "terminated"
	stillOpen  = "open"
)

// byHand reports whether an operator's command explains that a run ended so: an
// activity that was failed or completed by hand has no other reason.
func byHand(end string) bool {
	switch end {
	case completed, cancelled, terminated, workflows.Unexplained, "UnexpectedResult":
		return true
	}
	return false
}

// countEnds counts how all runs of all accounts have ended, whoever has started them.
func (w *workflowTarget) countEnds(ctx context.Context) error {
	ends := map[string]int{}
	for _, a := range w.accounts {
		for _, f := range a.flows {
			for _, run := range f.known() {
				end, err := w.endOf(ctx, f.id, run)
				if err != nil {
					return err
				}
				ends[end]++
			}
		}
	}
	w.count(func(r *Report) {
		r.Ends = ends
		for end, n := range ends {
			if !byHand(end) && end != workflows.ReauthorizationRequired {
				r.Failed[end] += n
			}
		}
	})
	return nil
}

func (w *workflowTarget) endOf(ctx context.Context, id, run string) (end string, err error) {
	err = persist(ctx, func() error {
		d, err := w.temporal.DescribeWorkflowExecution(ctx, id, run)
		if err != nil {
			return err
		}
		switch d.GetWorkflowExecutionInfo().GetStatus() {
		case enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED:
			end = completed
		case enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED:
			end = cancelled
		case enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED:
			end = terminated
		case enumspb.WORKFLOW_EXECUTION_STATUS_FAILED:
			end, err = w.failureOf(ctx, id, run)
		default:
			end = stillOpen
		}
		return err
	})
	return end, err
}

// failureOf is the type of a run's failure.
func (w *workflowTarget) failureOf(ctx context.Context, id, run string) (string, error) {
	events := w.temporal.GetWorkflowHistory(ctx, id, run, false, enumspb.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT)
	for events.HasNext() {
		e, err := events.Next()
		if err != nil {
			return "", err
		}
		for f := e.GetWorkflowExecutionFailedEventAttributes().GetFailure(); f != nil; f = f.GetCause() {
			if kind := f.GetApplicationFailureInfo().GetType(); kind != "" {
				return kind, nil
			}
		}
	}
	return workflows.Unexplained, nil
}
