package protocol

import "tokenkeeper/internal/vault"

// store mirrors Vault.Store, for StoreSecrets, RecoverGrant and the escrow.
func (v move) store() {
	a := v.self()
	v.refuse(a)
	switch a.At {
	case lookRefresh:
		switch held := v.s.Refresh.Current; v.fence(held, a.Pair) {
		case vault.Write:
			v.then("sees that refresh token %d is to be written", a.Pair, func(n *State) {
				n.at(v.who).At, n.at(v.who).Known = setRefresh, held > a.Pair
			})
		case vault.Skip:
			v.wrote("sees refresh token %d in the vault", a.Pair, v.afterRefresh(), nothing)
		default:
			v.wrote("sees something newer than refresh token %d in the vault", a.Pair, v.lastLook(), nothing)
		}
	case setRefresh:
		v.wrote("writes refresh token %d", a.Pair, v.afterRefresh(), func(n *State) {
			n.Refresh.write(a.Pair)
			if !v.KeptIntent {
				n.Begun &^= 1 << a.Pair
			}
			if a.Known {
				n.Broken = noOverwriting
			}
			n.at(v.who).Known = false
		})
	case lookAccess:
		if v.fenceAccess(v.s.Access.Current, a.Pair) == vault.Write {
			v.goTo(setAccess, "sees that access token %d is to be written", a.Pair)
		} else {
			v.wrote("sees that access token %d is not to be written", a.Pair, v.afterAccess(), nothing)
		}
	case setAccess:
		v.wrote("writes access token %d", a.Pair, v.afterAccess(), func(n *State) { n.Access.write(a.Pair) })
	default:
		v.restore(a)
	}
}

// refuse is the vault's failure. An activity that fails by it is as good as
// killed; a call in escrow asks Temporal and the vault in turn.
func (v move) refuse(a Attempt) {
	next := complete
	if v.who == late {
		next = v.storeBegins() // Temporal has said that it does not wait
	}
	if !v.faults() || a.For != call || a.At == next {
		return
	}
	v.then("gets no answer from the vault", none, func(n *State) {
		v.tear(n)
		b := n.at(v.who)
		b.At, b.Token, b.Known = next, none, false
	})
}

// The order of a store: refresh token, access token, a last look.

func (m Model) storeBegins() Place {
	if m.RefreshTokenFirst {
		return lookRefresh
	}
	return lookAccess
}

func (m Model) afterRefresh() Place {
	if m.RefreshTokenFirst {
		return lookAccess
	}
	return m.lastLook()
}

func (m Model) afterAccess() Place {
	if m.RefreshTokenFirst {
		return m.lastLook()
	}
	return lookRefresh
}

func (m Model) lastLook() Place {
	if m.LastLook {
		return lookNewest
	}
	return nowhere
}

// wrote is a step of a store that goes on at a place, or ends.
func (v move) wrote(what string, t Token, next Place, effect func(*State)) {
	if next == nowhere {
		v.stored(what, t, effect)
		return
	}
	v.then(what, t, func(n *State) {
		effect(n)
		n.at(v.who).At = next
	})
}

// stored is the last step of a store, and what it means to its activity.
func (v move) stored(what string, t Token, effect func(*State)) {
	a := v.self()
	switch {
	case a.For != call:
		v.report(what, t, effect, func(n *State) {
			v.end(n, refreshed)
			n.mustHold(a.Pair)
		})
	case v.who == late:
		v.then(what, t, func(n *State) {
			effect(n)
			v.leave(n)
		})
	default:
		v.then(what, t, func(n *State) {
			effect(n)
			b := n.at(v.who)
			b.At, b.Token = confirm, none
		})
	}
}
