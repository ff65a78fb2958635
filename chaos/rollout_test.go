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

// setCurrent makes a version of a deployment the one that gets new runs, as soon as
// the server knows it. It takes a moment, so that a call can be in flight meanwhile.
func (s *system) setCurrent(deployment, build string) {
	s.t.Helper()
	handle := s.temporal.WorkerDeploymentClient().GetHandle(deployment)
	s.eventually(build+" is current", func() bool {
		_, err := handle.SetCurrentVersion(s.t.Context(), client.WorkerDeploymentSetCurrentVersionOptions{BuildID: build})
		return err == nil
	})
}

// queues are those of a version: the main one's for decisions and for activities, and two for
// loads that may wait.
const queues = 4

// knows waits until the server knows that a version's workers listen for
// decisions and for activities, so that it can be made current in a moment: no
// longer than a call may take.
//
// A load over a queue that the server does not know of the new version yet may go to a worker
// of the version before, whatever version its run has.
func (s *system) knows(deployment, build string) {
	s.t.Helper()
	handle := s.temporal.WorkerDeploymentClient().GetHandle(deployment)
	s.eventually("the server knows "+build, func() bool {
		described, err := handle.DescribeVersion(s.t.Context(), client.WorkerDeploymentDescribeVersionOptions{BuildID: build})
		return err == nil && len(described.Info.TaskQueuesInfos) == queues
	})
}

// build is the build id of the version that a run belongs to.
func (r run) build() string {
	r.t.Helper()
	described, err := r.temporal.DescribeWorkflowExecution(r.t.Context(), r.id, r.runID)
	require.NoError(r.t, err)
	return described.GetWorkflowExecutionInfo().GetVersioningInfo().GetDeploymentVersion().GetBuildId()
}

// triedOnce reports whether no activity of the run took a second attempt. On a busy
// machine one may although nothing is wrong.
func (r run) triedOnce() bool {
	r.t.Helper()
	return !slices.ContainsFunc([]string{"LoadSecrets", "CallFitbit", "StoreSecrets"}, func(activity string) bool {
		attempts := r.attempts(activity) // a load that may wait comes after a peek
		return len(attempts) == 0 || slices.ContainsFunc(attempts, func(attempt int) bool { return attempt != 1 })
	})
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
		if !a.released() {
			return false
		}
		begun.wait()
		return begun.triedOnce()
	})

	begun.refreshed()
	require.Equal(t, "v1", begun.build())
	s.sigterm(old)
	s.exits(old, 0)
	next := a.refresh()
	next.refreshed()
	require.Equal(t, "v2", next.build())
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
	deployment := unique("deployment")
	v1 := s.work(version(deployment, "v1")...)
	v2 := s.work(version(deployment, "v2")...)
	s.knows(deployment, "v2")
	var a account
	var runs []run
	setCurrentDuringCall := func(build string) (inTime bool) {
		a.held()
		s.setCurrent(deployment, build)
		return a.released()
	}
	s.inTime(func() bool {
		s.setCurrent(deployment, "v1")
		a = s.consent()
		for _, nth := range []int{1, 3} {
			require.NoError(t, s.Provider.Inject(authserver.Fault{Endpoint: authserver.Token, User: a.user, Nth: nth, Hold: true}))
		}
		// The first run's call is in flight while v2 becomes current, the third one's
		// while v1 does again.
		runs = []run{a.refresh(everyFewSeconds)}
		if !setCurrentDuringCall("v2") {
			runs[0].drop()
			return false
		}
		runs = append(runs, runs[0].next())
		runs = append(runs, runs[1].next())
		if !setCurrentDuringCall("v1") {
			runs[0].drop()
			return false
		}
		runs = append(runs, runs[2].next())
		a.endCron(runs[3])
		return !slices.ContainsFunc(runs, func(r run) bool { return !r.triedOnce() })
	})

	for i, c := range []struct {
		build string
		by    *testenv.Worker
	}{{"v1", v1}, {"v2", v2}, {"v2", v2}, {"v1", v1}} {
		runs[i].refreshed("run %d", i+1)
		runs[i].onlyOn(c.build, c.by)
	}
	require.Equal(t, []grant.Outcome{grant.Rotated, grant.Rotated, grant.Rotated, grant.Rotated}, a.outcomes()[:4])
	a.nothingLost(a.calls())
}

