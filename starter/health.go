package main

import (
	"time"

	"tokenkeeper/workflows"
)

// Health is how an account is: the words of the search attribute TokenHealth,
// and those that only an onlooker can tell.
type Health string

const (
	healthy      Health = "healthy"
	refreshing   Health = "refreshing"
	storeStuck   Health = "store-stuck"
	needsConsent Health = "needs-consent"
	failed       Health = "failed"

	waiting Health = "waiting" // for its very first run
	late    Health = "late"    // a run takes so long that somebody should look
	paused  Health = "paused"  // its Schedule is
)

// lateAfter is when a run that is still at work counts as late. It is what a
// pair may wait for the vault before the worker tells a person.
const lateAfter = 10 * time.Minute

// needsPerson reports whether waiting will not mend it.
func (h Health) needsPerson() bool {
	return h == storeStuck || h == needsConsent || h == failed || h == late
}

// judge tells an account's health. attribute is the run's TokenHealth, and empty
// where the namespace has no such search attribute.
func judge(c chain, attribute string, isPaused bool, now time.Time) Health {
	switch {
	case !c.Working.IsZero() && Health(attribute) == storeStuck:
		return storeStuck
	case !c.Working.IsZero() && now.Sub(c.Working) > lateAfter:
		return late
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
