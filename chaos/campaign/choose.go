package campaign

import (
	"cmp"
	"slices"
	"time"
)

// view is what an operator sees of one workflow, and has done to it.
type view struct {
	open    time.Duration // where a run is open, how long none has ended well; else 0
	rest    time.Duration // since the last command that took a run out of the worker's hands
	strikes int           // how many such commands it has had within sparedFor
	paused  bool          // a call of it was paused within sparedFor
}

const (
	// An operator gives a run this long before the next blow, and stops after so
	// many: a run that is ended each time before it can have reached the provider is
	// not saved by anything.
	leastRest   = 5 * time.Second
	mostStrikes = 6
	// sparedFor is as long as the longest replay window: the pauses and the blows in
	// one window together stay short of it.
	sparedFor = 2 * time.Minute
)

// allows reports whether a command may meet a workflow.
func (s view) allows(o Operation) bool {
	switch {
	case o == PauseActivity:
		return !s.paused
	case o.ends():
		return s.rest >= leastRest && s.strikes < mostStrikes
	}
	return true
}

// choose finds the workflow that a command meets: the one that has hung for the
// longest time, any with an open run, or any at all; for a start, one without. It
// is -1 where the command is allowed at none.
func choose(c command, seen []view) int {
	var allowed, open, closed []int
	for i, s := range seen {
		if !s.allows(c.operation) {
			continue
		}
		allowed = append(allowed, i)
		if s.open > 0 {
			open = append(open, i)
		} else {
			closed = append(closed, i)
		}
	}
	pick := func(from []int) int { return from[int(c.pick%uint(len(from)))] }
	switch {
	case c.operation == Start && len(closed) > 0:
		return pick(closed)
	case c.hanging && len(open) > 0:
		return slices.MaxFunc(open, func(i, j int) int { return cmp.Compare(seen[i].open, seen[j].open) })
	case c.operation.needsRun() && len(open) > 0:
		return pick(open)
	case len(allowed) > 0:
		return pick(allowed)
	}
	return -1
}
