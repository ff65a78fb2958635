package protocol

// kill ends the process that an attempt is in. An attempt that has not sent
// anything or not written what it was about to write might as well have met a
// network that lost its request, and one that has got its answer a network that
// lost that.
func (v move) kill() {
	if !v.faults() {
		return
	}
	v.then("is killed", none, func(n *State) {
		v.tear(n)
		v.leave(n)
		if v.Replay != Lasting && !n.durable(n.Live) && !n.remembered(n.Live) {
			n.Excused = true
		}
	})
}

// tear notes that a writer stops where it may have something to mend.
func (v move) tear(n *State) {
	if n.at(v.who).At >= lookAccess {
		n.Torn = true
	}
}

// surroundings is what happens without any worker.
func (v move) surroundings() {
	if !v.faults() || !v.s.Window {
		return
	}
	shut := func(n *State) { n.Window = false }
	if v.Replay == Brief {
		v.then("The replay window ends.", none, shut)
	}
	if v.s.Access.Current == v.s.Live {
		v.then("An app uses access token %d, which ends the replay.", v.s.Live, shut)
	}
}
