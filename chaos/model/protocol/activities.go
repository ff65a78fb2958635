package protocol

// newestToken is the refresh token that Vault.Load returns.
func (v move) newestToken() Token {
	if v.has(allVersions) {
		return v.s.Refresh.Versions.newest()
	}
	return v.s.Refresh.Current
}

// load mirrors Activities.LoadSecrets.
func (v move) load() {
	a := v.self()
	if a.At == readGrant {
		v.then("reads refresh token %d", v.newestToken(), v.read)
		return
	}
	if v.s.Policy && v.has(writeProof) {
		return // a trial of the write that will follow is refused
	}
	record := func(n *State) {
		if v.has(intentRecord) {
			n.Intents.add(a.Token)
			n.Runs[v.who].Retried = !v.has(earlierIntents) // nothing else depends on it
			if v.rivals() {
				n.Runs[v.who].Recorded = a.Token
				other := &n.Runs[1-v.who]
				other.Since = other.Since || other.Recorded == a.Token
			}
		}
	}
	search := v.s.Runs[v.who].EarlierIntent
	v.report("leaves the intent record on refresh token %d", a.Token, record, func(n *State) {
		if search {
			v.loaded(n, searchBefore, a)
		} else {
			v.loaded(n, call, a)
		}
	})
	if search && v.s.Window && v.has(presentedAtOnce) {
		v.then("leaves the intent record on refresh token %d, inside the replay window", a.Token, func(n *State) {
			record(n)
			a.Known = false // where a provider repeats, it revokes nothing
			v.loaded(n, call, a)
		})
	}
}

// loaded is what the workflow does with the grant.
func (v move) loaded(n *State, next Phase, a Attempt) {
	r := &n.Runs[v.who]
	r.Token, r.Known, r.EarlierIntent = a.Token, a.Known, false
	v.enter(n, next)
}

// read mirrors Vault.Load, and what LoadSecrets makes of the record that it finds.
func (v move) read(n *State) {
	t := v.newestToken()
	r := &n.Runs[v.who]
	r.EarlierIntent = n.Intents.has(t) && (v.has(earlierIntents) || !r.Retried) || v.has(temporalFirst) && n.Closed.hasAfter(t)
	r.Since, r.Rival = false, noRival
	if v.rivals() && n.Runs[1-v.who].Recorded == t {
		r.Rival = atWork
	}
	r.Attempt.At, r.Attempt.Token = recordIntent, t
	r.Attempt.Known = n.Refresh.Versions.hasAfter(t) || n.Issued.hasAfter(t)
}

// checkRun mirrors the check of Activities.Call that the run has loaded the grant
// itself.
func (v move) checkRun() {
	v.report("does not present refresh token %d, which another run has loaded", v.self().Token, nothing, func(n *State) { v.enter(n, load) })
}

// checkEscrow mirrors Activities.checkEscrow, before every attempt but the first.
func (v move) checkEscrow() {
	a := v.self()
	since := v.who != late && v.s.Runs[v.who].Since // activities.loadedSince
	if since && v.has(inDoubt) {
		v.report("sees that another run has loaded refresh token %d since", a.Token, nothing, func(n *State) { v.enter(n, load) })
		return
	}
	known := v.s.Refresh.Versions.hasAfter(a.Token)
	goOn := func(known bool) func(*State) {
		return func(n *State) {
			n.at(v.who).At, n.at(v.who).Known = send, known
			if since {
				n.Runs[v.who].Race |= told
			}
		}
	}
	if newest := v.newestToken(); v.has(checkBeforeRetry) && newest > a.Token {
		v.foundInVault(newest)
	} else {
		v.then("finds nothing newer than refresh token %d in the vault", a.Token, goOn(known))
	}
	if v.faults() && (v.Replay != Never || !v.has(checkOrWait)) {
		// A replay window does not wait for the vault, so that there nothing could
		// be known.
		v.fault("cannot read the vault", none, goOn(known && v.Replay == Never))
	}
}

