package protocol

// recover mirrors Activities.RecoverGrant up to what it writes.
func (v move) recover() {
	if a := v.self(); a.At == lookForHeir {
		v.lookForHeir(a)
	} else {
		v.searchPast(a)
	}
}

// lookForHeir mirrors Vault.Advance, the rung of the vault.
func (v move) lookForHeir(a Attempt) {
	heir := v.s.Refresh.Versions.newest()
	switch {
	case !v.VaultRung || heir <= a.Token:
		v.then("finds nothing newer than refresh token %d in the vault", a.Token, func(n *State) {
			b := n.at(v.who)
			b.At, b.Known = searchPast, a.For == ladder && n.durable(n.Live) && n.Live > a.Token
		})
	case heir == v.s.Refresh.Current:
		v.foundInVault(heir)
	default:
		v.then("finds refresh token %d in the vault, beneath an older one", heir, func(n *State) {
			n.at(v.who).At, n.at(v.who).Token = setNewest, heir
		})
	}
}

func (v move) foundInVault(t Token) {
	v.report("finds refresh token %d in the vault", t, nothing, func(n *State) { v.enter(n, load) })
}

// searchPast mirrors search, the rung of the histories, and what the workflow
// makes of an end without a find.
func (v move) searchPast(a Attempt) {
	if v.HistoryRung && v.s.Issued.hasAfter(a.Token) {
		found := v.s.Issued.newest()
		v.then("finds pair %d in a history", found, func(n *State) {
			b := n.at(v.who)
			b.At, b.Token, b.Pair, b.Known = v.storeBegins(), none, found, false
		})
		return
	}
	what := "finds no history either, and asks for consent instead of refresh token %d"
	if a.For == precede {
		what = "finds no history that tells what refresh token %d was spent for"
	}
	v.report(what, a.Token, nothing, func(n *State) {
		if a.For == precede {
			v.enter(n, call)
			return
		}
		if a.Known {
			n.Broken = noFalseAlarm
		}
		v.end(n, reauthorizationRequired)
	})
}
