package campaign

import (
	"cmp"
	"slices"
	"time"
)

// standing is what an operator sees of one workflow, and has done to it.
type standing struct {
	open    time.Duration // how long its run has been open; 0 where none is
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
func (s standing) allows(o operation) bool {
	switch {
	case o == PauseActivity:
		return !s.paused
	case o.ends():
		return s.rest >= leastRest && s.strikes < mostStrikes
	}
	return true
}

// choose finds the workflow that a command meets: the one whose run hangs, any with
// an open run, or any at all. It is -1 where the command is allowed at none.
func choose(c command, seen []standing) int {
	var allowed, open []int
	for i, s := range seen {
		if !s.allows(c.operation) {
			continue
		}
		allowed = append(allowed, i)
		if s.open > 0 {
			open = append(open, i)
		}
	}
	switch {
	case len(open) > 0 && c.hanging:
		return slices.MaxFunc(open, func(i, j int) int { return cmp.Compare(seen[i].open, seen[j].open) })
	case len(open) > 0 && c.operation.needsRun():
		return open[int(c.pick%uint(len(open)))]
	case len(allowed) > 0:
		return allowed[int(c.pick%uint(len(allowed)))]
	}
	return -1
}
