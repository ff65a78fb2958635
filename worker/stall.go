package main

import (
	"fmt"
	"strings"
	"time"

	deploymentpb "go.temporal.io/api/deployment/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"

	"tokenkeeper/internal/config"
)

const (
	// stalledAfter is how long a run's workflow code may stand still before that is
	// a stall: a worker that is rolled over, and the server's cache of new search
	// attributes, take up to a minute.
	stalledAfter = 90 * time.Second
	// backlogAfter is the same where workers poll and are only behind, as after an
	// outage that has made every cron due.
	backlogAfter = 10 * time.Minute
)

// stallCause is why a run's workflow code cannot run. It is a metric's label.
type stallCause string

const (
	badSearchAttribute stallCause = "search_attribute"        // the namespace refuses one that the run sets
	nonDeterminism     stallCause = "non_determinism"         // its history does not replay in the workers' build
	taskFailed         stallCause = "workflow_task_failed"    // a panic, or a step that the server refuses
	taskTimedOut       stallCause = "workflow_task_timed_out" // workers take its tasks and do not answer
	noWorker           stallCause = "no_worker"               // its version has no worker
	backlog            stallCause = "backlog"                 // its version's workers do not keep up
)

var stallCauses = []stallCause{badSearchAttribute, nonDeterminism, taskFailed, taskTimedOut, noWorker, backlog}

// stall is why a run stands still; the zero stall says that it does not.
type stall struct {
	cause stallCause
	// For noWorker: the version without a worker, empty for workers without a
	// deployment, and how the run came to it.
	version config.Deployment
	by      assignment
}

// assignment is how a run came to its version.
type assignment string

const (
	pinned    assignment = "pinned"
	byCurrent assignment = "current"
	byRamping assignment = "ramping"
)

// findStall decides whether a run stands still, and why, from the server's
// description of it and of its task queue. Last is the newest failure of its
// workflow tasks; where none is known, the attempt that waits counts from its own
// schedule. A run that waits for an activity's retry or for the cron does not stand
// still: that is its work.
func findStall(run *workflowservice.DescribeWorkflowExecutionResponse, last *historypb.HistoryEvent, queue *workflowservice.DescribeTaskQueueResponse, now time.Time) stall {
	if run.GetWorkflowExecutionInfo().GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return stall{}
	}
	if longest := longestWait(run, now); longest >= stalledAfter {
		for _, a := range assignments(run.GetWorkflowExecutionInfo().GetVersioningInfo(), queue.GetVersioningInfo()) {
			if !hasPoller(a.version, queue.GetPollers(), now) {
				return stall{cause: noWorker, version: a.version, by: a.by}
			}
		}
	}
	task := run.GetPendingWorkflowTask()
	failing := task.GetScheduledTime()
	if last != nil {
		failing = last.GetEventTime()
	}
	switch {
	case task.GetAttempt() > 1 && now.Sub(failing.AsTime()) >= stalledAfter:
		return stall{cause: failureCause(last)}
	case task.GetState() == enumspb.PENDING_WORKFLOW_TASK_STATE_SCHEDULED && now.Sub(task.GetScheduledTime().AsTime()) >= backlogAfter:
		return stall{cause: backlog}
	}
	return stall{}
}

// longestWait is how long a task of the run has been ready for a worker that has
// not taken it. A paused activity is not ready.
func longestWait(run *workflowservice.DescribeWorkflowExecutionResponse, now time.Time) (longest time.Duration) {
	if task := run.GetPendingWorkflowTask(); task.GetState() == enumspb.PENDING_WORKFLOW_TASK_STATE_SCHEDULED {
		longest = now.Sub(task.GetScheduledTime().AsTime())
	}
	for _, a := range run.GetPendingActivities() {
		if a.GetState() != enumspb.PENDING_ACTIVITY_STATE_SCHEDULED || a.GetPaused() {
			continue
		}
		ready := a.GetScheduledTime().AsTime()
		if next := a.GetNextAttemptScheduleTime(); next != nil {
			ready = next.AsTime()
		}
		longest = max(longest, now.Sub(ready))
	}
	return longest
}

// assigned is a version that a run's tasks may wait for.
type assigned struct {
	version config.Deployment
	by      assignment
}

