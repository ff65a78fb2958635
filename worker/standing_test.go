package main

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
)

func TestStandingOfAVersion(t *testing.T) {
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
		is    standing
		level slog.Level
		says  string
	}{
		{"nothing is current", client.WorkerDeploymentInfo{}, standing{is: waiting}, slog.LevelWarn,
			"this version is not current and gets no new runs; make it current with: COMMAND"},
		{"another is current",
			client.WorkerDeploymentInfo{RoutingConfig: client.WorkerDeploymentRoutingConfig{CurrentVersion: version("v1")}},
			standing{is: waiting, other: "v1"}, slog.LevelWarn,
			"this version is not current and gets no new runs (v1 is current); make it current with: COMMAND"},
		{"it is current",
			client.WorkerDeploymentInfo{RoutingConfig: client.WorkerDeploymentRoutingConfig{CurrentVersion: version("v2")}},
			standing{is: current}, slog.LevelInfo, "this version is current"},
		{"it ramps up",
			client.WorkerDeploymentInfo{RoutingConfig: client.WorkerDeploymentRoutingConfig{CurrentVersion: version("v1"), RampingVersion: version("v2"), RampingVersionPercentage: 12.5}},
			standing{is: ramping, share: 12.5, other: "v1"}, slog.LevelInfo,
			"this version gets 12.5% of the new runs (v1 is current); to give it all of them: COMMAND"},
		{"another ramps up",
			client.WorkerDeploymentInfo{RoutingConfig: client.WorkerDeploymentRoutingConfig{CurrentVersion: version("v2"), RampingVersion: version("v3"), RampingVersionPercentage: 5}},
			standing{is: current}, slog.LevelInfo, "this version is current"},
		{"it has runs left",
			client.WorkerDeploymentInfo{
				RoutingConfig: client.WorkerDeploymentRoutingConfig{CurrentVersion: version("v3")},
				VersionSummaries: []client.WorkerDeploymentVersionSummary{
					summary("v1", client.WorkerDeploymentVersionDrainageStatusDrained), summary("v2", client.WorkerDeploymentVersionDrainageStatusDraining)},
			},
			standing{is: draining, other: "v3"}, slog.LevelInfo,
			"this version gets no new runs (v3 is current); keep its workers until it has finished those that it has. To go back to it: COMMAND"},
		{"it has none left",
			client.WorkerDeploymentInfo{
				RoutingConfig:    client.WorkerDeploymentRoutingConfig{CurrentVersion: version("v3")},
				VersionSummaries: []client.WorkerDeploymentVersionSummary{summary("v2", client.WorkerDeploymentVersionDrainageStatusDrained)},
			},
			standing{is: drained, other: "v3"}, slog.LevelInfo,
			"this version has no runs left (v3 is current); its workers may be stopped. To go back to it: COMMAND"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := standingOf("v2", c.info)
			require.Equal(t, c.is, s)
			require.Equal(t, c.level, s.level())
			require.Equal(t, c.says, s.words(command))
		})
	}
}

func TestAPersonHearsOfWhatIsNewAndIsRemindedOfWhatNeedsThem(t *testing.T) {
	for _, c := range []struct {
		name      string
		now, told standing
		ago       time.Duration
		says      bool
	}{
		{"at the start", standing{is: current}, standing{}, 0, true},
		{"nothing has changed", standing{is: current}, standing{is: current}, time.Hour, false},
		{"it got its runs", standing{is: current}, standing{is: waiting}, time.Second, true},
		{"its share has grown", standing{is: ramping, share: 50}, standing{is: ramping, share: 10}, time.Second, true},
		{"it still gets none", standing{is: waiting}, standing{is: waiting}, remindEvery - time.Second, false},
		{"it still gets none, after a while", standing{is: waiting}, standing{is: waiting}, remindEvery, true},
		{"it drains", standing{is: draining}, standing{is: draining}, 24 * time.Hour, false},
		{"the server is away", standing{is: unseen}, standing{is: unseen}, 24 * time.Hour, false},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.says, c.now.worthSaying(c.told, c.ago)) })
	}
}

func TestTheCommandNamesANamespaceThatIsNotTheDefault(t *testing.T) {
	a := announcer{namespace: "default"}
	a.deployment.Name, a.deployment.BuildID = "keeper", "v2"
	require.Equal(t, "temporal worker deployment set-current-version --deployment-name keeper --build-id v2", a.makeCurrent())
	a.namespace = "tokens"
	require.Equal(t, "temporal worker deployment set-current-version --deployment-name keeper --build-id v2 --namespace tokens", a.makeCurrent())
}
