package protocol

import "hash/maphash"

// graph is what has been visited so far.
type graph struct {
	Model
	states      []State
	from        []uint32 // the state that each was first reached from
	transitions int

	// slots is a hash table of the states, by their place in the list plus one.
	// It takes a fifth of what a map would.
	slots []uint32
	seed  maphash.Seed
}

func newGraph(m Model) *graph {
	return &graph{Model: m, slots: make([]uint32, 1<<10), seed: maphash.MakeSeed()}
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

// find looks for a state, or for its twin that has no torn writer: that one may
// do the same and is excused from less, so what holds for it holds for both.
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
