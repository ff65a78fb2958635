package protocol

// lookFirst mirrors Activities.checkEscrow, before every attempt but the first.
func (v move) lookFirst() {
	a := v.self()
	beneath := v.s.Refresh.Versions.hasAfter(a.Token)
	goOn := func(known bool) func(*State) {
		return func(n *State) {
			n.at(v.who).At, n.at(v.who).Known = send, known
		}
	}
	if held := v.newestHeld(); v.LookBeforeRetry && held > a.Token {
		v.report("finds refresh token %d in the vault", held, nothing, func(n *State) { v.enter(n, load) })
	} else {
		v.then("finds nothing newer than refresh token %d in the vault", a.Token, goOn(beneath))
	}
	if v.faults() && (v.Replay != Never || !v.LookOrWait) {
		// A replay window does not wait for the vault, so that there nothing was
		// to be known.
		v.then("cannot look into the vault", none, goOn(beneath && v.Replay == Never))
	}
}

// send mirrors provider.Client.Refresh and the provider's judgement.
func (v move) send() {
	a := v.self()
	received := func(n *State) {
		b := n.at(v.who)
		b.At, b.Pair, b.Token, b.Known = complete, n.Live, none, false
		n.Excused = false
		if !v.StoredBeforeUse {
			n.Window = false
		}
	}
	switch {
	case a.Token == v.s.Live && v.s.Live == rotations:
		v.report("is about to present refresh token %d, beyond the horizon", a.Token, nothing, func(n *State) { v.end(n, beyondHorizon) })
	case a.Token == v.s.Live:
		v.then("presents refresh token %d and is given the next pair", a.Token, func(n *State) {
			n.Live++
			n.Window = v.Replay != Never
			received(n)
		})
	case a.Token+1 == v.s.Live && v.s.Window:
		v.then("presents refresh token %d and is given the next pair once more", a.Token, received)
	default:
		v.report("presents refresh token %d and is refused", a.Token, func(n *State) {
			if a.Known {
				n.Broken = noBlindReuse
			}
		}, func(n *State) {
			n.Runs[v.who].Known = false
			v.enter(n, ladder)
		})
	}
}
