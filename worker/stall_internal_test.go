package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	deploymentpb "go.temporal.io/api/deployment/v1"
	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	historypb "go.temporal.io/api/history/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/types/known/timestamppb"

	"tokenkeeper/internal/config"
)

var stallClock = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) *timestamppb.Timestamp { return timestamppb.New(stallClock.Add(-d)) }

// runThat is a described run with changes.
func runThat(changes ...func(*workflowservice.DescribeWorkflowExecutionResponse)) *workflowservice.DescribeWorkflowExecutionResponse {
	run := &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: &workflowpb.WorkflowExecutionInfo{
		Status: enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, VersioningInfo: &workflowpb.WorkflowExecutionVersioningInfo{}}}
	for _, change := range changes {
		change(run)
	}
	return run
}

func taskWaits(attempt int32, since time.Duration) func(*workflowservice.DescribeWorkflowExecutionResponse) {
	return func(run *workflowservice.DescribeWorkflowExecutionResponse) {
		run.PendingWorkflowTask = &workflowpb.PendingWorkflowTaskInfo{
			State: enumspb.PENDING_WORKFLOW_TASK_STATE_SCHEDULED, Attempt: attempt, ScheduledTime: ago(since)}
	}
}

func taskStarted(attempt int32) func(*workflowservice.DescribeWorkflowExecutionResponse) {
	return func(run *workflowservice.DescribeWorkflowExecutionResponse) {
		run.PendingWorkflowTask = &workflowpb.PendingWorkflowTaskInfo{
			State: enumspb.PENDING_WORKFLOW_TASK_STATE_STARTED, Attempt: attempt, ScheduledTime: ago(time.Hour), StartedTime: ago(time.Second)}
	}
}

func activity(a *workflowpb.PendingActivityInfo) func(*workflowservice.DescribeWorkflowExecutionResponse) {
	return func(run *workflowservice.DescribeWorkflowExecutionResponse) {
		run.PendingActivities = append(run.PendingActivities, a)
	}
}

func versioned(info *workflowpb.WorkflowExecutionVersioningInfo) func(*workflowservice.DescribeWorkflowExecutionResponse) {
	return func(run *workflowservice.DescribeWorkflowExecutionResponse) {
		run.WorkflowExecutionInfo.VersioningInfo = info
	}
}

func keeper(build string) *deploymentpb.WorkerDeploymentVersion {
	return &deploymentpb.WorkerDeploymentVersion{DeploymentName: "keeper", BuildId: build}
}

func pinnedTo(build string) func(*workflowservice.DescribeWorkflowExecutionResponse) {
	return versioned(&workflowpb.WorkflowExecutionVersioningInfo{Behavior: enumspb.VERSIONING_BEHAVIOR_PINNED, DeploymentVersion: keeper(build)})
}

func failedTask(cause enumspb.WorkflowTaskFailedCause, message string, since time.Duration) *historypb.HistoryEvent {
	return &historypb.HistoryEvent{EventType: enumspb.EVENT_TYPE_WORKFLOW_TASK_FAILED, EventTime: ago(since),
		Attributes: &historypb.HistoryEvent_WorkflowTaskFailedEventAttributes{WorkflowTaskFailedEventAttributes: &historypb.WorkflowTaskFailedEventAttributes{
			Cause: cause, Failure: &failurepb.Failure{Message: message}}}}
}

