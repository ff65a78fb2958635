package main

import (
	"fmt"
	"log/slog"
	"time"

	"go.temporal.io/sdk/client"
)

// place is a version's place among those of its deployment.
type place string

const (
	unseen   place = "unseen"  // the server does not say
	waiting  place = "waiting" // it has no runs and gets none
	current  place = "current" // new runs begin on it
	ramping  place = "ramping" // some of the new runs begin on it
	draining place = "draining"
	drained  place = "drained"
)

// standing is how a version stands: what runs it gets.
type standing struct {
	is    place
	share float32 // of the new runs, in per cent, for one that is ramping
	other string  // the build id that is current instead; empty for none
}

// standingOf reads a version's standing from what the server says of its
// deployment.
func standingOf(buildID string, info client.WorkerDeploymentInfo) standing {
	s := standing{is: waiting}
	if c := info.RoutingConfig.CurrentVersion; c != nil {
		if c.BuildID == buildID {
			return standing{is: current}
		}
		s.other = c.BuildID
	}
	if r := info.RoutingConfig.RampingVersion; r != nil && r.BuildID == buildID {
		s.is, s.share = ramping, info.RoutingConfig.RampingVersionPercentage
		return s
	}
	for _, v := range info.VersionSummaries {
		switch {
		case v.Version.BuildID != buildID:
		case v.DrainageStatus == client.WorkerDeploymentVersionDrainageStatusDraining:
			s.is = draining
		case v.DrainageStatus == client.WorkerDeploymentVersionDrainageStatusDrained:
			s.is = drained
		}
	}
	return s
}

// worthSaying reports whether a person should hear of a standing, given what was
// said last, and how long ago. What needs a person is said again.
func (s standing) worthSaying(told standing, ago time.Duration) bool {
	return s != told || s.is == waiting && ago >= remindEvery
}

func (s standing) level() slog.Level {
	if s.is == waiting || s.is == unseen {
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// words say what a standing means, and how an operator changes it.
func (s standing) words(makeCurrent string) string {
	switch s.is {
	case current:
		return "this version is current"
	case ramping:
		return fmt.Sprintf("this version gets %g%% of the new runs%s; to give it all of them: %s", s.share, s.instead(), makeCurrent)
	case draining:
		return "this version gets no new runs" + s.instead() + "; keep its workers until it has finished those that it has. To go back to it: " + makeCurrent
	case drained:
		return "this version has no runs left" + s.instead() + "; its workers may be stopped. To go back to it: " + makeCurrent
	case waiting:
		return "this version is not current and gets no new runs" + s.instead() + "; make it current with: " + makeCurrent
	}
	return "cannot ask whether this version is current; if it gets no runs, make it current with: " + makeCurrent
}

// instead names the version that gets the runs.
func (s standing) instead() string {
	if s.other == "" {
		return ""
	}
	return " (" + s.other + " is current)"
}
