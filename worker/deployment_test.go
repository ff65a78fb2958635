package main_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAVersionThatIsNotCurrentNamesTheCommandThatMakesItSo(t *testing.T) {
	s := newSystem(t)
	version := []string{"TEMPORAL_DEPLOYMENT_NAME=" + unique("deployment"), "TEMPORAL_WORKER_BUILD_ID=v1"}
	said := s.work(version...).logged("this version is not current and gets no new runs; make it current with: temporal ", 1)[0].Msg
	_, command, _ := strings.Cut(said, "make it current with: temporal ")
	args := append(strings.Fields(command), "--address", s.Temporal.Address())
	eventually(t, "the server knows the worker's version", func() bool {
		make := exec.CommandContext(t.Context(), s.Temporal.CLI(), args...)
		make.Stdin = strings.NewReader("y\n")
		return make.Run() == nil
	})

	s.refreshes(s.consent())
	s.work(version...).logged("this version is current", 1)
}

func TestAWorkerWithoutADeploymentAnnouncesNone(t *testing.T) {
	s := newSystem(t)
	require.NotContains(t, s.work().Output(), "current")
}
