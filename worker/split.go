package main

import (
	"math"
	"time"

	"go.temporal.io/api/workflowservice/v1"

	"tokenkeeper/internal/config"
)

// leastPart is what the workers of a version have together that gets no new runs, or few: it
// ends those that it has. With it the parts of all may be a tenth more than there is.
const leastPart = 0.05

// partOf is one worker's part of what all workers of a task queue share, by the server's
// description of it; 0 where that shows no worker of its version. Versions share by the runs
// that they get: those of one that is being replaced poll for an hour and longer.
func partOf(own config.Deployment, queue *workflowservice.DescribeTaskQueueResponse) float64 {
	if own.Name == "" {
		own = config.Deployment{} // a build id alone is no version
	}
	var newest time.Time // by the server's clock
	for _, p := range queue.GetPollers() {
		if at := p.GetLastAccessTime().AsTime(); at.After(newest) {
			newest = at
		}
	}
	versions, workers := queue.GetVersioningInfo(), map[string]bool{}
	for _, p := range queue.GetPollers() {
		if newest.Sub(p.GetLastAccessTime().AsTime()) < pollsEvery && (versions == nil || versionOf(p) == own) {
			workers[p.GetIdentity()] = true
		}
	}
	if len(workers) == 0 {
		return 0
	}
	part := 1.
	if versions != nil {
		ramp := float64(versions.GetRampingVersionPercentage()) / 100
		part = leastPart
		if own == deploymentOf(versions.GetCurrentDeploymentVersion()) {
			part = max(part, 1-ramp)
		}
		if ramp > 0 && own == deploymentOf(versions.GetRampingDeploymentVersion()) {
			part = max(part, ramp)
		}
	}
	return part / float64(len(workers))
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
