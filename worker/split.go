package main

import "math"

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
