package main

import (
	"log/slog"
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

func TestTheStatusOfAVersion(t *testing.T) {
	version := func(build string) *worker.WorkerDeploymentVersion {
		return &worker.WorkerDeploymentVersion{DeploymentName: "keeper", BuildID: build}
	}
	summary := func(build string, drainage client.WorkerDeploymentVersionDrainageStatus) client.WorkerDeploymentVersionSummary {
		return client.WorkerDeploymentVersionSummary{Version: *version(build), DrainageStatus: drainage}
	}
	const command = "COMMAND"
	for _, c := range []struct {
		name  string
		info  client.WorkerDeploymentInfo
		want  versionStatus
		level slog.Level
		says  string
	}{
		{"nothing is current", client.WorkerDeploymentInfo{}, versionStatus{routing: inactive}, slog.LevelWarn,
			"this version is not current and gets no new runs; make it current with: COMMAND"},
		{"another is current",
			client.WorkerDeploymentInfo{RoutingConfig: client.WorkerDeploymentRoutingConfig{CurrentVersion: version("v1")}},
			versionStatus{routing: inactive, other: "v1"}, slog.LevelWarn,
			"this version is not current and gets no new runs (v1 is current); make it current with: COMMAND"},
		{"it is current",
			client.WorkerDeploymentInfo{RoutingConfig: client.WorkerDeploymentRoutingConfig{CurrentVersion: version("v2")}},
			versionStatus{routing: current}, slog.LevelInfo, "this version is current"},
		{"it ramps up",
			client.WorkerDeploymentInfo{RoutingConfig: client.WorkerDeploymentRoutingConfig{CurrentVersion: version("v1"), RampingVersion: version("v2"), RampingVersionPercentage: 12.5}},
			versionStatus{routing: ramping, share: 12.5, other: "v1"}, slog.LevelInfo,
			"this version gets 12.5% of the new runs (v1 is current); to give it all of them: COMMAND"},
		{"another ramps up",
			client.WorkerDeploymentInfo{RoutingConfig: client.WorkerDeploymentRoutingConfig{CurrentVersion: version("v2"), RampingVersion: version("v3"), RampingVersionPercentage: 5}},
			versionStatus{routing: current}, slog.LevelInfo, "this version is current"},
		{"it has runs left",
			client.WorkerDeploymentInfo{
				RoutingConfig: client.WorkerDeploymentRoutingConfig{CurrentVersion: version("v3")},
				VersionSummaries: []client.WorkerDeploymentVersionSummary{
					summary("v1", client.WorkerDeploymentVersionDrainageStatusDrained), summary("v2", client.WorkerDeploymentVersionDrainageStatusDraining)},
			},
			versionStatus{routing: draining, other: "v3"}, slog.LevelInfo,
			"this version gets no new runs (v3 is current); keep its workers until it has finished those that it has. To go back to it: COMMAND"},
		{"it has none left",
			client.WorkerDeploymentInfo{
				RoutingConfig:    client.WorkerDeploymentRoutingConfig{CurrentVersion: version("v3")},
				VersionSummaries: []client.WorkerDeploymentVersionSummary{summary("v2", client.WorkerDeploymentVersionDrainageStatusDrained)},
			},
			versionStatus{routing: drained, other: "v3"}, slog.LevelInfo,
			"this version has no runs left (v3 is current); its workers may be stopped. To go back to it: COMMAND"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := statusOf("v2", c.info)
			require.Equal(t, c.want, s)
			require.Equal(t, c.level, s.level())
			require.Equal(t, c.says, s.message(command))
		})
	}
}

