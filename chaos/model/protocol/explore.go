package protocol

import (
	"hash/maphash"
	"slices"
)

// Report is what an exploration found.
type Report struct {
	States, Transitions int
	// Broken is the promise that some state breaks, and Trace a shortest way there.
	Broken Promise
	Trace  []Step
}

// Kept reports whether every state keeps every promise.
func (r Report) Kept() bool { return r.Broken == kept }

// Explore visits every state that can be reached, breadth first, until one
// breaks a promise. The whole model takes some millions of states and under two
// gigabytes; a model that breaks a promise usually does so within thousands.
func (m Model) Explore() Report {
	g := &graph{Model: m, slots: make([]slot, 1<<10), seed: maphash.MakeSeed()}
	g.visit(m.Start(), 0)
	for i := 0; i < len(g.states); i++ {
		if broken := m.Check(g.states[i]); broken != kept {
			return g.report(broken, uint32(i))
		}
		m.Next(g.states[i], func(_ Step, n State) {
			g.transitions++
			g.visit(n, uint32(i))
		})
	}
	if i, found := g.endless(); found {
		return g.report(noEnd, i)
	}
	return Report{States: len(g.states), Transitions: g.transitions}
}

// graph holds the states visited so far.
type graph struct {
	Model
	states      []State
	from        []uint32 // the state that each was first reached from
	transitions int

	// slots is a hash table of the states. It takes a third of the memory of a map.
	slots []slot
	seed  maphash.Seed
}

// slot is a state's index plus one, or zero, and a part of its hash, without which
// each look at another state would be one into memory far away.
type slot struct{ state, hash uint32 }

func (g *graph) visit(s State, from uint32) {
	s = s.canonical()
	if _, known := g.find(s); known {
		return
	}
	g.states = append(g.states, s)
	g.from = append(g.from, from)
	if len(g.slots) < 2*len(g.states) {
		g.grow()
	}
	at, hash := g.slot(s)
	*at = slot{uint32(len(g.states)), hash}
}

// find looks for a state, or for the same one without a torn writer: that one has
// the same successors and is excused from less, so it stands for both.
func (g *graph) find(s State) (uint32, bool) {
	at, _ := g.slot(s)
	if at.state == 0 && s.Torn {
		s.Torn = false
		at, _ = g.slot(s)
	}
	return at.state - 1, at.state != 0
}

// slot is where a state is, or is to be put.
func (g *graph) slot(s State) (at *slot, hash uint32) {
	full, mask := maphash.Comparable(g.seed, s), uint64(len(g.slots)-1)
	hash = uint32(full >> 32)
	for i := full & mask; ; i = (i + 1) & mask {
		at = &g.slots[i]
		if at.state == 0 || at.hash == hash && g.states[at.state-1] == s {
			return at, hash
		}
	}
}

// grow doubles the table; the state that was added last is not in it yet.
func (g *graph) grow() {
	g.slots = make([]slot, 2*len(g.slots))
	for i, s := range g.states[:len(g.states)-1] {
		at, hash := g.slot(s)
		*at = slot{uint32(i + 1), hash}
	}
}

// canonical gives two states that differ only in which run has which slot one
// form. Traces show states as they are, so that runs keep their names.
func (s State) canonical() State {
	if s.Runs[0].order() < s.Runs[1].order() {
		s.Runs[0], s.Runs[1] = s.Runs[1], s.Runs[0]
	}
	return s
}

// order differs between different runs, and is least for none.
func (r Run) order() uint64 {
	o := uint64(r.Phase)<<16 | uint64(r.Attempt.At)<<8 | uint64(r.Attempt.Wait)
	for _, t := range [...]Token{r.Token, r.Pair, r.Recorded, r.Attempt.Token, r.Attempt.Pair} {
		o = o<<8 | uint64(t)
	}
	for _, b := range [...]bool{r.EarlierIntent, r.Outdated, r.Retried, r.Rival == atWork, r.Rival == ended, r.Since, r.First, r.Race&shared != 0, r.Race&told != 0, r.Known, r.Attempt.Known} {
		o <<= 1
		if b {
			o++
		}
	}
	return o
}

// report rebuilds the way to a state by taking its steps again.
func (g *graph) report(broken Promise, to uint32) Report {
	var path []State
	for i := to; i != 0; i = g.from[i] {
		path = append(path, g.states[i])
	}
	r := Report{States: len(g.states), Transitions: g.transitions, Broken: broken}
	at := g.Start()
	var runs int
	var number [2]int // of the run in each slot
	for i := len(path) - 1; i >= 0; i-- {
		here, found := at, false
		g.Next(here, func(step Step, n State) {
			if !found && n.canonical() == path[i] {
				if step.who < late {
					if here.Runs[step.who].Phase == idle {
						runs++
						number[step.who] = runs
					}
					step.run = number[step.who]
				}
				r.Trace, at, found = append(r.Trace, step), n, true
			}
		})
	}
	return r
}

// endless finds a state from which undisturbed work goes round in circles or
// stands still. It removes, again and again, the states that nothing leads to any
// more; what remains are circles and what they lead to.
func (g *graph) endless() (state uint32, found bool) {
	var to []uint32 // where undisturbed work leads, state by state
	first := make([]uint32, len(g.states)+1)
	into := make([]uint32, len(g.states))
	for i, s := range g.states {
		g.undisturbed(s, func(j uint32) {
			to = append(to, j)
			into[j]++
		})
		first[i+1] = uint32(len(to))
		if first[i] == first[i+1] && !s.atRest() {
			return uint32(i), true
		}
	}
	var free []uint32
	for i, n := range into {
		if n == 0 {
			free = append(free, uint32(i))
		}
	}
	for done := 0; done < len(free); done++ {
		for _, j := range to[first[free[done]]:first[free[done]+1]] {
			if into[j]--; into[j] == 0 {
				free = append(free, j)
			}
		}
	}
	return g.circle(first, to, into)
}

// circle finds a state among those that a circle leads to, by into, which leads to
// a circle itself: it removes those that lead to nothing that is left.
func (g *graph) circle(first, to, into []uint32) (state uint32, found bool) {
	left := func(j uint32) bool { return into[j] > 0 }
	for changed := true; changed; {
		changed = false
		for i := len(g.states) - 1; i >= 0; i-- {
			if left(uint32(i)) && !slices.ContainsFunc(to[first[i]:first[i+1]], left) {
				into[i], changed = 0, true
			}
		}
	}
	i := slices.IndexFunc(into, func(n uint32) bool { return n > 0 })
	return uint32(max(i, 0)), i >= 0
}

// undisturbed gives the states that a state leads to while no fault happens and
// no run begins.
func (g *graph) undisturbed(s State, to func(uint32)) {
	stage := s.Stage
	s.Stage = last
	g.Next(s, func(_ Step, n State) {
		if n.Stage = stage; stage == faulty {
			n.Ending = unfinished
		}
		if i, known := g.find(n.canonical()); known {
			to(i)
		}
	})
}
