package lab

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func TestStepsAreSummedUpByName(t *testing.T) {
	var events []*historypb.HistoryEvent
	began := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	add := func(after time.Duration, e *historypb.HistoryEvent, kind enumspb.EventType) int64 {
		e.EventId, e.EventType, e.EventTime = int64(len(events)+1), kind, timestamppb.New(began.Add(after*time.Millisecond))
		events = append(events, e)
		return e.EventId
	}
	task := func(scheduled, started, completed time.Duration) {
		at := add(scheduled, &historypb.HistoryEvent{}, enumspb.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED)
		at = add(started, &historypb.HistoryEvent{Attributes: &historypb.HistoryEvent_WorkflowTaskStartedEventAttributes{
			WorkflowTaskStartedEventAttributes: &historypb.WorkflowTaskStartedEventAttributes{ScheduledEventId: at}}}, enumspb.EVENT_TYPE_WORKFLOW_TASK_STARTED)
		add(completed, &historypb.HistoryEvent{Attributes: &historypb.HistoryEvent_WorkflowTaskCompletedEventAttributes{
			WorkflowTaskCompletedEventAttributes: &historypb.WorkflowTaskCompletedEventAttributes{StartedEventId: at}}}, enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)
	}
	activity := func(name string, scheduled, started, completed time.Duration) {
		at := add(scheduled, &historypb.HistoryEvent{Attributes: &historypb.HistoryEvent_ActivityTaskScheduledEventAttributes{
			ActivityTaskScheduledEventAttributes: &historypb.ActivityTaskScheduledEventAttributes{ActivityType: &commonpb.ActivityType{Name: name}}}}, enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED)
		at = add(started, &historypb.HistoryEvent{Attributes: &historypb.HistoryEvent_ActivityTaskStartedEventAttributes{
			ActivityTaskStartedEventAttributes: &historypb.ActivityTaskStartedEventAttributes{ScheduledEventId: at}}}, enumspb.EVENT_TYPE_ACTIVITY_TASK_STARTED)
		add(completed, &historypb.HistoryEvent{Attributes: &historypb.HistoryEvent_ActivityTaskCompletedEventAttributes{
			ActivityTaskCompletedEventAttributes: &historypb.ActivityTaskCompletedEventAttributes{StartedEventId: at}}}, enumspb.EVENT_TYPE_ACTIVITY_TASK_COMPLETED)
	}
	task(0, 2, 5)
	activity("LoadSecrets", 5, 9, 19)
	task(19, 20, 24)
	activity("CallFitbit", 24, 24, 54) // eagerly

	waited, worked := steps(events)
	require.Equal(t, map[string]time.Duration{WorkflowTasks: 3 * time.Millisecond, "LoadSecrets": 4 * time.Millisecond, "CallFitbit": 0}, waited)
	require.Equal(t, map[string]time.Duration{WorkflowTasks: 7 * time.Millisecond, "LoadSecrets": 10 * time.Millisecond, "CallFitbit": 30 * time.Millisecond}, worked)
}

func TestTheMachineIsBusyForAtLeastAsLongAsThisProcess(t *testing.T) {
	if _, err := os.Stat("/proc/stat"); err != nil {
		t.Skip("this system has no /proc")
	}
	machine, err := BusyCPU()
	require.NoError(t, err)
	own, err := UsageOf(os.Getpid())
	require.NoError(t, err)
	for deadline := time.Now().Add(30 * time.Second); ; {
		now, err := UsageOf(os.Getpid())
		require.NoError(t, err)
		if now.CPU-own.CPU > 100*time.Millisecond {
			after, err := BusyCPU()
			require.NoError(t, err)
			require.GreaterOrEqual(t, after-machine, 80*time.Millisecond, "a tick here or there aside")
			return
		}
		require.True(t, time.Now().Before(deadline), "the time that this loop takes is counted")
	}
}
