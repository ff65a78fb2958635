package main_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/sim/stack"
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
	s := newSystem(t, stack.Options{})
	a := s.consent()
	deployment := unique("deployment")
	old := s.work(version(deployment, "v1")...)
	s.setCurrent(deployment, "v1")
	s.work(version(deployment, "v2")...)
	s.temporalCLI("worker", "deployment", "describe-version", "--deployment-name", deployment, "--build-id", "v2")
	begun := a.refreshHeld()
	s.setCurrent(deployment, "v2")
	a.release()

	require.Equal(t, workflows.Refreshed, begun.result().Outcome)
	require.Equal(t, "v1", begun.build())
	begun.triedOnce()
	require.NoError(t, old.Stop(patience))
	next := a.refresh()
	require.Equal(t, workflows.Refreshed, next.result().Outcome)
	require.Equal(t, "v2", next.build())
	next.triedOnce()
	require.Equal(t, 2, a.calls())
	a.nothingLost(2)
}

func TestF19RunWhoseVersionIsGoneCanBeMovedToTheNext(t *testing.T) {
	s := newSystem(t, stack.Options{Provider: authserver.Options{ReplayWindow: authserver.NoReplay}})
	a := s.consent()
	deployment := unique("deployment")
	old := s.work(version(deployment, "v1")...)
	s.setCurrent(deployment, "v1")
	run := a.refreshHeld()
	require.NoError(t, old.Signal(syscall.SIGTERM))
	a.release()
	<-old.Ended()
	require.Zero(t, old.ExitCode())
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

func TestF19WorkerThatIsToldToStopFinishesItsCallFirst(t *testing.T) {
	s := newSystem(t, stack.Options{Provider: authserver.Options{ReplayWindow: authserver.NoReplay}})
	a := s.consent()
	leaving := s.work()
	run := a.refreshHeld()
	require.NoError(t, leaving.Signal(syscall.SIGTERM))
	s.eventually("the worker is stopping", func() bool { return strings.Contains(leaving.Output(), "stopping; calls in flight finish first") })
	a.release()
	<-leaving.Ended()
	require.Zero(t, leaving.ExitCode())
	s.work()

	require.Equal(t, workflows.Refreshed, run.result().Outcome)
	run.triedOnce()
	require.Equal(t, []grant.Outcome{grant.Rotated}, a.outcomes())
	a.nothingLost(1)
}

func TestF19WorkerThatIsToldToStopKeepsItsPairUntilSomebodyTakesIt(t *testing.T) {
	s := newSystem(t, stack.Options{Provider: unforgiving})
	a := s.consent()
	temporal := s.linkTo(s.Temporal.Address())
	leaving := s.work("TEMPORAL_ADDRESS="+temporal.address(), "TOKENKEEPER_STOP_TIMEOUT=30s")
	run := a.refreshHeld()
	temporal.cut()
	s.Vault.Stop()
	a.release()
	told := time.Now()
	require.NoError(t, leaving.Signal(syscall.SIGTERM))
	// The time that it gives its activities is up, and so is the attempt's.
	s.eventually("its time is up", func() bool { return time.Since(told) > 35*time.Second })
	select {
	case <-leaving.Ended():
		t.Fatal("the worker has ended, and the pair with it")
	default:
	}
	require.NoError(t, s.Vault.Resume())
	<-leaving.Ended()
	require.Zero(t, leaving.ExitCode())
	a.nothingLost(1)
	s.work()

	require.Equal(t, workflows.Recovered, run.result().Outcome)
	require.Equal(t, []grant.Outcome{grant.Rotated, grant.Rotated}, a.outcomes())
	a.nothingLost(2)
}
