package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	deploymentpb "go.temporal.io/api/deployment/v1"
	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/types/known/timestamppb"

	"tokenkeeper/internal/config"
)

func TestBothQueuesTogetherStayBelowTheVaultsLimit(t *testing.T) {
	for name, c := range map[string]struct {
		demand demand
		want   rates
	}{
		"nothing is known":   {demand{}, rates{6.5, 13}},
		"all rotate":         {demand{rotating: 20}, rates{12.35, 1.3}},
		"none rotates":       {demand{single: 20}, rates{0.65, 24.7}},
		"three of four":      {demand{rotating: 15, single: 5}, rates{9.75, 6.5}},
		"more than it takes": {demand{rotating: 3000, single: 1000}, rates{9.75, 6.5}},
	} {
		t.Run(name, func(t *testing.T) {
			got := splitPace(26, c.demand)
			require.InDelta(t, c.want.rotating, got.rotating, 1e-9)
			require.InDelta(t, c.want.single, got.single, 1e-9)
			require.LessOrEqual(t, 2*got.rotating+got.single, 26.0000001)
		})
	}
}

func TestPollersAreRestartedForALargeChangeOnly(t *testing.T) {
	before := splitPace(26, demand{rotating: 15, single: 5})
	require.False(t, before.differs(splitPace(26, demand{rotating: 15, single: 6})))
	require.True(t, before.differs(splitPace(26, demand{rotating: 15, single: 15})))
	require.True(t, rates{}.differs(before))
}

func TestAFleetOfWhichNobodyIsAtWorkKeepsItsShares(t *testing.T) {
	before := demand{rotating: 15}
	require.Equal(t, before, demand{}.orBefore(before))
	require.Equal(t, demand{single: 1}, demand{single: 1}.orBefore(before))
}

// A version that is being replaced polls for an hour, and gets no new runs.
func TestWorkersShareByTheRunsThatTheirVersionsGet(t *testing.T) {
	now := time.Now().Add(-5 * time.Minute) // the server's clock is behind, which does not matter
	poller := func(build string, n int, ago time.Duration) *taskqueuepb.PollerInfo {
		p := &taskqueuepb.PollerInfo{Identity: fmt.Sprint(build, n), LastAccessTime: timestamppb.New(now.Add(-ago))}
		if build != "" {
			p.DeploymentOptions = &deploymentpb.WorkerDeploymentOptions{DeploymentName: "keeper", BuildId: build, WorkerVersioningMode: enumspb.WORKER_VERSIONING_MODE_VERSIONED}
		}
		return p
	}
	version := func(build string) *deploymentpb.WorkerDeploymentVersion {
		return &deploymentpb.WorkerDeploymentVersion{DeploymentName: "keeper", BuildId: build}
	}
	own := func(build string) config.Deployment { return config.Deployment{Name: "keeper", BuildID: build} }
	pollers := []*taskqueuepb.PollerInfo{
		poller("v1", 1, 0), poller("v1", 2, time.Minute), poller("v2", 1, 0), poller("v2", 2, 80*time.Second),
		poller("v2", 2, 0), poller("v1", 3, 2*time.Minute), poller("", 1, 0),
	}
	ramp := &taskqueuepb.TaskQueueVersioningInfo{CurrentDeploymentVersion: version("v1"), RampingDeploymentVersion: version("v2"), RampingVersionPercentage: 20}
	done := &taskqueuepb.TaskQueueVersioningInfo{CurrentDeploymentVersion: version("v2")}
	for name, c := range map[string]struct {
		own      config.Deployment
		versions *taskqueuepb.TaskQueueVersioningInfo
		want     float64
		busy     string
	}{
		"no versions known":            {own("v1"), nil, 1. / 5, ""},
		"current":                      {own("v2"), done, 1. / 2, ""},
		"replaced":                     {own("v1"), done, 0.05 / 2, ""},
		"without a deployment":         {config.Deployment{BuildID: "v9"}, done, 0.05, ""},
		"current beside a ramp":        {own("v1"), ramp, 0.8 / 2, ""},
		"ramping":                      {own("v2"), ramp, 0.2 / 2, ""},
		"not listed yet":               {own("v3"), done, 0, ""},
		"ramped to unversioned ones":   {config.Deployment{}, &taskqueuepb.TaskQueueVersioningInfo{CurrentDeploymentVersion: version("v1"), RampingVersionPercentage: 30}, 0.3, ""},
		"unversioned ones are current": {config.Deployment{}, &taskqueuepb.TaskQueueVersioningInfo{}, 1, ""},
		"replaced, and many wait":      {own("v1"), done, 0.5 / 2, "v1"},
		"beside one of many that wait": {own("v2"), done, 0.5 / 2, "v1"},
		"many of one that gets runs":   {own("v1"), ramp, 0.8 / 2, "v1"},
	} {
		queue := &workflowservice.DescribeTaskQueueResponse{Pollers: pollers, VersioningInfo: c.versions}
		isBusy := func(v config.Deployment) bool { return v.BuildID == c.busy && c.busy != "" }
		require.InDelta(t, c.want, partOf(c.own, queue, isBusy), 1e-6, name)
	}
}

// A server that tells no versions of pollers apart has all of them counted.
func TestWorkersAreCountedWhereTheServerTellsNoVersions(t *testing.T) {
	queue := &workflowservice.DescribeTaskQueueResponse{
		Pollers:        []*taskqueuepb.PollerInfo{{Identity: "a", LastAccessTime: timestamppb.Now()}, {Identity: "b", LastAccessTime: timestamppb.Now()}},
		VersioningInfo: &taskqueuepb.TaskQueueVersioningInfo{CurrentDeploymentVersion: &deploymentpb.WorkerDeploymentVersion{DeploymentName: "keeper", BuildId: "v1"}},
	}
	require.InDelta(t, 0.5, partOf(config.Deployment{Name: "keeper", BuildID: "v1"}, queue, nil), 1e-6)
}
