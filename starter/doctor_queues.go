package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	deploymentpb "go.temporal.io/api/deployment/v1"
	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"

	"tokenkeeper/activities"
)

// checkQueues sees that a worker listens on each queue, that the versions that Temporal
// sends runs to have workers, and what the workers' polls tell of the clock.
func (p *patient) checkQueues(ctx context.Context, f *findings) {
	latest := time.Time{}
	for _, queue := range []struct {
		name, carries string
		kind          enumspb.TaskQueueType
	}{
		{p.taskQueue, "workflows", enumspb.TASK_QUEUE_TYPE_WORKFLOW},
		{p.taskQueue, "activities", enumspb.TASK_QUEUE_TYPE_ACTIVITY},
		{activities.PacedQueue(p.taskQueue, false), "paced loads", enumspb.TASK_QUEUE_TYPE_ACTIVITY},
		{activities.PacedQueue(p.taskQueue, true), "paced loads of providers that do not rotate", enumspb.TASK_QUEUE_TYPE_ACTIVITY},
	} {
		check := "workers for " + queue.carries
		described, err := p.DescribeTaskQueue(ctx, queue.name, queue.kind)
		if err != nil {
			f.temporal(check, p.at, err)
			continue
		}
		pollers := described.GetPollers()
		if len(pollers) == 0 {
			f.add(check, problem, fmt.Sprintf("none listens on task queue %s", queue.name), "start one with: "+workerProgram()+" (with TOKENKEEPER_TASK_QUEUE="+p.taskQueue+", and of this release); see its log if it has ended")
			continue
		}
		f.ok(check, "%d listen on task queue %s", len(pollers), queue.name)
		if queue.kind == enumspb.TASK_QUEUE_TYPE_WORKFLOW {
			checkVersions(f, described.GetVersioningInfo(), pollers)
		}
		for _, poller := range pollers {
			if at := timeOf(poller.GetLastAccessTime()); at.After(latest) {
				latest = at
			}
		}
	}
	if behind := time.Until(latest); behind > clockTolerance {
		f.add("clock", problem, fmt.Sprintf("this machine's clock is at least %s behind that of Temporal", span(behind)), clockFix)
	} else if !latest.IsZero() {
		f.ok("clock", "not behind that of Temporal")
	}
}

// checkVersions sees that workers of the current and of the ramping version listen. A run
// waits for its own version, without an error anywhere.
func checkVersions(f *findings, info *taskqueuepb.TaskQueueVersioningInfo, pollers []*taskqueuepb.PollerInfo) {
	listening := map[string]bool{}
	var deployments []*deploymentpb.WorkerDeploymentOptions
	for _, poller := range pollers {
		o := poller.GetDeploymentOptions()
		if o.GetWorkerVersioningMode() == enumspb.WORKER_VERSIONING_MODE_VERSIONED {
			listening[o.GetDeploymentName()+"/"+o.GetBuildId()] = true
			deployments = append(deployments, o)
		}
	}
	current, ramping := info.GetCurrentDeploymentVersion(), info.GetRampingDeploymentVersion()
	switch {
	case current == nil && len(deployments) == len(pollers):
		o := deployments[0]
		f.add("current version", problem, "all workers are versioned and no version is current, so that new runs go to none", "make one current: "+setCurrent(o.GetDeploymentName(), o.GetBuildId()))
	case current == nil && len(deployments) == 0:
		f.ok("current version", "the workers are not versioned")
	case current == nil:
		f.ok("current version", "none: runs go to the workers that are not versioned")
	}
	for _, version := range []struct {
		check string
		is    *deploymentpb.WorkerDeploymentVersion
	}{{"current version", current}, {"ramping version", ramping}} {
		if version.is == nil {
			continue
		}
		name := version.is.GetDeploymentName() + "/" + version.is.GetBuildId()
		if listening[name] {
			f.ok(version.check, "%s has workers", name)
			continue
		}
		fix := "start a worker with TEMPORAL_DEPLOYMENT_NAME=" + shell(version.is.GetDeploymentName()) + " and TEMPORAL_WORKER_BUILD_ID=" + shell(version.is.GetBuildId())
		if len(deployments) > 0 {
			o := deployments[0]
			fix += ", or send runs to the workers that listen: " + setCurrent(o.GetDeploymentName(), o.GetBuildId())
		}
		if version.check == "ramping version" {
			fix += ", or end the ramp: " + shell("temporal", "worker", "deployment", "set-ramping-version", "--deployment-name", version.is.GetDeploymentName(), "--build-id", version.is.GetBuildId(), "--delete", "--yes")
		}
		f.add(version.check, problem, "no worker of "+name+" listens, and the runs that Temporal sends to it wait without an error", strings.TrimSpace(fix))
	}
}

func setCurrent(deployment, build string) string {
	return shell("temporal", "worker", "deployment", "set-current-version", "--deployment-name", deployment, "--build-id", build, "--yes")
}