func TestWhichRunsStandStillAndWhy(t *testing.T) {
	poller := func(build string, since time.Duration) *taskqueuepb.PollerInfo {
		return &taskqueuepb.PollerInfo{LastAccessTime: ago(since), DeploymentOptions: &deploymentpb.WorkerDeploymentOptions{
			DeploymentName: "keeper", BuildId: build, WorkerVersioningMode: enumspb.WORKER_VERSIONING_MODE_VERSIONED}}
	}
	without := func(since time.Duration) *taskqueuepb.PollerInfo {
		return &taskqueuepb.PollerInfo{LastAccessTime: ago(since), DeploymentOptions: &deploymentpb.WorkerDeploymentOptions{
			BuildId: "a checksum", WorkerVersioningMode: enumspb.WORKER_VERSIONING_MODE_UNVERSIONED}}
	}
	queue := func(versions *taskqueuepb.TaskQueueVersioningInfo, pollers ...*taskqueuepb.PollerInfo) *workflowservice.DescribeTaskQueueResponse {
		return &workflowservice.DescribeTaskQueueResponse{VersioningInfo: versions, Pollers: pollers}
	}
	current := func(build string) *taskqueuepb.TaskQueueVersioningInfo {
		return &taskqueuepb.TaskQueueVersioningInfo{CurrentDeploymentVersion: keeper(build)}
	}
	ramp := func(share float32) *taskqueuepb.TaskQueueVersioningInfo {
		return &taskqueuepb.TaskQueueVersioningInfo{CurrentDeploymentVersion: keeper("v1"), RampingDeploymentVersion: keeper("v2"), RampingVersionPercentage: share}
	}
	plain := queue(nil, without(time.Second))
	version := func(build string) config.Deployment { return config.Deployment{Name: "keeper", BuildID: build} }
	timedOut := &historypb.HistoryEvent{EventType: enumspb.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT, EventTime: ago(time.Hour)}
	const (
		scheduled = enumspb.PENDING_ACTIVITY_STATE_SCHEDULED
		started   = enumspb.PENDING_ACTIVITY_STATE_STARTED
	)
	for _, c := range []struct {
		name  string
		run   *workflowservice.DescribeWorkflowExecutionResponse
		last  *historypb.HistoryEvent
		queue *workflowservice.DescribeTaskQueueResponse
		want  stall
	}{
		// At work.
		{"an activity is with a worker", runThat(activity(&workflowpb.PendingActivityInfo{State: started, Attempt: 40, ScheduledTime: ago(time.Hour)})), nil, plain, stall{}},
		{"an activity waits for its retry", runThat(activity(&workflowpb.PendingActivityInfo{State: scheduled, Attempt: 40, ScheduledTime: ago(time.Hour)})), nil, plain, stall{}},
		{"a timer", runThat(), nil, plain, stall{}},
		{"a task that a worker has just taken", runThat(taskStarted(1)), nil, plain, stall{}},
		{"a task that has just become ready", runThat(taskWaits(1, stalledAfter-time.Second)), nil, queue(nil), stall{}},
		{"a task that failed just now", runThat(taskWaits(3, time.Second)), failedTask(enumspb.WORKFLOW_TASK_FAILED_CAUSE_BAD_SEARCH_ATTRIBUTES, "", stalledAfter-time.Second), plain, stall{}},
		{"a task that failed, it is not known when", runThat(taskWaits(2, stalledAfter-time.Second)), nil, plain, stall{}},
		{"a task behind others", runThat(taskWaits(1, backlogAfter-time.Second)), nil, plain, stall{}},
		{"it has ended meanwhile", runThat(taskWaits(5, time.Hour), func(run *workflowservice.DescribeWorkflowExecutionResponse) {
			run.WorkflowExecutionInfo.Status = enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED
		}), nil, queue(nil), stall{}},

		// Its tasks fail.
		{"a search attribute is gone", runThat(taskWaits(4, time.Second)), failedTask(enumspb.WORKFLOW_TASK_FAILED_CAUSE_BAD_SEARCH_ATTRIBUTES, "", stalledAfter), plain, stall{cause: badSearchAttribute}},
		{"a worker has it again", runThat(taskStarted(4)), failedTask(enumspb.WORKFLOW_TASK_FAILED_CAUSE_BAD_SEARCH_ATTRIBUTES, "", stalledAfter), plain, stall{cause: badSearchAttribute}},
		{"although an activity is at work", runThat(taskWaits(4, time.Second), activity(&workflowpb.PendingActivityInfo{State: started})),
			failedTask(enumspb.WORKFLOW_TASK_FAILED_CAUSE_BAD_SEARCH_ATTRIBUTES, "", stalledAfter), plain, stall{cause: badSearchAttribute}},
		{"its history does not replay", runThat(taskWaits(4, time.Second)), failedTask(enumspb.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR, "", time.Hour), plain, stall{cause: nonDeterminism}},
		{"a panic", runThat(taskWaits(4, time.Second)), failedTask(enumspb.WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE, "", time.Hour), plain, stall{cause: taskFailed}},
		{"a step that the server refuses", runThat(taskWaits(4, time.Second)), failedTask(enumspb.WORKFLOW_TASK_FAILED_CAUSE_PAYLOADS_TOO_LARGE, "", time.Hour), plain, stall{cause: taskFailed}},
		{"the failure is not among the last events", runThat(taskWaits(4, stalledAfter)), nil, plain, stall{cause: taskFailed}},
		{"workers die with it", runThat(taskStarted(4)), timedOut, plain, stall{cause: taskTimedOut}},

		// No worker takes it.
		{"no worker at all", runThat(taskWaits(1, stalledAfter)), nil, queue(nil), stall{cause: noWorker, by: byCurrent}},
		{"the last worker is gone", runThat(taskWaits(1, stalledAfter)), nil, queue(nil, without(pollsEvery)), stall{cause: noWorker, by: byCurrent}},
		{"nothing is current, and all workers have a version", runThat(taskWaits(1, stalledAfter)), nil, queue(nil, poller("v1", 0)), stall{cause: noWorker, by: byCurrent}},
		{"workers without a version, and a version is current", runThat(taskWaits(1, stalledAfter)), nil, queue(current("v1"), without(0)), stall{cause: noWorker, version: version("v1"), by: byCurrent}},
		{"the version that ramps up has died", runThat(taskWaits(1, stalledAfter)), nil, queue(ramp(10), poller("v1", 0), poller("v2", pollsEvery)), stall{cause: noWorker, version: version("v2"), by: byRamping}},
		{"it has no share any more", runThat(taskWaits(1, stalledAfter)), nil, queue(ramp(0), poller("v1", 0)), stall{}},
		{"it has all of the share", runThat(taskWaits(1, stalledAfter)), nil, queue(ramp(100), poller("v2", 0)), stall{}},
		{"workers of both", runThat(taskWaits(1, stalledAfter)), nil, queue(ramp(10), poller("v1", 0), poller("v2", 0)), stall{}},
		{"its own version is gone", runThat(taskWaits(1, stalledAfter), pinnedTo("v0")), nil, queue(current("v1"), poller("v1", 0)), stall{cause: noWorker, version: version("v0"), by: pinned}},
		{"so is its activity's worker", runThat(activity(&workflowpb.PendingActivityInfo{State: scheduled, Attempt: 2, ScheduledTime: ago(stalledAfter)}), pinnedTo("v0")), nil,
			queue(current("v1"), poller("v1", 0)), stall{cause: noWorker, version: version("v0"), by: pinned}},
		{"its activity is not due", runThat(activity(&workflowpb.PendingActivityInfo{State: scheduled, Attempt: 2, ScheduledTime: ago(time.Hour), NextAttemptScheduleTime: ago(-time.Minute)}), pinnedTo("v0")), nil,
			queue(current("v1"), poller("v1", 0)), stall{}},
		{"its activity is paused", runThat(activity(&workflowpb.PendingActivityInfo{State: scheduled, Paused: true, ScheduledTime: ago(time.Hour)}), pinnedTo("v0")), nil,
			queue(current("v1"), poller("v1", 0)), stall{}},
		{"its own version lives, another ramps up and has died", runThat(taskWaits(1, stalledAfter), pinnedTo("v1")), nil, queue(ramp(10), poller("v1", 0)), stall{}},
		{"an operator has pinned it", runThat(taskWaits(1, stalledAfter), versioned(&workflowpb.WorkflowExecutionVersioningInfo{
			Behavior: enumspb.VERSIONING_BEHAVIOR_PINNED, DeploymentVersion: keeper("v1"),
			VersioningOverride: &workflowpb.VersioningOverride{Override: &workflowpb.VersioningOverride_Pinned{Pinned: &workflowpb.VersioningOverride_PinnedOverride{Version: keeper("v9")}}},
		})), nil, queue(current("v1"), poller("v1", 0)), stall{cause: noWorker, version: version("v9"), by: pinned}},
		{"an operator has freed it", runThat(taskWaits(1, stalledAfter), versioned(&workflowpb.WorkflowExecutionVersioningInfo{
			Behavior: enumspb.VERSIONING_BEHAVIOR_PINNED, DeploymentVersion: keeper("v0"),
			VersioningOverride: &workflowpb.VersioningOverride{Override: &workflowpb.VersioningOverride_AutoUpgrade{AutoUpgrade: true}},
		})), nil, queue(current("v1"), poller("v1", 0)), stall{}},
		{"it is on its way to a version", runThat(taskWaits(1, stalledAfter), versioned(&workflowpb.WorkflowExecutionVersioningInfo{
			VersionTransition: &workflowpb.DeploymentVersionTransition{DeploymentVersion: keeper("v2")},
		})), nil, queue(current("v1"), poller("v1", 0)), stall{cause: noWorker, version: version("v2"), by: byCurrent}},
		{"its task failed once, and then its workers died", runThat(taskWaits(2, stalledAfter), pinnedTo("v0")), timedOut, queue(current("v1"), poller("v1", 0)),
			stall{cause: noWorker, version: version("v0"), by: pinned}},
		{"workers poll and do not take it", runThat(taskWaits(1, backlogAfter)), nil, plain, stall{cause: backlog}},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, findStall(c.run, c.last, c.queue, stallClock)) })
	}
}

