package main

import (
	"slices"
	"strings"
	"time"

	"tokenkeeper/workflows"
)

// Health is an account's: a value of the search attribute TokenHealth, or one that
// only the starter determines.
type Health workflows.Health

const (
	healthy      = Health(workflows.HealthGood)
	stuck        = Health(workflows.HealthStuck)
	needsConsent = Health(workflows.HealthNeedsConsent)
	failed       = Health(workflows.HealthFailed)

	refreshing Health = "refreshing" // a run is at work, after one that succeeded or none
	waiting    Health = "waiting"    // for its very first run
	paused     Health = "paused"     // its Schedule is
)

// healths are all of them, the ones that need attention first.
var healths = []Health{stuck, needsConsent, failed, paused, waiting, refreshing, healthy}

// needingAttention are those that waiting does not mend.
func needingAttention() []Health {
	return slices.DeleteFunc(slices.Clone(healths), func(h Health) bool { return !h.needsAttention() })
}

// needsAttention reports whether waiting does not mend it.
func (h Health) needsAttention() bool {
	return h == stuck || h == needsConsent || h == failed
}

// listOfHealths names them for messages.
func listOfHealths() string {
	words := make([]string, len(healths))
	for i, h := range healths {
		words[i] = string(h)
	}
	return strings.Join(words, ", ")
}

// healthOf determines an account's health. attribute is the run's TokenHealth, and
// empty where the namespace has no such search attribute. A run at work does not hide how
// the last one ended: the account is well again when a run has succeeded.
func healthOf(s workflows.State, attribute string, isPaused bool, now time.Time) Health {
	atWork := !s.Working.IsZero()
	switch {
	case atWork && (Health(attribute) == stuck || now.Sub(s.Working) > workflows.OverdueAfter):
		return stuck
	case isPaused && !atWork:
		return paused
	case s.Last.Failure != nil && s.Last.Failure.Type == workflows.ReauthorizationRequired:
		return needsConsent
	case s.Last.Failure != nil:
		return failed
	case atWork:
		return refreshing
	case s.Last.Result == nil:
		return waiting
	}
	return healthy
}
