package main

import (
	"math"
	"time"

	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"

	"tokenkeeper/internal/config"
)

const (
	// leastPart is what the workers of a version have together that gets no new runs, or few:
	// it ends those that it has. With it the parts of all may be a tenth more than there is.
	leastPart = 0.05
	// busyPart is what those have together of which manyRuns are still at work, such as those
	// that wait for a provider that is away.
	busyPart = 0.5
	manyRuns = 100
)

// polling are the workers of a task queue, by version and identity, as the server describes
// it; all are of the empty version where it tells none apart. Its pollers stay listed for
// minutes, by its clock.
func polling(queue *workflowservice.DescribeTaskQueueResponse) map[config.Deployment]map[string]bool {
	var newest time.Time
	apart := false
	for _, p := range queue.GetPollers() {
		if at := p.GetLastAccessTime().AsTime(); at.After(newest) {
			newest = at
		}
		apart = apart || p.GetDeploymentOptions() != nil
	}
	apart = apart && queue.GetVersioningInfo() != nil
	workers := map[config.Deployment]map[string]bool{}
	for _, p := range queue.GetPollers() {
		if newest.Sub(p.GetLastAccessTime().AsTime()) >= pollsEvery {
			continue
		}
		var v config.Deployment
		if apart {
			v = versionOf(p)
		}
		if workers[v] == nil {
			workers[v] = map[string]bool{}
		}
		workers[v][p.GetIdentity()] = true
	}
	return workers
}

// routed is the part of the new runs that a version gets.
func routed(v config.Deployment, versions *taskqueuepb.TaskQueueVersioningInfo) (part float64) {
	ramp := float64(versions.GetRampingVersionPercentage()) / 100
	if v == deploymentOf(versions.GetCurrentDeploymentVersion()) {
		part = 1 - ramp
	}
	if ramp > 0 && v == deploymentOf(versions.GetRampingDeploymentVersion()) {
		part += ramp
	}
	return part
}

// partOf is one worker's part of what all workers of a task queue share; 0 where none of its
// version is known to poll. Versions share by the runs that they get: the workers of one that
// is being replaced poll for an hour and longer. Of a version that gets none, isBusy says
// whether many are at work all the same.
func partOf(own config.Deployment, queue *workflowservice.DescribeTaskQueueResponse, isBusy func(config.Deployment) bool) float64 {
	if own.Name == "" {
		own = config.Deployment{} // a build id alone is no version
	}
	workers := polling(queue)
	if all := workers[config.Deployment{}]; len(workers) == 1 && len(all) > 0 {
		return 1 / float64(len(all))
	}
	mine := float64(len(workers[own]))
	if mine == 0 {
		return 0
	}
	busy := map[config.Deployment]bool{}
	for v := range workers {
		if routed(v, queue.GetVersioningInfo()) == 0 && isBusy(v) {
			busy[v] = true
		}
	}
	part := routed(own, queue.GetVersioningInfo())
	switch {
	case busy[own]:
		part = busyPart / float64(len(busy))
	case len(busy) > 0:
		part *= 1 - busyPart
	}
	return max(part, leastPart) / mine
}

// demand is how many secret versions the accounts of a fleet need per second: those of
// providers that rotate, two for each refresh, and of those that do not, one.
type demand struct{ rotating, single float64 }

// orBefore is the demand before where no account was counted: those that were started without
// search attributes, as by a plain Temporal CLI, count only while a run of theirs is at work.
func (d demand) orBefore(before demand) demand {
	if d == (demand{}) {
		return before
	}
	return d
}

// rates are how many loads per second each of the two paced queues hands out.
type rates struct{ rotating, single float64 }

const (
	// leastShare is what a queue without accounts has all the same: accounts may come, and
	// are counted minutes later.
	leastShare = 0.05
	// moved is the change of a share by which pollers are worth restarting.
	moved = 0.25
)

// splitPace shares out a number of new versions per second between the two queues, so that
// both together stay below it with each of them full.
func splitPace(perSecond float64, d demand) rates {
	share := 0.5
	if all := d.rotating + d.single; all > 0 {
		share = min(max(d.rotating/all, leastShare), 1-leastShare)
	}
	return rates{rotating: perSecond * share / 2, single: perSecond * (1 - share)}
}

// differs reports whether either rate has changed so much that it is worth new pollers.
func (r rates) differs(other rates) bool {
	far := func(a, b float64) bool { return math.Abs(a-b) > moved*max(a, b) }
	return far(r.rotating, other.rotating) || far(r.single, other.single)
}
