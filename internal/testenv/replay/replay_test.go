package replay_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"tokenkeeper/internal/testenv/replay"
)

// recorded is one recording of one path, in which nothing but its circumstances
// is of this machine and hour.
func recorded(runID, port, sealed string, began time.Time) *historypb.History {
	at := func(after time.Duration) *timestamppb.Timestamp { return timestamppb.New(began.Add(after)) }
	return &historypb.History{Events: []*historypb.HistoryEvent{
		{EventId: 1, TaskId: int64(began.Nanosecond()), EventTime: at(0), EventType: enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
			Attributes: &historypb.HistoryEvent_WorkflowExecutionStartedEventAttributes{WorkflowExecutionStartedEventAttributes: &historypb.WorkflowExecutionStartedEventAttributes{
				WorkflowType: &commonpb.WorkflowType{Name: "RefreshTokens"}, OriginalExecutionRunId: runID, Identity: port + "@host",
				TaskQueue:                &taskqueuepb.TaskQueue{Name: "queue-" + port},
				FirstWorkflowTaskBackoff: durationpb.New(2*time.Second + time.Duration(began.Nanosecond())/10),
			}}},
		{EventId: 2, EventTime: at(90 * time.Second), EventType: enumspb.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED,
			Attributes: &historypb.HistoryEvent_WorkflowTaskScheduledEventAttributes{WorkflowTaskScheduledEventAttributes: &historypb.WorkflowTaskScheduledEventAttributes{
				TaskQueue: &taskqueuepb.TaskQueue{Name: "host:" + runID, Kind: enumspb.TASK_QUEUE_KIND_STICKY, NormalName: "queue-" + port},
			}}},
		{EventId: 3, EventTime: at(91 * time.Second), EventType: enumspb.EVENT_TYPE_ACTIVITY_TASK_COMPLETED,
			Attributes: &historypb.HistoryEvent_ActivityTaskCompletedEventAttributes{ActivityTaskCompletedEventAttributes: &historypb.ActivityTaskCompletedEventAttributes{
				Result: &commonpb.Payloads{Payloads: []*commonpb.Payload{{
					Metadata: map[string][]byte{"encoding": []byte("json/plain")},
					Data: []byte(`{"runId":"` + runID + `","account":"row-` + port + `","user":"ROW-` + port + `","pair":"` + sealed + `",` +
						`"at":"` + began.Add(time.Hour).Format(time.RFC3339Nano) + `","message":"127.0.0.1:` + port + ` refuses until ` + began.Add(2*time.Hour).UTC().Format("2006-01-02 15:04:05 MST") + `"}`),
				}}},
			}}},
	}}
}

func TestTwoRecordingsOfOnePathAreAlike(t *testing.T) {
	one, err := replay.Scrub(recorded("2f1c9b1e-0000-4abc-8def-0123456789ab", "40001", "AAAA", time.Date(2026, 11, 25, 8, 0, 0, 1000, time.UTC)), "queue-40001")
	require.NoError(t, err)
	other, err := replay.Scrub(recorded("7d3e5a22-1111-4bcd-9eff-ba9876543210", "39999", "BBBBBBBB", time.Date(2027, 2, 3, 17, 30, 12, 400_000_000, time.UTC)), "queue-39999")
	require.NoError(t, err)
	require.Equal(t, string(one), string(other))
	require.False(t, strings.Contains(string(one), "host"))
}

func TestAScrubbedHistoryKeepsWhatAWorkflowDecidesBy(t *testing.T) {
	text, err := replay.Scrub(recorded("2f1c9b1e-0000-4abc-8def-0123456789ab", "40001", "AAAA", time.Date(2026, 11, 25, 8, 0, 0, 1000, time.UTC)), "queue-40001")
	require.NoError(t, err)
	h, err := replay.Read(text)
	require.NoError(t, err)
	require.Len(t, h.GetEvents(), 3)
	start := h.GetEvents()[0]
	require.Equal(t, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), start.GetEventTime().AsTime())
	require.Equal(t, "00000000-0000-4000-8000-000000000001", start.GetWorkflowExecutionStartedEventAttributes().GetOriginalExecutionRunId())
	require.Equal(t, 90*time.Second, h.GetEvents()[1].GetEventTime().AsTime().Sub(start.GetEventTime().AsTime()))
	result := h.GetEvents()[2].GetActivityTaskCompletedEventAttributes().GetResult().GetPayloads()[0].GetData()
	require.Equal(t, `{"runId":"00000000-0000-4000-8000-000000000001","account":"row-1","user":"ROW-1","pair":"c2VhbGVk",`+
		`"at":"2026-01-01T01:00:00Z","message":"127.0.0.1:0 refuses until 2026-01-01 02:00:00 UTC"}`, string(result))
}

func TestAHistoryWithoutEventsIsNone(t *testing.T) {
	_, err := replay.Scrub(&historypb.History{}, "queue")
	require.ErrorContains(t, err, "no events")
}
