package protocol

// rivals reports whether it matters which of two runs has left an intent record:
// where a second presentation is harmless, it does not.
func (m Model) rivals() bool { return m.Setting == Clocked && m.Replay == Never }

// mayCall mirrors workflows.mayCall: whether the other run, which this one has read
// on the intent record, may still present the token. Of two that search and have
// each other on the record, the one with the smaller id goes on.
func (v move) mayCall(n *State) bool {
	r, other := n.Runs[v.who], n.Runs[1-v.who]
	if r.Rival != atWork || !v.has(secondLook) {
		return false
	}
	switch other.Phase {
	case searchBefore, searchAfter:
		return other.Rival != atWork || other.First || !v.has(oneWaits)
	case load, call:
		return true
	}
	return false
}

// rivalEnds notes that the other run has ended.
func (r *Run) rivalEnds() {
	r.First = false
	if r.Rival == atWork {
		r.Rival = ended
	}
}

// withID gives a run an id, which is smaller or larger than that of the other run at
// work.
func (v move) withID(give func(func(*State))) {
	other := 1 - v.who
	if !v.rivals() || v.s.Runs[other].Phase == idle {
		give(nothing)
		return
	}
	for _, first := range []actor{v.who, other} {
		give(func(n *State) {
			n.Runs[v.who].First, n.Runs[other].First = false, false
			n.Runs[first].First = true
		})
	}
}
