package main

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

func TestEndingFrom(t *testing.T) {
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
		want  ending
	}{
		"completed": {
			&historypb.HistoryEvent{
				EventType: enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
				Attributes: &historypb.HistoryEvent_WorkflowExecutionCompletedEventAttributes{
					WorkflowExecutionCompletedEventAttributes: &historypb.WorkflowExecutionCompletedEventAttributes{Result: payloads},
				},
			}, ending{At: at, Result: result},
		},
		"failed":                {failedWith(ours), ending{At: at, Failure: &failure{"MissingSecret", "secret is missing"}}},
		"failed by an activity": {failedWith(ofActivity), ending{At: at, Failure: &failure{"MissingSecret", "secret is missing"}}},
		"failed without a type": {
			failedWith(&failurepb.Failure{Message: "odd"}),
			ending{At: at, Failure: &failure{workflows.Unexplained, "odd"}},
		},
		"timed out": {
			&historypb.HistoryEvent{EventType: enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT},
			ending{At: at, Failure: &failure{"TimedOut", "the run went over a time limit; start it without any, for a run may hold a pair"}},
		},
		"cancelled": {
			&historypb.HistoryEvent{EventType: enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED},
			ending{At: at, Failure: &failure{"Cancelled", "somebody cancelled the run, and no cron goes on after it"}},
		},
		"terminated": {
			&historypb.HistoryEvent{EventType: enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED},
			ending{At: at, Failure: &failure{"Terminated", "somebody terminated the run, and no cron goes on after it"}},
		},
		"still at work": {&historypb.HistoryEvent{EventType: enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED}, ending{}},
	} {
		t.Run(name, func(t *testing.T) {
			tc.event.EventTime = timestamppb.New(at)
			require.Equal(t, tc.want, endingFrom(tc.event))
		})
	}
}
