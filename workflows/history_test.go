package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/types/known/timestamppb"

	"tokenkeeper/workflows"
)

func TestRunResultFrom(t *testing.T) {
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	result := &workflows.Result{Account: "will", Provider: "fitbit", Generation: 7}
	payloads, err := converter.GetDefaultDataConverter().ToPayloads(result)
	require.NoError(t, err)
	ours := &failurepb.Failure{Message: "secret is missing", FailureInfo: &failurepb.Failure_ApplicationFailureInfo{
		ApplicationFailureInfo: &failurepb.ApplicationFailureInfo{Type: "MissingSecret"},
	}}
	ofActivity := &failurepb.Failure{Message: "activity error", Cause: ours, FailureInfo: &failurepb.Failure_ActivityFailureInfo{
		ActivityFailureInfo: &failurepb.ActivityFailureInfo{},
	}}
	failedWith := func(f *failurepb.Failure) *historypb.HistoryEvent {
		return &historypb.HistoryEvent{
			EventType: enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED,
			Attributes: &historypb.HistoryEvent_WorkflowExecutionFailedEventAttributes{
				WorkflowExecutionFailedEventAttributes: &historypb.WorkflowExecutionFailedEventAttributes{Failure: f},
			},
		}
	}
	for name, tc := range map[string]struct {
		event *historypb.HistoryEvent
		want  workflows.RunResult
	}{
		"completed": {
			&historypb.HistoryEvent{
				EventType: enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
				Attributes: &historypb.HistoryEvent_WorkflowExecutionCompletedEventAttributes{
					WorkflowExecutionCompletedEventAttributes: &historypb.WorkflowExecutionCompletedEventAttributes{Result: payloads},
				},
			}, workflows.RunResult{At: at, Result: result},
		},
		"failed":                {failedWith(ours), workflows.RunResult{At: at, Failure: &workflows.Failure{"MissingSecret", "secret is missing"}}},
		"failed by an activity": {failedWith(ofActivity), workflows.RunResult{At: at, Failure: &workflows.Failure{"MissingSecret", "secret is missing"}}},
		"failed without a type": {
			failedWith(&failurepb.Failure{Message: "odd"}),
			workflows.RunResult{At: at, Failure: &workflows.Failure{workflows.Unexplained, "odd"}},
		},
		"timed out": {
			&historypb.HistoryEvent{EventType: enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT},
			workflows.RunResult{At: at, Failure: &workflows.Failure{"TimedOut", "the run went over a time limit; start it without any, for a run may hold a pair"}},
		},
		"cancelled": {
			&historypb.HistoryEvent{EventType: enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED},
			workflows.RunResult{At: at, Failure: &workflows.Failure{"Cancelled", "the run was cancelled, and no cron goes on after it"}},
		},
		"terminated": {
			&historypb.HistoryEvent{EventType: enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED},
			workflows.RunResult{At: at, Failure: &workflows.Failure{"Terminated", "the run was terminated, and no cron goes on after it"}},
		},
		"still at work": {&historypb.HistoryEvent{EventType: enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED}, workflows.RunResult{}},
	} {
		t.Run(name, func(t *testing.T) {
			tc.event.EventTime = timestamppb.New(at)
			require.Equal(t, tc.want, workflows.RunResultFrom(tc.event))
		})
	}
}
