package main

import (
	"time"

	"tokenkeeper/workflows"
)

// Health is how an account is: the words of the search attribute TokenHealth,
// and those that only an onlooker can tell.
type Health workflows.Health

const (
	healthy      = Health(workflows.HealthGood)
	refreshing   = Health(workflows.HealthRefreshing)
	stuck        = Health(workflows.HealthStuck)
	needsConsent = Health(workflows.HealthNeedsConsent)
	failed       = Health(workflows.HealthFailed)

	waiting Health = "waiting" // for its very first run
	paused  Health = "paused"  // its Schedule is
)

// needsAttention reports whether waiting will not mend it.
func (h Health) needsAttention() bool {
	return h == stuck || h == needsConsent || h == failed
}

// healthOf tells an account's health. attribute is the run's TokenHealth, and empty
// where the namespace has no such search attribute.
func healthOf(c workflows.State, attribute string, isPaused bool, now time.Time) Health {
	switch {
	case !c.Working.IsZero() && (Health(attribute) == stuck || now.Sub(c.Working) > workflows.OverdueAfter):
		return stuck
	case !c.Working.IsZero():
		return refreshing
	case isPaused:
		return paused
	case c.Last.Failure != nil && c.Last.Failure.Type == workflows.ReauthorizationRequired:
		return needsConsent
	case c.Last.Failure != nil:
		return failed
	case c.Last.Result == nil:
		return waiting
	}
	return healthy
}
