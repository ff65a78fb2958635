package protocol

var (
	noAttempt = Attempt{Token: none, Pair: none}
	noRun     = Run{Token: none, Pair: none, Recorded: none, Attempt: noAttempt}
)

// start begins a run in a free slot. One that begins when all is at rest may be
// the last: the cron's next, which must end well.
func (v move) start() {
	if v.s.Runs[v.who].Phase != idle || !v.disturbed() {
		return
	}
	begin := func(n *State) {
		v.enter(n, load)
		v.read(n)
		v.awaitTurn(n)
	}
	if v.who == 0 || v.s.Runs[0].Phase != idle && !v.Alone {
		v.withID(func(id func(*State)) {
			v.then("starts and reads refresh token %d", v.newestToken(), func(n *State) {
				id(n)
				begin(n)
			})
		})
	}
	if v.who == 0 && v.s.atRest() {
		v.then("starts undisturbed and reads refresh token %d", v.newestToken(), func(n *State) {
			n.Stage = last
			begin(n)
		})
	}
}

// abandon is Temporal giving up an attempt, at its time-out or because the run
// ends, by an operator's hand. A run that is cancelled ends so too, but neither
// while it stores nor inside the window.
func (v move) abandon() {
	r := v.s.Runs[v.who]
	a := r.Attempt
	goesOn := a.ready() && a.At != checkRun && (a.For == call || a.Pair != none || a.At == promoteRefresh)
	if !v.disturbed() || r.Phase == idle || goesOn && v.s.Late.At != nowhere {
		return
	}
	part := func(n *State) {
		if goesOn {
			n.Late = a
		}
	}
	terminate := func(n *State) {
		part(n)
		v.end(n, unfinished)
	}
	if goesOn && v.faults() { // otherwise it is as good as killed
		v.fault("is given up at its time-out, and goes on", none, func(n *State) {
			part(n)
			v.leave(n)
		})
	}
	v.then("is terminated", none, terminate)
	if r.Phase >= call {
		v.withID(func(id func(*State)) {
			v.then("is reset to its call", none, func(n *State) {
				part(n)
				v.reset(n)
				id(n)
			})
		})
	}
	if r.Phase == store && !v.has(disconnectedStore) {
		v.then("is cancelled", none, func(n *State) {
			terminate(n)
			n.mustHold(r.Pair)
		})
	}
	v.cancelled(terminate)
}

// reset gives a run another id and brings it back to the point where its grant was
// loaded.
func (v move) reset(n *State) {
	r := n.Runs[v.who]
	t := r.Token
	if r.Phase == store {
		t = r.Pair - 1
	}
	next := noRun
	next.Token, next.Outdated, next.Phase = t, true, call
	next.Known = n.Refresh.Versions.hasAfter(t) || n.Issued.hasAfter(t)
	next.Attempt = v.attempt(next)
	n.Runs[v.who] = next
	n.Runs[1-v.who].rivalEnds()
}

// enter brings a run to its next activity.
func (v move) enter(n *State, p Phase) {
	r := &n.Runs[v.who]
	if p == load {
		recorded, first := r.Recorded, r.First
		*r = noRun
		r.Recorded, r.First = recorded, first
	}
	r.Phase, r.Outdated, r.Retried = p, false, false
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
		if r.Outdated && m.has(ownGrant) {
			a.At = checkRun
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
	v.untilRetry(n)
}

// end ends a run.
func (v move) end(n *State, e Ending) {
	n.Runs[v.who] = noRun
	n.Runs[1-v.who].rivalEnds()
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
	v.fault("is killed", none, func(n *State) {
		v.tear(n)
		v.leave(n)
		v.excuse(n)
	})
}

// excuse notes that Live was cut off, where the provider may not repeat it.
func (v move) excuse(n *State) {
	if v.loses() && !n.durable(n.Live) && !n.remembered(n.Live) {
		n.Excused = true
	}
}

// tear notes that a writer stops where it may have something to mend.
func (v move) tear(n *State) {
	if n.at(v.who).At >= readAccess {
		n.Torn = true
	}
}
