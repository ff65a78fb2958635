package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"tokenkeeper/workflows"
)

// stallPatience covers the time until a stall counts as one, until pollers that are
// gone are forgotten, until the next check and until the next attempt.
const stallPatience = 6 * time.Minute

// stallLine is one line of a worker's log about runs that stand still.
type stallLine struct {
	Level, Msg, Error, Cause, WorkflowID string
	Runs, InProgress                     int
}

// stallsIn are the lines of a worker's log that begin with a message.
func (p process) stallsIn(message string) (found []stallLine) {
	for text := range strings.Lines(p.Output()) {
		var l stallLine
		if json.Unmarshal([]byte(text), &l) == nil && strings.HasPrefix(l.Msg, message) {
			found = append(found, l)
		}
	}
	return found
}

// reports waits until a worker says that a run stands still for a cause, and
// asserts that it does so once and shows it as a metric.
func (p process) reports(cause, workflowID string) stallLine {
	p.t.Helper()
	var found []stallLine
	p.awaits("the worker reports a stall", func() bool {
		found = p.stallsIn("runs stand still: ")
		return len(found) > 0
	})
	require.Len(p.t, found, 1)
	require.Equal(p.t, "ERROR", found[0].Level)
	require.Equal(p.t, cause, found[0].Cause)
	require.Equal(p.t, workflowID, found[0].WorkflowID)
	require.Equal(p.t, 1, found[0].Runs)
	require.Equal(p.t, 1, found[0].InProgress)
	eventually(p.t, "the metric shows it", func() bool { return p.stalledRuns(cause) == "1" })
	return found[0]
}

// heals waits until a worker says that the cause is over, which shows in the metric.
func (p process) heals(cause string) {
	p.t.Helper()
	p.awaits("the worker reports that the stall is over", func() bool { return len(p.stallsIn("no run stands still any more for this cause")) == 1 })
	eventually(p.t, "the metric shows it", func() bool { return p.stalledRuns(cause) == "0" })
	require.Len(p.t, p.stallsIn("runs stand still: "), 1, "one incident is one line")
}

func (p process) awaits(what string, holds func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(stallPatience); !holds(); time.Sleep(time.Second) {
		require.True(p.t, time.Now().Before(deadline), "waited %s in vain until %s", stallPatience, what)
	}
}

// stalledRuns is the metric of a cause; empty for none.
func (p process) stalledRuns(cause string) string {
	p.t.Helper()
	for text := range strings.Lines(p.metrics()) {
		if value, found := strings.CutPrefix(strings.TrimSpace(text), fmt.Sprintf("tokenkeeper_stalled_runs{cause=%q} ", cause)); found {
			return value
		}
	}
	return ""
}

// followed runs the Temporal command at the end of a message.
func (s *system) followed(said string) {
	s.t.Helper()
	_, command, found := strings.Cut(said, ": temporal ")
	require.True(s.t, found, said)
	s.temporalCLI(strings.Fields(command)...)
}

// begin starts a refresh of a new account and returns its workflow id.
func (s *system) begin() (id string) {
	s.t.Helper()
	id = unique("refresh")
	_, err := s.temporal.ExecuteWorkflow(s.t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: s.TaskQueue()}, workflows.Type, workflows.Input{Account: s.consent()})
	require.NoError(s.t, err)
	return id
}

// greenRun is a run that has ended green.
func (s *system) greenRun() (id string) {
	s.t.Helper()
	id = s.begin()
	s.greenInTheEnd(id)
	return id
}

// ranBy is the identity of the worker that took a run's first workflow task.
func (s *system) ranBy(id string) string {
	s.t.Helper()
	events := s.temporal.GetWorkflowHistory(s.t.Context(), id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		e, err := events.Next()
		require.NoError(s.t, err)
		if started := e.GetWorkflowTaskStartedEventAttributes(); started != nil {
			return started.GetIdentity()
		}
	}
	return ""
}

// greenInTheEnd asserts that a run ends green.
func (s *system) greenInTheEnd(id string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), stallPatience)
	defer cancel()
	var result workflows.Result
	require.NoError(s.t, s.temporal.GetWorkflow(ctx, id, "").Get(ctx, &result))
	require.Contains(s.t, []workflows.Outcome{workflows.Refreshed, workflows.Recovered}, result.Outcome)
}

func TestASearchAttributeThatIsRemovedUnderRunningWorkersIsReportedUntilItIsBack(t *testing.T) {
	s := newSystem(t)
	namespace := unique("namespace")
	s.createNamespace(namespace)
	w := s.work("TEMPORAL_NAMESPACE=" + namespace)
	for _, cause := range []string{"search_attribute", "non_determinism", "workflow_task_failed", "workflow_task_timed_out", "no_worker", "backlog"} {
		require.Equal(t, "0", w.stalledRuns(cause), cause)
	}
	s.refreshIn(namespace)
	s.temporalCLI("operator", "search-attribute", "remove", "--namespace", namespace, "--name", "TokenHealth", "--yes")
	account := s.consent()
	cron := s.consent()
	for id, rest := range map[string][]string{account: nil, cron: {"--cron", "0 0 1 1 *"}} {
		s.temporalCLI(append([]string{"workflow", "start", "--namespace", namespace, "--type", workflows.Type, "--task-queue", s.TaskQueue(),
			"--workflow-id", id, "--input", `{"account":"` + id + `"}`}, rest...)...)
	}

	said := w.reports("search_attribute", account)
	require.Contains(t, said.Error, "BadSearchAttributes: ")
	require.Contains(t, said.Error, "TokenHealth")
	s.followed(said.Msg)
	w.heals("search_attribute")
	require.True(t, s.Provider.IsLive(s.Held(account)))
}