func TestF19RampSplitsTheAccountsAndNoRun(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: unforgiving})
	deployment := unique("deployment")
	workers := map[string]*testenv.Worker{"v1": s.work(version(deployment, "v1")...)}
	s.temporalCLI("worker", "deployment", "set-current-version", "--deployment-name", deployment, "--build-id", "v1", "--yes")
	// Only where the queues are in use does the server wait until v2 listens on
	// both, that for decisions and that for activities.
	s.consent().refresh().result()
	workers["v2"] = s.work(version(deployment, "v2")...)
	s.knows(deployment, "v2")
	s.temporalCLI("worker", "deployment", "set-ramping-version", "--deployment-name", deployment, "--build-id", "v2", "--percentage", "50", "--yes")
	var runs []run
	for range 24 {
		runs = append(runs, s.consent().refresh())
	}
	on, retried := map[string]int{}, 0
	for _, r := range runs {
		r.refreshed()
		on[r.build()]++
		r.onlyOn(r.build(), workers[r.build()])
		if !r.triedOnce() {
			retried++
		}
		r.nothingLost(1)
	}
	require.Len(t, on, 2, "the versions share the accounts: %v", on)
	require.Less(t, retried, len(runs)/4, "runs with a retry")
}

// abandoned is a run whose pair is in its history and nowhere else, and whose version has no
// worker any more; v2 is current and has one.
func (s *system) abandoned(deployment string, changes ...func(*client.StartWorkflowOptions)) (left run, successor *testenv.Worker) {
	s.t.Helper()
	s.inTime(func() bool {
		old := s.work(version(deployment, "v1")...)
		s.setCurrent(deployment, "v1")
		left = s.consent().refreshHeld(changes...)
		s.sigterm(old)
		inTime := left.released()
		s.exits(old, 0)
		if inTime && slices.Equal(left.attempts("CallFitbit"), []int{1}) {
			return true
		}
		left.drop()
		return false
	})
	successor = s.work(version(deployment, "v2")...)
	s.setCurrent(deployment, "v2")
	return left, successor
}

func TestF19RunsOfAVersionThatIsGoneAreFoundAndMovedAndTheirCronIsNot(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: unforgiving})
	deployment := unique("deployment")
	left, successor := s.abandoned(deployment, everyFewSeconds)
	a := left.account
	// Only a worker of another version can say it for the run.
	s.says(successor, "runs wait for a version that has no worker any more")
	_, command, _ := strings.Cut(successor.Output(), "have this version go on with them: temporal ")
	query := "TemporalWorkerDeploymentVersion = '" + deployment + ":v1' AND ExecutionStatus = 'Running'"
	require.True(t, strings.HasPrefix(command, `workflow update-options --query \"`+query+`\" --versioning-override-behavior auto_upgrade"`), command)
	s.temporalCLI("workflow", "update-options", "--query", query, "--versioning-override-behavior", "auto_upgrade", "--yes")

	next := left.next()
	left.refreshed()
	left.callsOnce()
	next.refreshed()
	require.Equal(t, "v2", next.build())
	described, err := s.temporal.DescribeWorkflowExecution(t.Context(), next.id, next.runID)
	require.NoError(t, err)
	require.Nil(t, described.GetWorkflowExecutionInfo().GetVersioningInfo().GetVersioningOverride(), "the cron would stay where its run was moved")
	a.endCron(next)
	a.nothingLost(a.calls())
}

func TestF19RunWhoseVersionIsGoneCanBeMovedToTheNext(t *testing.T) {
	s := newSystem(t, testenv.Options{Provider: noReplay})
	deployment := unique("deployment")
	run, _ := s.abandoned(deployment)
	s.temporalCLI("workflow", "update-options", "--workflow-id", run.id,
		"--versioning-override-behavior", "pinned",
		"--versioning-override-deployment-name", deployment, "--versioning-override-build-id", "v2")

	run.ends(workflows.Refreshed, grant.Rotated)
	run.callsOnce()
}
