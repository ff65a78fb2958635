package protocol

// canonical gives two states that differ only in which run sits in which slot
// one form. Traces are told of states as they are, so that runs keep their names.
func (s State) canonical() State {
	if s.Runs[0].order() < s.Runs[1].order() {
		s.Runs[0], s.Runs[1] = s.Runs[1], s.Runs[0]
	}
	return s
}

// order is different for different runs, and least for none.
func (r Run) order() uint64 {
	o := uint64(r.Phase)<<8 | uint64(r.Attempt.At)
	for _, t := range [...]Token{r.Token, r.Pair, r.Attempt.Token, r.Attempt.Pair} {
		o = o<<8 | uint64(t)
	}
	for _, b := range [...]bool{r.SpentBefore, r.Retried, r.Known, r.Attempt.Known} {
		o <<= 1
		if b {
			o++
		}
	}
	return o
}