func TestARunWhoseHistoryDoesNotReplayIsReported(t *testing.T) {
	s := newSystem(t)
	other := worker.New(s.temporal, s.TaskQueue(), worker.Options{})
	other.RegisterWorkflowWithOptions(func(ctx workflow.Context, _ workflows.Input) (workflows.Result, error) {
		return workflows.Result{}, workflow.Sleep(ctx, time.Hour)
	}, workflow.RegisterOptions{Name: workflows.Type})
	require.NoError(t, other.Start())
	id := s.begin()
	eventually(t, "another build has begun the run", func() bool {
		events := s.temporal.GetWorkflowHistory(t.Context(), id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for events.HasNext() {
			if event, err := events.Next(); err == nil && event.GetEventType() == enumspb.EVENT_TYPE_TIMER_STARTED {
				return true
			}
		}
		return false
	})
	other.Stop()

	w := s.work()
	require.NoError(t, s.temporal.SignalWorkflow(t.Context(), id, "", "wake", nil)) // which gives it a workflow task
	said := w.reports("non_determinism", id)
	require.Contains(t, said.Error, "NonDeterministicError: ")
	s.followed(said.Msg)
	s.greenInTheEnd(id)
	w.heals("non_determinism")
}

func TestARampingVersionWhoseWorkersDiedIsReportedByThoseOfTheCurrent(t *testing.T) {
	s := newSystem(t)
	deployment := unique("deployment")
	versioned := func(build string) []string {
		return []string{"TEMPORAL_DEPLOYMENT_NAME=" + deployment, "TEMPORAL_WORKER_BUILD_ID=" + build}
	}
	w := s.work(versioned("v1")...)
	s.follow(w.logged("this version is not current and gets no new runs; make it current with: temporal ", 1)[0].Msg)
	successor := s.work(versioned("v2")...)
	successor.logged("this version is not current and gets no new runs (v1 is current)", 1)
	s.temporalCLI("worker", "deployment", "set-ramping-version", "--deployment-name", deployment, "--build-id", "v2", "--percentage", "100", "--yes")
	// A queue learns of the ramp some time later; until then it gives runs to the current one.
	identity := fmt.Sprintf("%d@", successor.PID())
	require.Eventually(t, func() bool { return strings.HasPrefix(s.ranBy(s.greenRun()), identity) }, stallPatience, time.Millisecond)
	successor.Kill()
	id := s.begin()

	said := w.reports("no_worker", id)
	require.Contains(t, said.Msg, "they wait for ramping version "+deployment+":v2, which has no worker")
	s.followed(said.Msg)
	s.greenInTheEnd(id)
	w.heals("no_worker")
}

func TestAQueueWithoutWorkersOfTheRightBuildIsReportedByThoseOfAnother(t *testing.T) {
	s := newSystem(t)
	w := s.work("TEMPORAL_DEPLOYMENT_NAME="+unique("deployment"), "TEMPORAL_WORKER_BUILD_ID=v1")
	id := s.begin()
	said := w.reports("no_worker", id)
	require.Contains(t, said.Msg, "they wait for a worker without a deployment version, and none polls")
	s.followed(said.Msg)
	s.greenInTheEnd(id)
	w.heals("no_worker")
}

func TestWorkflowTasksThatWorkersDieWithAreReported(t *testing.T) {
	s := newSystem(t)
	// This worker sees the queue and gets no run.
	w := s.work("TEMPORAL_DEPLOYMENT_NAME="+unique("deployment"), "TEMPORAL_WORKER_BUILD_ID=v1")
	ctx, stop := context.WithCancel(t.Context())
	taken := make(chan struct{})
	go func() { // a worker that ends with each task that it takes
		defer close(taken)
		for ctx.Err() == nil {
			polling, cancel := context.WithTimeout(ctx, patience)
			_, err := s.temporal.WorkflowService().PollWorkflowTaskQueue(polling, &workflowservice.PollWorkflowTaskQueueRequest{
				Namespace: client.DefaultNamespace, TaskQueue: &taskqueuepb.TaskQueue{Name: s.TaskQueue()}, Identity: "dying"})
			cancel()
			if err != nil && ctx.Err() == nil {
				t.Log(err)
				time.Sleep(time.Second)
			}
		}
	}()
	id := s.begin()
	w.reports("workflow_task_timed_out", id)
	stop()
	<-taken
	s.work()
	s.greenInTheEnd(id)
	w.heals("workflow_task_timed_out")
}
