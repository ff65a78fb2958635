package main_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/workflows"
)

// version is the environment of a worker of a deployment.
func version(deployment, build string) []string {
	return []string{"TEMPORAL_DEPLOYMENT_NAME=" + deployment, "TEMPORAL_WORKER_BUILD_ID=" + build}
}

// setCurrent makes a version of a deployment the one that gets new runs.
func (s *system) setCurrent(deployment, build string) {
	s.t.Helper()
	s.temporalCLI("worker", "deployment", "set-current-version", "--deployment-name", deployment, "--build-id", build, "--yes")
}

// knows waits until the server knows that a version's workers listen for
// decisions and for activities, so that it can be made current in a moment: no
// longer than a call may take.
func (s *system) knows(deployment, build string) {
	s.t.Helper()
	handle := s.temporal.WorkerDeploymentClient().GetHandle(deployment)
	s.eventually("the server knows "+build, func() bool {
		described, err := handle.DescribeVersion(s.t.Context(), client.WorkerDeploymentDescribeVersionOptions{BuildID: build})
		return err == nil && len(described.Info.TaskQueuesInfos) == 2
	})
}

// build is the build id of the version that a run belongs to.
func (r run) build() string {
	r.t.Helper()
	described, err := r.temporal.DescribeWorkflowExecution(r.t.Context(), r.id, r.runID)
	require.NoError(r.t, err)
	return described.GetWorkflowExecutionInfo().GetVersioningInfo().GetDeploymentVersion().GetBuildId()
}

// triedOnce asserts that no activity of the run took a second attempt.
func (r run) triedOnce() {
	r.t.Helper()
	for _, activity := range []string{"LoadSecrets", "CallFitbit", "StoreSecrets"} {
		require.Equal(r.t, []int{1}, r.attempts(activity), activity)
	}
}

func TestF19RunEndsOnTheVersionThatItBeganOn(t *testing.T) {
	s := newSystem(t, testenv.Options{})
	deployment := unique("deployment")
	old := s.work(version(deployment, "v1")...)
	s.work(version(deployment, "v2")...)
	s.knows(deployment, "v2")
	var a account
	var begun run
	s.inTime(func() bool {
		a = s.consent()
		s.setCurrent(deployment, "v1")
		begun = a.refreshHeld()
		s.setCurrent(deployment, "v2")
		return a.released()
	})

	require.Equal(t, workflows.Refreshed, begun.result().Outcome)
	require.Equal(t, "v1", begun.build())
	begun.triedOnce()
	s.sigterm(old)
	s.exits(old, 0)
	next := a.refresh()
	require.Equal(t, workflows.Refreshed, next.result().Outcome)
	require.Equal(t, "v2", next.build())
	next.triedOnce()
	require.Equal(t, 2, a.calls())
	a.nothingLost(2)
}

// onlyOn asserts that the run was decided on one version, and that one worker
// acted for it.
func (r run) onlyOn(build string, w *testenv.Worker) {
	r.t.Helper()
	for _, e := range r.history() {
		if decided := e.GetWorkflowTaskCompletedEventAttributes(); decided != nil {
			require.Equal(r.t, build, decided.GetDeploymentVersion().GetBuildId(), "event %d", e.GetEventId())
		}
	}
	require.Equal(r.t, []int{w.PID()}, slices.Collect(maps.Keys(r.actors())))
}

func TestF19CronIsRolledForwardAndBackWithoutARetry(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: unforgiving})
	a := s.consent()
	deployment := unique("deployment")
	v1 := s.work(version(deployment, "v1")...)
	s.setCurrent(deployment, "v1")
	v2 := s.work(version(deployment, "v2")...)
	s.knows(deployment, "v2")
	// The first run's call is in flight while v2 becomes current, the third one's
	// while v1 does again.
	for _, nth := range []int{1, 3} {
		require.NoError(t, s.Provider.Inject(authserver.Fault{Endpoint: authserver.Token, User: a.user, Nth: nth, Hold: true}))
	}
	first := a.refresh(everyFewSeconds)
	a.held()
	s.setCurrent(deployment, "v2")
	a.release()
	second := first.next()
	third := second.next()
	a.held()
	s.setCurrent(deployment, "v1")
	a.release()
	fourth := third.next()
	require.Equal(t, workflows.Refreshed, fourth.result().Outcome)
	a.endCron(fourth)

	for i, c := range []struct {
		run
		build string
		by    *testenv.Worker
	}{{first, "v1", v1}, {second, "v2", v2}, {third, "v2", v2}, {fourth, "v1", v1}} {
		require.Equal(t, workflows.Refreshed, c.result().Outcome, "run %d", i+1)
		c.onlyOn(c.build, c.by)
		c.triedOnce()
	}
	require.Equal(t, []grant.Outcome{grant.Rotated, grant.Rotated, grant.Rotated, grant.Rotated}, a.outcomes()[:4])
	a.nothingLost(a.calls())
}

