package protocol

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
	g := newGraph(m)
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

// report tells the way to a state, by going it again.
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
