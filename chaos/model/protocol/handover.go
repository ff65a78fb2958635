package protocol

// handOver mirrors Activities.deliver: Temporal's word, or the vault.
func (v move) handOver() {
	a := v.self()
	recorded := func(n *State) {
		n.Issued.add(a.Pair)
		r := &n.Runs[v.who]
		r.Token, r.Known, r.Pair = none, false, a.Pair
		v.enter(n, store)
	}
	switch {
	case v.who == late && v.ConfirmedCompletion && v.Escrow:
		v.goTo(v.storeBegins(), "hears that Temporal no longer waits for pair %d", a.Pair)
		return
	case v.who == late:
		v.then("is not heard, and lets go of pair %d", a.Pair, v.leave)
		return
	}
	v.then("has pair %d recorded in the history", a.Pair, recorded)
	switch {
	case !v.faults():
	case a.At == confirm:
		v.then("hears nothing of pair %d, and leaves it in escrow", a.Pair, v.leave)
	case !v.ConfirmedCompletion:
		v.then("returns pair %d, and the report is lost", a.Pair, v.leave)
	default:
		if v.s.Late.At == nowhere {
			v.then("has pair %d recorded in the history, and no word of it", a.Pair, func(n *State) {
				n.Late = a
				recorded(n)
			})
		}
		if v.Escrow {
			v.goTo(v.storeBegins(), "hears nothing of pair %d", a.Pair)
		}
	}
}
