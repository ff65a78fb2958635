package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/config"
)

const (
	// checkEvery is how often a versioned worker reads its version's status: one
	// read per worker, far below what a server grants.
	checkEvery = 15 * time.Second
	// remindEvery is how often a status that needs the operator is reported again.
	remindEvery = 10 * time.Minute
	// pollsEvery is the longest time between two polls of a worker: the server
	// answers a poll after a minute at the latest. Servers list pollers for
	// minutes longer.
	pollsEvery = 90 * time.Second
)

// deploymentMonitor logs the status of a worker's version in its deployment, and
// the orphaned runs of other versions.
type deploymentMonitor struct {
	temporal   client.Client
	deployment config.Deployment
	namespace  string
	taskQueue  string
	incident   *fleetIncident
	log        *slog.Logger

	reported   versionStatus
	reportedAt time.Time
	orphaned   map[string]time.Time // by build id: when its runs were last reported
}

// start logs the version's status and, where it gets no runs, the command that
// changes that. Until stop is called or ctx ends, it logs what changes and
// repeats what needs the operator. A worker without a deployment has no status.
func (m *deploymentMonitor) start(ctx context.Context) (stop func()) {
	ctx, stop = context.WithCancel(ctx)
	if m.deployment.Name == "" {
		return stop
	}
	m.orphaned = map[string]time.Time{}
	m.log = m.log.With("deployment", m.deployment.Name, "buildId", m.deployment.BuildID)
	m.check(ctx)
	go func() {
		for tick := time.NewTicker(checkEvery); ; {
			select {
			case <-ctx.Done():
				tick.Stop()
				return
			case <-tick.C:
				m.check(ctx)
			}
		}
	}()
	return stop
}

// check reads the deployment once and reports what is new.
func (m *deploymentMonitor) check(ctx context.Context) {
	reading, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	described, err := m.temporal.WorkerDeploymentClient().GetHandle(m.deployment.Name).Describe(reading, client.WorkerDeploymentDescribeOptions{})
	if ctx.Err() != nil {
		return
	}
	var absent *serviceerror.NotFound // the deployment has had no worker yet
	now := versionStatus{routing: unknown}
	switch {
	case err == nil:
		now = statusOf(m.deployment.BuildID, described.Info)
	case errors.As(err, &absent):
		now = versionStatus{routing: inactive}
	}
	m.report(ctx, now, err)
	if now.routing == current {
		m.reportOrphanedRuns(reading, described.Info)
	}
}

// report logs a status if it should be; err is why it is unknown.
func (m *deploymentMonitor) report(ctx context.Context, now versionStatus, err error) {
	if !now.shouldReport(m.reported, time.Since(m.reportedAt)) {
		return
	}
	m.reported, m.reportedAt = now, time.Now()
	var attributes []any
	if now.routing == unknown {
		attributes = []any{"error", err}
	}
	m.log.Log(ctx, now.level(), now.message(m.makeCurrent()), attributes...)
}

// makeCurrent is the command that has new runs begin on this version.
func (m *deploymentMonitor) makeCurrent() string {
	return m.command("worker deployment set-current-version --deployment-name " + m.deployment.Name + " --build-id " + m.deployment.BuildID)
}

func (m *deploymentMonitor) command(args string) string { return temporalCommand(m.namespace, args) }

// temporalCommand is one of the Temporal CLI's, for a namespace.
func temporalCommand(namespace, args string) string {
	if namespace != client.DefaultNamespace {
		args += " --namespace " + namespace
	}
	return "temporal " + args
}

// reportOrphanedRuns logs versions that have runs and no worker. A pinned run ends
// on the version that it began on; without a worker of that version it waits and
// cannot alert, so the workers of the current version do.
func (m *deploymentMonitor) reportOrphanedRuns(ctx context.Context, info client.WorkerDeploymentInfo) {
	seen, orphaned := true, map[string]time.Time{}
	for _, v := range drainingVersions(info) {
		runs, err := m.orphanedRuns(ctx, v)
		reportedAt := m.orphaned[v.BuildID]
		switch {
		case err != nil:
			m.log.Debug("cannot see whether runs wait for a version without workers", "version", v.BuildID, "error", err)
			seen = false
			orphaned[v.BuildID] = reportedAt
		case runs == 0:
		case reportedAt.IsZero() || time.Since(reportedAt) >= remindEvery:
			orphaned[v.BuildID] = time.Now()
			message := "runs wait for a version that has no worker any more, and may hold pairs; start a worker of it, or have this version go on with them: " +
				m.command("workflow update-options --query \""+runsQuery(v)+"\" --versioning-override-behavior auto_upgrade")
			m.log.Error(message, "version", v.BuildID, "runs", runs)
			m.incident.raise(ctx, message)
		default:
			orphaned[v.BuildID] = reportedAt
		}
	}
	m.orphaned = orphaned
	if seen && len(orphaned) == 0 {
		m.incident.heal(ctx, "no version without workers has runs")
	}
}

