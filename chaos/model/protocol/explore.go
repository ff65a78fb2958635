package protocol

import "hash/maphash"

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
	g := &graph{Model: m, slots: make([]uint32, 1<<10), seed: maphash.MakeSeed()}
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

	// slots is a hash table of the states, by their index plus one. It takes a
	// fifth of the memory of a map.
	slots []uint32
	seed  maphash.Seed
}

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
	*g.slot(s) = uint32(len(g.states))
}

// find looks for a state, or for the same one without a torn writer: that one has
// the same successors and is excused from less, so it stands for both.
func (g *graph) find(s State) (uint32, bool) {
	at := *g.slot(s)
	if at == 0 && s.Torn {
		s.Torn = false
		at = *g.slot(s)
	}
	return at - 1, at != 0
}

// slot is where a state is, or is to be put.
func (g *graph) slot(s State) *uint32 {
	mask := uint64(len(g.slots) - 1)
	for i := maphash.Comparable(g.seed, s) & mask; ; i = (i + 1) & mask {
		if at := g.slots[i]; at == 0 || g.states[at-1] == s {
			return &g.slots[i]
		}
	}
}

// grow doubles the table; the state that was added last is not in it yet.
func (g *graph) grow() {
	g.slots = make([]uint32, 2*len(g.slots))
	for i, s := range g.states[:len(g.states)-1] {
		*g.slot(s) = uint32(i + 1)
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
	o := uint64(r.Phase)<<8 | uint64(r.Attempt.At)
	for _, t := range [...]Token{r.Token, r.Pair, r.Attempt.Token, r.Attempt.Pair} {
		o = o<<8 | uint64(t)
	}
	for _, b := range [...]bool{r.EarlierIntent, r.Retried, r.Known, r.Attempt.Known} {
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
	for i := len(path) - 1; i >= 0; i-- {
		here, found := at, false
		g.Next(here, func(step Step, n State) {
			if !found && n.canonical() == path[i] {
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
	for i, n := range into {
		if n > 0 {
			return uint32(i), true
		}
	}
	return 0, false
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