func TestAStallSaysItsCauseAndTheCommandThatMendsIt(t *testing.T) {
	command := func(args string) string { return temporalCommand("tokens", args) }
	own := config.Deployment{Name: "keeper", BuildID: "v1"}
	gone := config.Deployment{Name: "keeper", BuildID: "v2"}
	for _, c := range []struct {
		stall stall
		own   config.Deployment
		says  string
	}{
		{stall{cause: badSearchAttribute}, own, "runs stand still: Temporal refuses their workflow tasks, because the namespace lacks a search attribute or has it with another type; create it: " +
			"temporal operator search-attribute create --name TokenAccount --type Keyword --name TokenProvider --type Keyword --name TokenHealth --type Keyword --name TokenConsentEnds --type Datetime --name TokenUser --type Keyword --namespace tokens"},
		{stall{cause: nonDeterminism}, own, "runs stand still: their history does not replay in the build that runs now; start workers of the build that began them, or begin each anew: " +
			"temporal workflow reset --type FirstWorkflowTask --reason rebuilt --workflow-id refresh-1 --namespace tokens"},
		{stall{cause: taskFailed}, own, "runs stand still: their workflow tasks fail; the failure says why; if it came with a new build, go back to the build before it"},
		{stall{cause: taskTimedOut}, own, "runs stand still: workers take their workflow tasks and do not answer; see what ends the workers, such as a memory limit"},
		{stall{cause: backlog}, own, "runs stand still: workers poll and do not take their workflow tasks; start more workers"},
		{stall{cause: noWorker, version: gone, by: byRamping}, own, "runs stand still: they wait for ramping version keeper:v2, which has no worker; start its workers, or end its share: " +
			"temporal worker deployment set-ramping-version --deployment-name keeper --build-id v2 --delete --namespace tokens"},
		{stall{cause: noWorker, version: gone, by: byCurrent}, own, "runs stand still: they wait for current version keeper:v2, which has no worker; start its workers, or make a version current that has workers: " +
			"temporal worker deployment set-current-version --deployment-name keeper --build-id v1 --namespace tokens"},
		{stall{cause: noWorker, by: byCurrent}, own, "runs stand still: they wait for a worker without a deployment version, and none polls; start one, or make a version current that has workers: " +
			"temporal worker deployment set-current-version --deployment-name keeper --build-id v1 --namespace tokens"},
		{stall{cause: noWorker, version: gone, by: byCurrent}, config.Deployment{}, "runs stand still: they wait for current version keeper:v2, which has no worker; start its workers, or make a version current that has workers: " +
			"temporal worker deployment set-current-version --deployment-name NAME --build-id BUILD --namespace tokens"},
		{stall{cause: noWorker, version: gone, by: pinned}, own, "runs stand still: they wait for pinned version keeper:v2, which has no worker; start its workers, or have the current version go on with its runs: " +
			"temporal workflow update-options --query \"TemporalWorkerDeploymentVersion = 'keeper:v2' AND ExecutionStatus = 'Running'\" --versioning-override-behavior auto_upgrade --namespace tokens"},
	} {
		require.Equal(t, c.says, c.stall.message(command, c.own, "refresh-1"))
	}
}

func TestAFailureIsSaidInOneBoundedLine(t *testing.T) {
	require.Empty(t, failureText(nil))
	require.Equal(t, "BadSearchAttributes: no TokenHealth", failureText(failedTask(enumspb.WORKFLOW_TASK_FAILED_CAUSE_BAD_SEARCH_ATTRIBUTES, "no TokenHealth\nmore", 0)))
	long := failureText(failedTask(enumspb.WORKFLOW_TASK_FAILED_CAUSE_UNSPECIFIED, strings.Repeat("ü", 500), 0))
	require.Less(t, len(long), 230)
	require.NotContains(t, long, "\uFFFD")
}
