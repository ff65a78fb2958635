package activities

import (
	"context"
	"errors"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
)

// Histories is where earlier runs can be read; client.Client implements it.
type Histories interface {
	ListWorkflow(ctx context.Context, request *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error)
	GetWorkflowHistory(ctx context.Context, workflowID, runID string, isLongPoll bool, filter enumspb.HistoryEventFilterType) client.HistoryEventIterator
}

// issuedBy reads what a run's calls to the provider returned, from its history.
// exists is false where its retention has ended since it was listed.
func issuedBy(ctx context.Context, histories Histories, run *commonpb.WorkflowExecution, callActivity string) (issued []RefreshResult, exists bool, err error) {
	calls := map[int64]bool{} // the scheduled events of calls
	events := histories.GetWorkflowHistory(ctx, run.GetWorkflowId(), run.GetRunId(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			var gone *serviceerror.NotFound
			if errors.As(err, &gone) {
				return nil, false, nil
			}
			return nil, false, err
		}
		if scheduled := event.GetActivityTaskScheduledEventAttributes(); scheduled.GetActivityType().GetName() == callActivity {
			calls[event.GetEventId()] = true
		}
		if completed := event.GetActivityTaskCompletedEventAttributes(); calls[completed.GetScheduledEventId()] {
			var called RefreshResult
			if err := converter.GetDefaultDataConverter().FromPayloads(completed.GetResult(), &called); err == nil {
				issued = append(issued, called)
			}
		}
	}
	return issued, true, nil
}
