package protocol

// endless finds a state from which undisturbed work goes round in circles or
// stands still. It takes away, again and again, the states that nothing leads to
// any more; what is left are circles and what they lead to.
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
