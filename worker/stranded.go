package main

import (
	"context"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/config"
)

// pollsEvery is how long after its last question a worker surely asks again: a
// question is answered after a minute at the latest, with nothing. Servers list
// workers for minutes longer.
const pollsEvery = 90 * time.Second

// lookForStranded tells a person of versions that have runs and no worker. A
// pinned run ends on the version that it began on; where nobody works for that,
// it waits and cannot say so, and the workers of the current version do.
func (a *announcer) lookForStranded(ctx context.Context, info client.WorkerDeploymentInfo) {
	for _, v := range leaving(info) {
		runs, err := a.waitingFor(ctx, v)
		said := a.stranded[v.BuildID]
		switch {
		case err != nil:
			a.log.Debug("cannot see whether runs wait for a version without workers", "version", v.BuildID, "error", err)
		case runs == 0:
			delete(a.stranded, v.BuildID)
		case said.IsZero() || time.Since(said) >= remindEvery:
			a.stranded[v.BuildID] = time.Now()
			a.log.Error("runs wait for a version that has no worker any more, and may hold pairs; start a worker of it, or have this version go on with them: "+
				a.command("workflow update-options --query \""+runsOf(v)+"\" --versioning-override-behavior auto_upgrade"),
				"version", v.BuildID, "runs", runs)
		}
	}
}

// leaving are the versions of a deployment that still have runs and get no more.
func leaving(info client.WorkerDeploymentInfo) (all []config.Deployment) {
	for _, v := range info.VersionSummaries {
		if v.DrainageStatus == client.WorkerDeploymentVersionDrainageStatusDraining {
			all = append(all, config.Deployment{Name: v.Version.DeploymentName, BuildID: v.Version.BuildID})
		}
	}
	return all
}

// waitingFor counts the runs of a version that has no worker; 0 where it has one.
func (a *announcer) waitingFor(ctx context.Context, v config.Deployment) (runs int64, err error) {
	described, err := a.temporal.DescribeTaskQueue(ctx, a.taskQueue, enumspb.TASK_QUEUE_TYPE_WORKFLOW)
	if err != nil || works(v, described.GetPollers(), time.Now()) {
		return 0, err
	}
	counted, err := a.temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: a.namespace, Query: runsOf(v)})
	return counted.GetCount(), err
}

// works reports whether a worker of the version is among those that a task queue
// is described with.
func works(v config.Deployment, pollers []*taskqueuepb.PollerInfo, now time.Time) bool {
	for _, p := range pollers {
		o := p.GetDeploymentOptions()
		if o.GetDeploymentName() == v.Name && o.GetBuildId() == v.BuildID && now.Sub(p.GetLastAccessTime().AsTime()) < pollsEvery {
			return true
		}
	}
	return false
}

// runsOf is the query for the runs at work that belong to a version. A cron that
// waits for its next run belongs to none.
func runsOf(v config.Deployment) string {
	return fmt.Sprintf("TemporalWorkerDeploymentVersion = '%s:%s' AND ExecutionStatus = 'Running'", v.Name, v.BuildID)
}