// drainingVersions are the versions of a deployment that have runs and get no more.
func drainingVersions(info client.WorkerDeploymentInfo) (all []config.Deployment) {
	for _, v := range info.VersionSummaries {
		if v.DrainageStatus == client.WorkerDeploymentVersionDrainageStatusDraining {
			all = append(all, config.Deployment{Name: v.Version.DeploymentName, BuildID: v.Version.BuildID})
		}
	}
	return all
}

// orphanedRuns counts the runs of a version without a worker; 0 where it has one.
func (m *deploymentMonitor) orphanedRuns(ctx context.Context, v config.Deployment) (runs int64, err error) {
	described, err := m.temporal.DescribeTaskQueue(ctx, m.taskQueue, enumspb.TASK_QUEUE_TYPE_WORKFLOW)
	if err != nil || hasPoller(v, described.GetPollers(), time.Now()) {
		return 0, err
	}
	counted, err := m.temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: m.namespace, Query: runsQuery(v)})
	return counted.GetCount(), err
}

// hasPoller reports whether a worker of the version has polled lately. The empty
// version stands for workers without a deployment.
func hasPoller(v config.Deployment, pollers []*taskqueuepb.PollerInfo, now time.Time) bool {
	for _, p := range pollers {
		if versionOf(p) == v && now.Sub(p.GetLastAccessTime().AsTime()) < pollsEvery {
			return true
		}
	}
	return false
}

// versionOf is empty for a worker without a deployment, whatever build id it has.
func versionOf(p *taskqueuepb.PollerInfo) config.Deployment {
	o := p.GetDeploymentOptions()
	if o.GetDeploymentName() == "" || o.GetWorkerVersioningMode() == enumspb.WORKER_VERSIONING_MODE_UNVERSIONED {
		return config.Deployment{}
	}
	return config.Deployment{Name: o.GetDeploymentName(), BuildID: o.GetBuildId()}
}

// runsQuery finds the active runs of a version. A cron that waits for its next run
// belongs to none.
func runsQuery(v config.Deployment) string {
	return fmt.Sprintf("TemporalWorkerDeploymentVersion = '%s:%s' AND ExecutionStatus = 'Running'", v.Name, v.BuildID)
}

// routing says which runs a version gets.
type routing string

const (
	unknown  routing = "unknown"  // the server does not say
	inactive routing = "inactive" // it has no runs and gets none
	current  routing = "current"  // new runs begin on it
	ramping  routing = "ramping"  // some of the new runs begin on it
	draining routing = "draining" // it finishes its runs and gets no more
	drained  routing = "drained"  // it has finished its runs
)

// versionStatus is the status of a version in its deployment.
type versionStatus struct {
	routing routing
	share   float32 // of the new runs, in per cent, if it is ramping
	other   string  // the build id that is current instead; empty for none
}

// statusOf reads a version's status from the server's description of its deployment.
func statusOf(buildID string, info client.WorkerDeploymentInfo) versionStatus {
	s := versionStatus{routing: inactive}
	if c := info.RoutingConfig.CurrentVersion; c != nil {
		if c.BuildID == buildID {
			return versionStatus{routing: current}
		}
		s.other = c.BuildID
	}
	if r := info.RoutingConfig.RampingVersion; r != nil && r.BuildID == buildID {
		s.routing, s.share = ramping, info.RoutingConfig.RampingVersionPercentage
		return s
	}
	for _, v := range info.VersionSummaries {
		switch {
		case v.Version.BuildID != buildID:
		case v.DrainageStatus == client.WorkerDeploymentVersionDrainageStatusDraining:
			s.routing = draining
		case v.DrainageStatus == client.WorkerDeploymentVersionDrainageStatusDrained:
			s.routing = drained
		}
	}
	return s
}

// shouldReport reports whether to log a status, given the last one logged and the
// time since. An inactive version needs the operator and is logged again.
func (s versionStatus) shouldReport(last versionStatus, since time.Duration) bool {
	return s != last || s.routing == inactive && since >= remindEvery
}

func (s versionStatus) level() slog.Level {
	if s.routing == inactive || s.routing == unknown {
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// message says what a status means, and the command that changes it.
func (s versionStatus) message(makeCurrent string) string {
	instead := ""
	if s.other != "" {
		instead = " (" + s.other + " is current)"
	}
	switch s.routing {
	case current:
		return "this version is current"
	case ramping:
		return fmt.Sprintf("this version gets %g%% of the new runs%s; to give it all of them: %s", s.share, instead, makeCurrent)
	case draining:
		return "this version gets no new runs" + instead + "; keep its workers until it has finished those that it has. To go back to it: " + makeCurrent
	case drained:
		return "this version has no runs left" + instead + "; its workers may be stopped. To go back to it: " + makeCurrent
	case inactive:
		return "this version is not current and gets no new runs" + instead + "; make it current with: " + makeCurrent
	}
	return "cannot ask whether this version is current; if it gets no runs, make it current with: " + makeCurrent
}