func TestAStatusIsReportedWhenItChangesAndAgainIfItNeedsTheOperator(t *testing.T) {
	for _, c := range []struct {
		name      string
		now, last versionStatus
		ago       time.Duration
		says      bool
	}{
		{"at the start", versionStatus{routing: current}, versionStatus{}, 0, true},
		{"nothing has changed", versionStatus{routing: current}, versionStatus{routing: current}, time.Hour, false},
		{"it got its runs", versionStatus{routing: current}, versionStatus{routing: inactive}, time.Second, true},
		{"its share has grown", versionStatus{routing: ramping, share: 50}, versionStatus{routing: ramping, share: 10}, time.Second, true},
		{"it still gets none", versionStatus{routing: inactive}, versionStatus{routing: inactive}, remindEvery - time.Second, false},
		{"it still gets none, after a while", versionStatus{routing: inactive}, versionStatus{routing: inactive}, remindEvery, true},
		{"it drains", versionStatus{routing: draining}, versionStatus{routing: draining}, 24 * time.Hour, false},
		{"the server is away", versionStatus{routing: unknown}, versionStatus{routing: unknown}, 24 * time.Hour, false},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.says, c.now.shouldReport(c.last, c.ago)) })
	}
}

func TestTheCommandNamesANamespaceThatIsNotTheDefault(t *testing.T) {
	m := deploymentMonitor{namespace: "default"}
	m.deployment.Name, m.deployment.BuildID = "keeper", "v2"
	require.Equal(t, "temporal worker deployment set-current-version --deployment-name keeper --build-id v2", m.makeCurrent())
	m.namespace = "tokens"
	require.Equal(t, "temporal worker deployment set-current-version --deployment-name keeper --build-id v2 --namespace tokens", m.makeCurrent())
}

func TestAVersionHasAWorkerThatHasPolledLately(t *testing.T) {
	now := time.Now()
	asked := func(deployment, build string, ago time.Duration) *taskqueuepb.PollerInfo {
		return &taskqueuepb.PollerInfo{LastAccessTime: timestamppb.New(now.Add(-ago)), DeploymentOptions: &deploymentpb.WorkerDeploymentOptions{
			DeploymentName: deployment, BuildId: build}}
	}
	for _, c := range []struct {
		name    string
		pollers []*taskqueuepb.PollerInfo
		want    bool
	}{
		{"no worker", nil, false},
		{"a worker of it", []*taskqueuepb.PollerInfo{asked("keeper", "v1", time.Minute)}, true},
		{"one that is gone, and still listed", []*taskqueuepb.PollerInfo{asked("keeper", "v1", 2*time.Minute)}, false},
		{"workers of others", []*taskqueuepb.PollerInfo{asked("keeper", "v2", 0), asked("other", "v1", 0), {LastAccessTime: timestamppb.New(now)}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, hasPoller(config.Deployment{Name: "keeper", BuildID: "v1"}, c.pollers, now))
		})
	}
}

func TestVersionsThatStillHaveRunsAreDraining(t *testing.T) {
	summary := func(build string, drainage client.WorkerDeploymentVersionDrainageStatus) client.WorkerDeploymentVersionSummary {
		return client.WorkerDeploymentVersionSummary{Version: worker.WorkerDeploymentVersion{DeploymentName: "keeper", BuildID: build}, DrainageStatus: drainage}
	}
	require.Equal(t, []config.Deployment{{Name: "keeper", BuildID: "v2"}}, drainingVersions(client.WorkerDeploymentInfo{VersionSummaries: []client.WorkerDeploymentVersionSummary{
		summary("v1", client.WorkerDeploymentVersionDrainageStatusDrained),
		summary("v2", client.WorkerDeploymentVersionDrainageStatusDraining),
		summary("v3", client.WorkerDeploymentVersionDrainageStatusUnspecified),
	}}))
}

func TestAVersionedWorkerIsBuiltFromItsBuildID(t *testing.T) {
	const name, build = "TEMPORAL_DEPLOYMENT_NAME", "TEMPORAL_WORKER_BUILD_ID"
	for _, tc := range []struct {
		name     string
		environ  map[string]string
		revision string
		want     string
	}{
		{"the revision where none is named", map[string]string{name: "keeper"}, "4b890ad", "4b890ad"},
		{"the named one before all", map[string]string{name: "keeper", build: "v2"}, "4b890ad", "v2"},
		{"none without a revision", map[string]string{name: "keeper"}, "", ""},
		{"none without a deployment", map[string]string{}, "4b890ad", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Equal(t, tc.want, withBuildID(tc.environ, tc.revision)[build])
		})
	}
}