// send mirrors provider.Client.Refresh and the provider's decision.
func (v move) send() {
	a := v.self()
	if v.who != late && v.rivals() {
		if other := &v.s.Runs[1-v.who]; other.Token == a.Token {
			other.Race |= shared
			if v.s.Runs[v.who].Rival == atWork {
				other.Race |= told
			}
		}
	}
	received := func(n *State) {
		b := n.at(v.who)
		b.At, b.Pair, b.Token, b.Known = complete, n.Live, none, false
		n.Excused = false
		if !v.has(storedBeforeUse) {
			n.Window = false
		}
	}
	switch {
	case a.Token == v.s.Live && v.s.Live == v.horizon():
		v.report("is about to present refresh token %d, beyond the horizon", a.Token, nothing, func(n *State) { v.end(n, beyondHorizon) })
	case a.Token == v.s.Live:
		commit := func(n *State) {
			n.Live++
			n.Window = v.Replay != Never
			if v.Setting == Clocked && n.Window {
				n.Left = inTicks(replayWindow)
			}
			if n.Policy {
				n.Broken = noWaste
			}
		}
		v.then("presents refresh token %d and is given the next pair", a.Token, func(n *State) {
			commit(n)
			received(n)
		})
		v.unavailable("presents refresh token %d, which is spent by it,", commit)
	case a.Token+1 == v.s.Live && v.s.Window:
		v.then("presents refresh token %d and is given the next pair once more", a.Token, received)
		v.unavailable("presents refresh token %d", nothing)
	default:
		v.report("presents refresh token %d and is refused", a.Token, func(n *State) {
			switch {
			case a.Known:
				n.Broken = noBlindReuse
			case v.who != late && n.Runs[v.who].Race == shared|told:
				n.Broken = noRace
			}
		}, func(n *State) {
			n.Runs[v.who].Known = false
			v.enter(n, searchAfter)
		})
	}
}

// deliver mirrors Activities.deliver: Temporal's acknowledgement, or the vault.
func (v move) deliver() {
	a := v.self()
	recorded := func(n *State) {
		n.Issued.add(a.Pair)
		r := &n.Runs[v.who]
		r.Token, r.Known, r.Pair = none, false, a.Pair
		v.enter(n, store)
	}
	switch {
	case v.who == late && v.has(confirmedCompletion) && v.has(escrow):
		v.goTo(v.order().first, "learns that Temporal no longer waits for pair %d", a.Pair)
		return
	case v.who == late:
		v.then("is not acknowledged, and drops pair %d", a.Pair, v.leave)
		return
	}
	v.then("has pair %d recorded in the history", a.Pair, recorded)
	switch {
	case !v.faults():
	case a.At == confirm:
		v.fault("gets no acknowledgement of pair %d, which stays in escrow", a.Pair, v.leave)
	case !v.has(confirmedCompletion):
		v.fault("returns pair %d, and the report is lost", a.Pair, v.leave)
	default:
		if v.s.Late.At == nowhere {
			v.fault("has pair %d recorded in the history, and gets no acknowledgement", a.Pair, func(n *State) {
				n.Late = a
				recorded(n)
			})
		}
		if v.has(escrow) {
			v.fault("gets no acknowledgement of pair %d", a.Pair, func(n *State) { n.at(v.who).At = v.order().first })
		}
	}
}

// searchVault mirrors Vault.PromoteSuccessor, the first step of RecoverGrant.
func (v move) searchVault() {
	a, newest := v.self(), v.s.Refresh.Versions.newest()
	switch {
	case !v.has(vaultSearch) || newest <= a.Token:
		v.then("finds nothing newer than refresh token %d in the vault", a.Token, func(n *State) {
			b := n.at(v.who)
			b.At, b.Known = searchHistories, a.For == searchAfter && n.durable(n.Live) && n.Live > a.Token
		})
	case newest == v.s.Refresh.Current:
		v.foundInVault(newest)
	default:
		v.then("finds refresh token %d in the vault, beneath an older one", newest, func(n *State) {
			n.at(v.who).At, n.at(v.who).Token = promoteRefresh, newest
		})
	}
}

func (v move) foundInVault(t Token) {
	v.report("finds refresh token %d in the vault", t, nothing, func(n *State) { v.enter(n, load) })
}

// searchHistories mirrors the second step of RecoverGrant, and what the workflow
// does when that finds nothing.
func (v move) searchHistories() {
	a := v.self()
	if v.has(historySearch) && v.s.Issued.hasAfter(a.Token) {
		found := v.s.Issued.newest()
		v.then("finds pair %d in a history", found, func(n *State) {
			b := n.at(v.who)
			b.At, b.Token, b.Pair, b.Known = v.order().first, none, found, false
		})
		return
	}
	what := "finds no history either, and asks for consent instead of refresh token %d"
	if a.For == searchBefore {
		what = "finds no history with a successor of refresh token %d"
	}
	v.report(what, a.Token, nothing, func(n *State) {
		if a.For == searchBefore {
			v.present(n)
			return
		}
		if a.Known {
			n.Broken = noFalseAlarm
		}
		v.end(n, reauthorizationRequired)
	})
}
