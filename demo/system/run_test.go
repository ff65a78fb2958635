package system

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	historypb "go.temporal.io/api/history/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"tokenkeeper/workflows"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// history numbers its events and sets them a second apart.
func history(events ...*historypb.HistoryEvent) []*historypb.HistoryEvent {
	for i, e := range events {
		e.EventId = int64(i + 1)
		e.EventTime = timestamppb.New(noon.Add(time.Duration(i) * time.Second))
	}
	return events
}

func started(backoff time.Duration) *historypb.HistoryEvent {
	return &historypb.HistoryEvent{
		EventType: enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
		Attributes: &historypb.HistoryEvent_WorkflowExecutionStartedEventAttributes{
			WorkflowExecutionStartedEventAttributes: &historypb.WorkflowExecutionStartedEventAttributes{
				FirstWorkflowTaskBackoff: durationpb.New(backoff),
			},
		},
	}
}

func bare(kind enumspb.EventType) *historypb.HistoryEvent {
	return &historypb.HistoryEvent{EventType: kind}
}

func scheduled(activity string) *historypb.HistoryEvent {
	return &historypb.HistoryEvent{
		EventType: enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
		Attributes: &historypb.HistoryEvent_ActivityTaskScheduledEventAttributes{
			ActivityTaskScheduledEventAttributes: &historypb.ActivityTaskScheduledEventAttributes{
				ActivityType: &commonpb.ActivityType{Name: activity},
			},
		},
	}
}

func attempt(of int64, number int32, last *failurepb.Failure) *historypb.HistoryEvent {
	return &historypb.HistoryEvent{
		EventType: enumspb.EVENT_TYPE_ACTIVITY_TASK_STARTED,
		Attributes: &historypb.HistoryEvent_ActivityTaskStartedEventAttributes{
			ActivityTaskStartedEventAttributes: &historypb.ActivityTaskStartedEventAttributes{
				ScheduledEventId: of, Attempt: number, LastFailure: last,
			},
		},
	}
}

func completed(t *testing.T, result map[string]any) *historypb.HistoryEvent {
	data, err := json.Marshal(result)
	require.NoError(t, err)
	payload := &commonpb.Payload{Metadata: map[string][]byte{"encoding": []byte("json/plain")}, Data: data}
	return &historypb.HistoryEvent{
		EventType: enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
		Attributes: &historypb.HistoryEvent_WorkflowExecutionCompletedEventAttributes{
			WorkflowExecutionCompletedEventAttributes: &historypb.WorkflowExecutionCompletedEventAttributes{
				Result: &commonpb.Payloads{Payloads: []*commonpb.Payload{payload}},
			},
		},
	}
}

func failed(f *failurepb.Failure) *historypb.HistoryEvent {
	return &historypb.HistoryEvent{
		EventType: enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED,
		Attributes: &historypb.HistoryEvent_WorkflowExecutionFailedEventAttributes{
			WorkflowExecutionFailedEventAttributes: &historypb.WorkflowExecutionFailedEventAttributes{Failure: f},
		},
	}
}

func application(kind, message string) *failurepb.Failure {
	return &failurepb.Failure{Message: message, FailureInfo: &failurepb.Failure_ApplicationFailureInfo{
		ApplicationFailureInfo: &failurepb.ApplicationFailureInfo{Type: kind},
	}}
}

var timeout = &failurepb.Failure{FailureInfo: &failurepb.Failure_TimeoutFailureInfo{TimeoutFailureInfo: &failurepb.TimeoutFailureInfo{}}}

func TestARunIsReadFromItsHistory(t *testing.T) {
	at := func(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }
	task := func() *historypb.HistoryEvent { return bare(enumspb.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED) }
	for _, tc := range []struct {
		name   string
		events []*historypb.HistoryEvent
		want   Run
	}{
		{
			name:   "waits for the cron",
			events: []*historypb.HistoryEvent{started(20 * time.Second)},
			want:   Run{Due: at(20)},
		},
		{
			name:   "at work, begun by the cron",
			events: []*historypb.HistoryEvent{started(time.Second), task()},
			want:   Run{Due: at(1), Began: at(1)},
		},
		{
			name: "refreshed, begun by refresh-now, after a lost attempt and a failed one",
			events: []*historypb.HistoryEvent{
				started(20 * time.Second), bare(enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED), task(),
				scheduled("CallFitbit"), attempt(4, 2, timeout),
				scheduled("StoreSecrets"), attempt(6, 3, application("VaultNotReady", "vault: read-only")),
				completed(t, map[string]any{"outcome": "refreshed", "generation": 7, "accessTokenExpiry": at(3600)}),
			},
			want: Run{
				Due: at(20), Began: at(2), Ended: at(7), Asked: true,
				Outcome: "refreshed", Generation: 7, Expiry: at(3600), Retries: 3,
				Troubles: []string{"CallFitbit: no answer from the worker in time", "StoreSecrets: vault: read-only"},
			},
		},
		{
			name: "a signal while it works does not make it asked for",
			events: []*historypb.HistoryEvent{
				started(0), task(), bare(enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED),
			},
			want: Run{Due: at(0), Began: at(1)},
		},
		{
			name: "failed by an activity",
			events: []*historypb.HistoryEvent{
				started(0), task(), failed(&failurepb.Failure{
					Message:     "activity error",
					FailureInfo: &failurepb.Failure_ActivityFailureInfo{ActivityFailureInfo: &failurepb.ActivityFailureInfo{}},
					Cause:       application("InvalidClient", "client refused"),
				}),
			},
			want: Run{Due: at(0), Began: at(1), Ended: at(2), Outcome: "InvalidClient"},
		},
		{
			name:   "failed without an application failure",
			events: []*historypb.HistoryEvent{started(0), task(), failed(timeout)},
			want:   Run{Due: at(0), Began: at(1), Ended: at(2), Outcome: "Unexplained"},
		},
		{
			name: "cancelled",
			events: []*historypb.HistoryEvent{
				started(0), task(), bare(enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED),
				bare(enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED),
			},
			want: Run{Due: at(0), Began: at(1), Ended: at(3), Outcome: workflows.Cancelled, CancelRequested: true, Troubles: []string{"cancelled meanwhile"}},
		},
		{
			name:   "terminated",
			events: []*historypb.HistoryEvent{started(0), bare(enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED)},
			want:   Run{Due: at(0), Ended: at(1), Outcome: workflows.Terminated},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.want.ID = "run-1"
			require.Equal(t, tc.want, runFrom("run-1", history(tc.events...)))
		})
	}
}

func TestAttemptsStillMadeCountAsWell(t *testing.T) {
	pending := func(state enumspb.PendingActivityState) []*workflowpb.PendingActivityInfo {
		return []*workflowpb.PendingActivityInfo{{
			ActivityType: &commonpb.ActivityType{Name: "StoreSecrets"}, State: state, Attempt: 3, LastFailure: application("VaultNotReady", "vault: throttled"),
		}}
	}
	var waits, runs Run
	waits.addPending(pending(enumspb.PENDING_ACTIVITY_STATE_SCHEDULED))
	runs.addPending(pending(enumspb.PENDING_ACTIVITY_STATE_STARTED))

	require.Equal(t, Run{Retries: 2, BackingOff: "StoreSecrets", Troubles: []string{"StoreSecrets: vault: throttled"}}, waits)
	require.Equal(t, Run{Retries: 2, Troubles: []string{"StoreSecrets: vault: throttled"}}, runs)
}