func TestF19RampSplitsTheAccountsAndNoRun(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: unforgiving})
	deployment := unique("deployment")
	workers := map[string]*testenv.Worker{"v1": s.work(version(deployment, "v1")...)}
	s.setCurrent(deployment, "v1")
	// Only where the queues are in use does the server wait until v2 listens on
	// both, that for decisions and that for activities.
	s.consent().refresh().result()
	workers["v2"] = s.work(version(deployment, "v2")...)
	s.temporalCLI("worker", "deployment", "set-ramping-version", "--deployment-name", deployment, "--build-id", "v2", "--percentage", "50", "--yes")
	var runs []run
	for range 24 {
		runs = append(runs, s.consent().refresh())
	}
	on := map[string]int{}
	for _, r := range runs {
		require.Equal(t, workflows.Refreshed, r.result().Outcome)
		on[r.build()]++
		r.onlyOn(r.build(), workers[r.build()])
		r.triedOnce()
		r.nothingLost(1)
	}
	require.Len(t, on, 2, "the versions share the accounts: %v", on)
}

// abandoned is a cron's run whose pair is in its history and nowhere else, and
// whose version has no worker any more; v2 is current and has one.
func (s *system) abandoned(a account, deployment string) (left run, successor *testenv.Worker) {
	s.t.Helper()
	old := s.work(version(deployment, "v1")...)
	s.setCurrent(deployment, "v1")
	r := a.refreshHeld(everyFewSeconds)
	s.sigterm(old)
	a.release()
	s.exits(old, 0)
	successor = s.work(version(deployment, "v2")...)
	s.setCurrent(deployment, "v2")
	require.Equal(s.t, []int{1}, r.attempts("CallFitbit"))
	return r, successor
}

func TestF19RunsOfAVersionThatIsGoneAreFoundAndMovedAndTheirCronIsNot(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: unforgiving})
	a := s.consent()
	deployment := unique("deployment")
	left, successor := s.abandoned(a, deployment)
	// Only a worker of another version can say it for the run.
	s.says(successor, "runs wait for a version that has no worker any more")
	_, command, _ := strings.Cut(successor.Output(), "have this version go on with them: temporal ")
	query := "TemporalWorkerDeploymentVersion = '" + deployment + ":v1' AND ExecutionStatus = 'Running'"
	require.True(t, strings.HasPrefix(command, `workflow update-options --query \"`+query+`\" --versioning-override-behavior auto_upgrade"`), command)
	s.temporalCLI("workflow", "update-options", "--query", query, "--versioning-override-behavior", "auto_upgrade", "--yes")

	next := left.next()
	require.Equal(t, workflows.Refreshed, left.result().Outcome)
	left.triedOnce()
	require.Equal(t, workflows.Refreshed, next.result().Outcome)
	require.Equal(t, "v2", next.build())
	described, err := s.temporal.DescribeWorkflowExecution(t.Context(), next.id, next.runID)
	require.NoError(t, err)
	require.Nil(t, described.GetWorkflowExecutionInfo().GetVersioningInfo().GetVersioningOverride(), "the cron would stay where its run was moved")
	a.endCron(next)
	a.nothingLost(a.calls())
}

func TestF19RunWhoseVersionIsGoneCanBeMovedToTheNext(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: noReplay})
	a := s.consent()
	deployment := unique("deployment")
	old := s.work(version(deployment, "v1")...)
	s.setCurrent(deployment, "v1")
	run := a.refreshHeld()
	s.sigterm(old)
	a.release()
	s.exits(old, 0)
	s.work(version(deployment, "v2")...)
	s.setCurrent(deployment, "v2")
	require.Equal(t, []int{1}, run.attempts("CallFitbit"))
	s.temporalCLI("workflow", "update-options", "--workflow-id", run.id,
		"--versioning-override-behavior", "pinned",
		"--versioning-override-deployment-name", deployment, "--versioning-override-build-id", "v2")

	require.Equal(t, workflows.Refreshed, run.result().Outcome)
	run.triedOnce()
	require.Equal(t, []grant.Outcome{grant.Rotated}, a.outcomes())
	a.nothingLost(1)
}
