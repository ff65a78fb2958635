package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	deploymentpb "go.temporal.io/api/deployment/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"google.golang.org/protobuf/types/known/timestamppb"

	"tokenkeeper/internal/config"
)

func TestAVersionHasAWorkerThatHasAskedLately(t *testing.T) {
	now := time.Now()
	asked := func(deployment, build string, ago time.Duration) *taskqueuepb.PollerInfo {
		return &taskqueuepb.PollerInfo{LastAccessTime: timestamppb.New(now.Add(-ago)), DeploymentOptions: &deploymentpb.WorkerDeploymentOptions{
			DeploymentName: deployment, BuildId: build}}
	}
	for _, c := range []struct {
		name    string
		pollers []*taskqueuepb.PollerInfo
		works   bool
	}{
		{"nobody", nil, false},
		{"a worker of it", []*taskqueuepb.PollerInfo{asked("keeper", "v1", time.Minute)}, true},
		{"one that is gone, and still listed", []*taskqueuepb.PollerInfo{asked("keeper", "v1", 2*time.Minute)}, false},
		{"workers of others", []*taskqueuepb.PollerInfo{asked("keeper", "v2", 0), asked("other", "v1", 0), {LastAccessTime: timestamppb.New(now)}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.works, works(config.Deployment{Name: "keeper", BuildID: "v1"}, c.pollers, now))
		})
	}
}

func TestVersionsThatStillHaveRunsAreLeaving(t *testing.T) {
	summary := func(build string, drainage client.WorkerDeploymentVersionDrainageStatus) client.WorkerDeploymentVersionSummary {
		return client.WorkerDeploymentVersionSummary{Version: worker.WorkerDeploymentVersion{DeploymentName: "keeper", BuildID: build}, DrainageStatus: drainage}
	}
	require.Equal(t, []config.Deployment{{Name: "keeper", BuildID: "v2"}}, leaving(client.WorkerDeploymentInfo{VersionSummaries: []client.WorkerDeploymentVersionSummary{
		summary("v1", client.WorkerDeploymentVersionDrainageStatusDrained),
		summary("v2", client.WorkerDeploymentVersionDrainageStatusDraining),
		summary("v3", client.WorkerDeploymentVersionDrainageStatusUnspecified),
	}}))
}
