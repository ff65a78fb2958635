package system

import (
	"context"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"

	"tokenkeeper/workflows"
)

// answerWithin bounds one question to Temporal, which may be down.
const answerWithin = 2 * time.Second

// Run reads one run of the workflow; an empty id means the latest.
func (s *System) Run(ctx context.Context, id string) (Run, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	described, err := s.temporal.DescribeWorkflowExecution(ctx, workflows.ID(Account), id)
	if err != nil {
		return Run{}, err
	}
	id = described.GetWorkflowExecutionInfo().GetExecution().GetRunId()
	var events []*historypb.HistoryEvent
	history := s.temporal.GetWorkflowHistory(ctx, workflows.ID(Account), id, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for history.HasNext() {
		e, err := history.Next()
		if err != nil {
			return Run{}, err
		}
		events = append(events, e)
	}
	r := runFrom(id, events)
	r.pending(described.GetPendingActivities())
	return r, nil
}

// Await waits until the run has come to its end. While Temporal is away it goes
// on waiting, for a minute and a half in all.
func (s *System) Await(ctx context.Context, id string) (Run, error) {
	return s.until(ctx, id, "to its end", func(r Run) bool { return !r.Ended.IsZero() })
}

// until waits for something to hold of a run; goal ends the sentence "the run
// did not come …".
func (s *System) until(ctx context.Context, id, goal string, holds func(Run) bool) (Run, error) {
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	for {
		r, err := s.Run(ctx, id)
		if err == nil && holds(r) {
			return r, nil
		}
		if pause(ctx) != nil {
			if err == nil {
				err = ctx.Err()
			}
			return r, fmt.Errorf("the run did not come %s: %w; what went wrong so far: %q", goal, err, r.Troubles)
		}
	}
}

// latest lists the ids of the latest runs, newest first.
func (s *System) latest(ctx context.Context, count int32) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	listed, err := s.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		PageSize: count,
		Query:    fmt.Sprintf("WorkflowId = '%s'", workflows.ID(Account)),
	})
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, info := range listed.GetExecutions() {
		ids = append(ids, info.GetExecution().GetRunId())
	}
	return ids, nil
}

// AwaitCancellation waits until a run's cancellation has been requested.
func (s *System) AwaitCancellation(ctx context.Context, id string) error {
	_, err := s.until(ctx, id, "to its cancellation", func(r Run) bool { return r.CancelRequested })
	return err
}

// AwaitBackoff waits until an activity of a run has failed and waits for its
// next attempt, so that no attempt is being made.
func (s *System) AwaitBackoff(ctx context.Context, id, activity string) error {
	_, err := s.until(ctx, id, "to a pause between attempts of "+activity, func(r Run) bool { return r.BackingOff == activity })
	return err
}

// AwaitQuiet waits until no run is at work and none is about to begin.
func (s *System) AwaitQuiet(ctx context.Context) error {
	_, err := s.until(ctx, "", "to rest", func(r Run) bool {
		return !r.AtWork() && (!r.Ended.IsZero() || time.Until(r.Due) > 2*time.Second)
	})
	return err
}
