package lab

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func TestActionsAreCountedAsTheyAreBilled(t *testing.T) {
	event := func(kind enumspb.EventType) *historypb.HistoryEvent {
		return &historypb.HistoryEvent{EventType: kind}
	}
	attempt := func(n int32) *historypb.HistoryEvent {
		return &historypb.HistoryEvent{EventType: enumspb.EVENT_TYPE_ACTIVITY_TASK_STARTED,
			Attributes: &historypb.HistoryEvent_ActivityTaskStartedEventAttributes{ActivityTaskStartedEventAttributes: &historypb.ActivityTaskStartedEventAttributes{Attempt: n}}}
	}
	marker := func(task int64) *historypb.HistoryEvent {
		return &historypb.HistoryEvent{EventType: enumspb.EVENT_TYPE_MARKER_RECORDED,
			Attributes: &historypb.HistoryEvent_MarkerRecordedEventAttributes{MarkerRecordedEventAttributes: &historypb.MarkerRecordedEventAttributes{WorkflowTaskCompletedEventId: task}}}
	}
	start := event(enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED)
	for _, c := range []struct {
		name   string
		events []*historypb.HistoryEvent
		want   int
	}{
		{"nothing but a start", []*historypb.HistoryEvent{start}, 1},
		{"workflow tasks are free", []*historypb.HistoryEvent{start, event(enumspb.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED), event(enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)}, 1},
		{"an activity", []*historypb.HistoryEvent{start, attempt(1)}, 2},
		{"its attempts", []*historypb.HistoryEvent{start, attempt(3)}, 4},
		{"a timer, and its firing is free", []*historypb.HistoryEvent{start, event(enumspb.EVENT_TYPE_TIMER_STARTED), event(enumspb.EVENT_TYPE_TIMER_FIRED)}, 2},
		{"a signal and an upsert", []*historypb.HistoryEvent{start, event(enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED), event(enumspb.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES)}, 3},
		{"the markers of one workflow task are one", []*historypb.HistoryEvent{start, marker(4), marker(4), marker(9)}, 3},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, Actions(c.events)) })
	}
}

func TestARecordedRunIsSummedUp(t *testing.T) {
	files, err := filepath.Glob("../../workflows/testdata/histories/*/refreshed*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		text, err := os.Open(file)
		require.NoError(t, err)
		history, err := client.HistoryFromJSON(text, client.HistoryJSONOptions{})
		require.NoError(t, err)
		require.NoError(t, text.Close())
		r := read(history.GetEvents())
		require.True(t, r.Completed, file)
		require.Len(t, history.GetEvents(), r.Events)
		require.GreaterOrEqual(t, r.Took(), time.Duration(0), file) // recorded runs have no times of their own
		require.Positive(t, r.Bytes)
		require.GreaterOrEqual(t, r.Actions, 4, "a start and three activities")
	}
}

func TestARunThatHasNotEndedHasNoEnd(t *testing.T) {
	began := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	r := read([]*historypb.HistoryEvent{
		{EventType: enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED, EventTime: timestamppb.New(began.Add(-time.Hour))},
		{EventType: enumspb.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED, EventTime: timestamppb.New(began)},
	})
	require.False(t, r.Ended)
	require.Equal(t, began, r.Began, "the wait for its time does not count")
	require.Zero(t, r.Closed)
}
