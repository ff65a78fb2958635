package protocol

var (
	noAttempt = Attempt{Token: none, Pair: none}
	noRun     = Run{Token: none, Pair: none, Attempt: noAttempt}
)

// start begins a run in a free slot. One that begins when all is at rest may be
// the last: the cron's next, which must end well.
func (v move) start() {
	if v.s.Runs[v.who].Phase != idle || !v.faults() {
		return
	}
	begin := func(n *State) {
		v.enter(n, load)
		v.read(n)
	}
	if v.who == 0 || v.s.Runs[0].Phase != idle && !v.Alone {
		v.then("starts and reads refresh token %d", v.newestToken(), begin)
	}
	if v.who == 0 && v.s.atRest() {
		v.then("starts undisturbed and reads refresh token %d", v.newestToken(), func(n *State) {
			n.Stage = last
			begin(n)
		})
	}
}

// abandon is Temporal giving up an attempt, at its time-out or because the run
// ends. A run that is cancelled ends so too, but not while it stores.
func (v move) abandon() {
	r := v.s.Runs[v.who]
	a := r.Attempt
	goesOn := a.For == call || a.Pair != none || a.At == promoteRefresh
	if !v.faults() || r.Phase == idle || goesOn && v.s.Late.At != nowhere {
		return
	}
	terminate := func(n *State) {
		if goesOn {
			n.Late = a
		}
		v.end(n, unfinished)
	}
	if goesOn { // otherwise it is as good as killed
		v.then("is given up at its time-out, and goes on", none, func(n *State) {
			n.Late = a
			v.leave(n)
		})
	}
	v.then("is terminated", none, terminate)
	if r.Phase == store && !v.has(disconnectedStore) {
		v.then("is cancelled", none, func(n *State) {
			terminate(n)
			n.mustHold(r.Pair)
		})
	}
}

// enter brings a run to its next activity.
func (v move) enter(n *State, p Phase) {
	r := &n.Runs[v.who]
	if p == load {
		*r = noRun
	}
	r.Phase, r.Retried = p, false
	r.Attempt = v.attempt(*r)
}

// attempt is a new one of the activity that a run is at.
func (m Model) attempt(r Run) Attempt {
	a := noAttempt
	a.For = r.Phase
	switch r.Phase {
	case load:
		a.At = readGrant
	case searchBefore, searchAfter:
		a.At, a.Token = searchVault, r.Token
	case call:
		a.At, a.Token, a.Known = send, r.Token, r.Known
		if r.Retried {
			a.At = checkEscrow
		}
	case store:
		a.At, a.Pair = m.order().first, r.Pair
	}
	return a
}

// leave ends an attempt without a report. Where Temporal waits for it, another one
// begins.
func (v move) leave(n *State) {
	if v.who == late {
		n.Late = noAttempt
		return
	}
	r := &n.Runs[v.who]
	if r.Phase == call {
		r.Retried, r.Known = true, false
	}
	r.Attempt = v.attempt(*r)
}

// end ends a run.
func (v move) end(n *State, e Ending) {
	n.Runs[v.who] = noRun
	if n.Stage == last {
		n.Ending = e
	}
}

// kill ends the process that an attempt is in. It also stands for a network that
// loses a request, a write or an answer.
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
	if n.at(v.who).At >= readAccess {
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
		v.then("The replay window ends", none, shut)
	}
	if v.s.Access.Current == v.s.Live {
		v.then("An app uses access token %d, which ends the replay", v.s.Live, shut)
	}
}
