package main_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"tokenkeeper/internal/config"
	worker "tokenkeeper/worker"
)

func TestAVersionThatIsNotCurrentNamesTheCommandThatMakesItSo(t *testing.T) {
	s := newSystem(t)
	deployment := unique("deployment")
	versioned := func(build string) []string {
		return []string{"TEMPORAL_DEPLOYMENT_NAME=" + deployment, "TEMPORAL_WORKER_BUILD_ID=" + build}
	}
	first := s.work(versioned("v1")...)
	said := first.logged("this version is not current and gets no new runs; make it current with: temporal ", 1)[0].Msg
	s.follow(said)
	s.refreshes(s.consent())
	first.logged("this version is current", 1)

	second := s.work(versioned("v2")...)
	s.follow(second.logged("this version is not current and gets no new runs (v1 is current); make it current with: temporal ", 1)[0].Msg)
	second.logged("this version is current", 1)
	back := first.logged("this version gets no new runs (v2 is current)", 1)[0].Msg
	require.Contains(t, back, "keep its workers until it has finished those that it has")

	s.temporalCLI("worker", "deployment", "set-ramping-version", "--deployment-name", deployment, "--build-id", "v1", "--percentage", "25")
	first.logged("this version gets 25% of the new runs (v2 is current)", 1)

	idle := func(config.Deployment) bool { return false }
	eventually(t, "they share the pace likewise", func() bool {
		queue, err := s.temporal.DescribeTaskQueue(t.Context(), s.TaskQueue(), enumspb.TASK_QUEUE_TYPE_ACTIVITY)
		return err == nil && worker.PartOf(config.Deployment{Name: deployment, BuildID: "v1"}, queue, idle) == 0.25 &&
			worker.PartOf(config.Deployment{Name: deployment, BuildID: "v2"}, queue, idle) == 0.75
	})
}

// follow runs the Temporal command that a worker has named, as soon as the server
// knows the worker's version.
func (s *system) follow(said string) {
	s.t.Helper()
	_, command, _ := strings.Cut(said, "make it current with: temporal ")
	args := append(strings.Fields(command), "--address", s.Temporal.Address())
	eventually(s.t, "the server knows the worker's version", func() bool {
		make := exec.CommandContext(s.t.Context(), s.Temporal.CLI(), args...)
		make.Stdin = strings.NewReader("y\n")
		return make.Run() == nil
	})
}

func TestAWorkerWithoutADeploymentAnnouncesNone(t *testing.T) {
	s := newSystem(t)
	require.NotContains(t, s.work().Output(), "current")
}
