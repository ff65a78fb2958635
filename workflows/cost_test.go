package workflows_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
)

// billed counts Temporal Cloud's actions of a run: its start, each attempt of an activity,
// a timer, a signal, an update of search attributes and the markers of a workflow task are
// one each.
func billed(h *historypb.History) (actions int) {
	for _, e := range h.GetEvents() {
		switch e.GetEventType() {
		case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED, enumspb.EVENT_TYPE_TIMER_STARTED, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
			enumspb.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES, enumspb.EVENT_TYPE_MARKER_RECORDED:
			actions++
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_STARTED:
			actions += int(e.GetActivityTaskStartedEventAttributes().GetAttempt())
		}
	}
	return actions
}

// A run that follows a green one in its cron, and one that has nothing to do.
func TestAHappyRunOfACronCostsFiveActions(t *testing.T) {
	for name, want := range map[string]struct {
		events, actions int
		kinds           map[enumspb.EventType]int
	}{
		"refreshed-by-the-cron": {24, 5, map[enumspb.EventType]int{
			enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED: 1, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED: 1, enumspb.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: 1,
			enumspb.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED: 4, enumspb.EVENT_TYPE_WORKFLOW_TASK_STARTED: 4, enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED: 4,
			enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED: 3, enumspb.EVENT_TYPE_ACTIVITY_TASK_STARTED: 3, enumspb.EVENT_TYPE_ACTIVITY_TASK_COMPLETED: 3}},
		"rested": {6, 2, map[enumspb.EventType]int{
			enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED: 1, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED: 1, enumspb.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: 1,
			enumspb.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED: 1, enumspb.EVENT_TYPE_WORKFLOW_TASK_STARTED: 1, enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			all := sets(t)
			h := readSet(t, all[len(all)-1])[name]
			require.NotNil(t, h)
			kinds := map[enumspb.EventType]int{}
			for _, e := range h.GetEvents() {
				kinds[e.GetEventType()]++
			}
			require.Equal(t, want.kinds, kinds)
			require.Len(t, h.GetEvents(), want.events)
			require.Equal(t, want.actions, billed(h))
		})
	}
}