// assignments are the versions that a run's next task may go to: its own, or
// where it has none the queue's current one and the one that ramps up.
func assignments(run *workflowpb.WorkflowExecutionVersioningInfo, queue *taskqueuepb.TaskQueueVersioningInfo) []assigned {
	override := run.GetVersioningOverride()
	switch {
	case override.GetPinned() != nil:
		return []assigned{{deploymentOf(override.GetPinned().GetVersion()), pinned}}
	case run.GetVersionTransition() != nil:
		return []assigned{{deploymentOf(run.GetVersionTransition().GetDeploymentVersion()), byCurrent}}
	case !override.GetAutoUpgrade() && run.GetBehavior() == enumspb.VERSIONING_BEHAVIOR_PINNED:
		return []assigned{{deploymentOf(run.GetDeploymentVersion()), pinned}}
	}
	share := queue.GetRampingVersionPercentage()
	var all []assigned
	if share < 100 {
		all = append(all, assigned{deploymentOf(queue.GetCurrentDeploymentVersion()), byCurrent})
	}
	if share > 0 {
		all = append(all, assigned{deploymentOf(queue.GetRampingDeploymentVersion()), byRamping})
	}
	return all
}

// deploymentOf is empty for workers without a deployment.
func deploymentOf(v *deploymentpb.WorkerDeploymentVersion) config.Deployment {
	return config.Deployment{Name: v.GetDeploymentName(), BuildID: v.GetBuildId()}
}

// failureCause reads the event with which a workflow task failed or timed out.
func failureCause(event *historypb.HistoryEvent) stallCause {
	if event.GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT {
		return taskTimedOut
	}
	switch event.GetWorkflowTaskFailedEventAttributes().GetCause() {
	case enumspb.WORKFLOW_TASK_FAILED_CAUSE_BAD_SEARCH_ATTRIBUTES:
		return badSearchAttribute
	case enumspb.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR:
		return nonDeterminism
	}
	return taskFailed
}

// failureText is what worker or server said as a workflow task failed: the cause,
// and one line that is bounded, because histories may hold anything.
func failureText(event *historypb.HistoryEvent) string {
	const longest = 200
	failed := event.GetWorkflowTaskFailedEventAttributes()
	if failed == nil {
		return ""
	}
	text, _, _ := strings.Cut(failed.GetFailure().GetMessage(), "\n")
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + " …"
	}
	return failed.GetCause().String() + ": " + text
}

// message says why runs stand still and what mends it. Command makes a command of
// the Temporal CLI for the worker's namespace, own is this worker's version and
// example a run that stands still.
func (s stall) message(command func(args string) string, own config.Deployment, example string) string {
	return "runs stand still: " + s.reason() + "; " + s.fix(command, own, example)
}

func (s stall) reason() string {
	switch s.cause {
	case badSearchAttribute:
		return "Temporal refuses their workflow tasks, because the namespace lacks a search attribute or has it with another type"
	case nonDeterminism:
		return "their history does not replay in the build that runs now"
	case taskTimedOut:
		return "workers take their workflow tasks and do not answer"
	case noWorker:
		if s.version.Name == "" {
			return "they wait for a worker without a deployment version, and none polls"
		}
		return fmt.Sprintf("they wait for %s version %s:%s, which has no worker", s.by, s.version.Name, s.version.BuildID)
	case backlog:
		return "workers poll and do not take their workflow tasks"
	}
	return "their workflow tasks fail"
}

func (s stall) fix(command func(args string) string, own config.Deployment, example string) string {
	switch s.cause {
	case badSearchAttribute:
		return "create it: " + command("operator search-attribute create "+searchAttributeFlags)
	case nonDeterminism:
		return "start workers of the build that began them, or begin each anew: " +
			command("workflow reset --type FirstWorkflowTask --reason rebuilt --workflow-id "+example)
	case taskTimedOut:
		return "see what ends the workers, such as a memory limit"
	case noWorker:
		return s.fixForVersion(command, own)
	case backlog:
		return "start more workers"
	}
	return "the failure says why; if it came with a new build, go back to the build before it"
}

func (s stall) fixForVersion(command func(args string) string, own config.Deployment) string {
	switch {
	case s.by == pinned:
		return "start its workers, or have the current version go on with its runs: " +
			command("workflow update-options --query \""+runsQuery(s.version)+"\" --versioning-override-behavior auto_upgrade")
	case s.by == byRamping && s.version.Name != "":
		return "start its workers, or end its share: " +
			command("worker deployment set-ramping-version --deployment-name "+s.version.Name+" --build-id "+s.version.BuildID+" --delete")
	case own.Name == "":
		own = config.Deployment{Name: "NAME", BuildID: "BUILD"}
	}
	start := "start its workers"
	if s.version.Name == "" {
		start = "start one"
	}
	return start + ", or make a version current that has workers: " +
		command("worker deployment set-current-version --deployment-name "+own.Name+" --build-id "+own.BuildID)
}
