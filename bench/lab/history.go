package lab

import (
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"google.golang.org/protobuf/proto"
)

// Run is what the history of one run says.
type Run struct {
	// Began is when its first workflow task was scheduled: when it was due, for a cron.
	Began, Closed time.Time
	Ended         bool // whichever way
	Completed     bool // and well: not failed, cancelled or terminated
	Events, Bytes int
	Actions       int // that Temporal Cloud bills
	// Waited and Worked are how long its activities and its workflow tasks waited for a
	// worker, and took there, by name.
	Waited, Worked map[string]time.Duration
	next           string // the run that follows it in the chain
}

// WorkflowTasks is the name under which all workflow tasks of a run are summed up.
const WorkflowTasks = "workflow tasks"

// Took is how long the run was at work.
func (r Run) Took() time.Duration { return r.Closed.Sub(r.Began) }

// ends are the events that close a run.
var ends = map[enumspb.EventType]bool{
	enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:        true,
	enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED:           true,
	enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED:         true,
	enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED:       true,
	enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT:        true,
	enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW: true,
}

// read sums up the events of a run; one that has not ended has no time at which it closed.
func read(events []*historypb.HistoryEvent) (r Run) {
	for _, e := range events {
		r.Events++
		r.Bytes += proto.Size(e)
		if e.GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED && r.Began.IsZero() {
			r.Began = e.GetEventTime().AsTime()
		}
		if ends[e.GetEventType()] {
			r.Ended, r.Closed = true, e.GetEventTime().AsTime()
		}
		if done := e.GetWorkflowExecutionCompletedEventAttributes(); done != nil {
			r.Completed, r.next = true, done.GetNewExecutionRunId()
		}
		if failed := e.GetWorkflowExecutionFailedEventAttributes(); failed != nil {
			r.next = failed.GetNewExecutionRunId()
		}
		if again := e.GetWorkflowExecutionContinuedAsNewEventAttributes(); again != nil {
			r.next = again.GetNewExecutionRunId()
		}
	}
	r.Actions = Actions(events)
	r.Waited, r.Worked = steps(events)
	return r
}

// steps sums up how long the steps of a run waited for a worker, and took there. A task that
// was handed out eagerly waited for nothing.
func steps(events []*historypb.HistoryEvent) (waited, worked map[string]time.Duration) {
	waited, worked = map[string]time.Duration{}, map[string]time.Duration{}
	at, names := map[int64]time.Time{}, map[int64]string{}
	started := func(e *historypb.HistoryEvent, scheduled int64) {
		names[e.GetEventId()] = names[scheduled]
		waited[names[scheduled]] += e.GetEventTime().AsTime().Sub(at[scheduled])
	}
	ended := func(e *historypb.HistoryEvent, start int64) {
		worked[names[start]] += e.GetEventTime().AsTime().Sub(at[start])
	}
	for _, e := range events {
		at[e.GetEventId()] = e.GetEventTime().AsTime()
		switch e.GetEventType() {
		case enumspb.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED:
			names[e.GetEventId()] = WorkflowTasks
		case enumspb.EVENT_TYPE_WORKFLOW_TASK_STARTED:
			started(e, e.GetWorkflowTaskStartedEventAttributes().GetScheduledEventId())
		case enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
			ended(e, e.GetWorkflowTaskCompletedEventAttributes().GetStartedEventId())
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
			names[e.GetEventId()] = e.GetActivityTaskScheduledEventAttributes().GetActivityType().GetName()
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_STARTED:
			started(e, e.GetActivityTaskStartedEventAttributes().GetScheduledEventId())
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
			ended(e, e.GetActivityTaskCompletedEventAttributes().GetStartedEventId())
		}
	}
	return waited, worked
}

// Actions counts what Temporal Cloud bills for a run, by "Temporal Cloud Actions": the
// start (a cron's next run is one as well), each attempt of an activity, each timer,
// signal, query aside, each upsert of search attributes, and the markers of one
// workflow task as one.
func Actions(events []*historypb.HistoryEvent) (actions int) {
	marked := map[int64]bool{} // by the workflow task that recorded them
	for _, e := range events {
		switch e.GetEventType() {
		case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
			enumspb.EVENT_TYPE_TIMER_STARTED,
			enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
			enumspb.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
			enumspb.EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED,
			enumspb.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED,
			enumspb.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED:
			actions++
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_STARTED:
			actions += int(e.GetActivityTaskStartedEventAttributes().GetAttempt()) // the attempts before it have no events
		case enumspb.EVENT_TYPE_MARKER_RECORDED:
			task := e.GetMarkerRecordedEventAttributes().GetWorkflowTaskCompletedEventId()
			if !marked[task] {
				marked[task] = true
				actions++
			}
		}
	}
	return actions
}
