package protocol

import (
	"time"

	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// store mirrors Vault.Store, for StoreSecrets, RecoverGrant and the escrow.
func (v move) store() {
	a, next := v.self(), v.order()
	v.refuse(a)
	switch a.At {
	case readRefresh:
		switch held := v.s.Refresh.Current; v.fenceRefresh(held, a.Pair) {
		case vault.Write:
			v.then("sees that refresh token %d is to be written", a.Pair, func(n *State) {
				n.at(v.who).At, n.at(v.who).Known = writeRefresh, held > a.Pair
			})
		case vault.Skip:
			v.wrote("sees refresh token %d in the vault", a.Pair, next.afterRefresh, nothing)
		default:
			v.wrote("sees something newer than refresh token %d in the vault", a.Pair, next.atEnd, nothing)
		}
	case writeRefresh:
		v.wrote("writes refresh token %d", a.Pair, next.afterRefresh, func(n *State) {
			n.Refresh.write(a.Pair)
			if !v.has(keptIntent) {
				n.Intents &^= 1 << a.Pair
			}
			if a.Known {
				n.Broken = noOverwriting
			}
			n.at(v.who).Known = false
		})
	case readAccess:
		if v.fenceAccess(v.s.Access.Current, a.Pair) == vault.Write {
			v.goTo(writeAccess, "sees that access token %d is to be written", a.Pair)
		} else {
			v.wrote("sees that access token %d is not to be written", a.Pair, next.afterAccess, nothing)
		}
	case writeAccess:
		v.wrote("writes access token %d", a.Pair, next.afterAccess, func(n *State) { n.Access.write(a.Pair) })
	default:
		v.promoteNewest(a)
	}
}

// refuse is the vault's failure. An activity that fails by it is as good as
// killed; a call in escrow asks Temporal and the vault in turn.
func (v move) refuse(a Attempt) {
	next := complete
	if v.who == late {
		next = v.order().first // Temporal has said that it does not wait
	}
	if !v.faults() || a.For != call || a.At == next {
		return
	}
	v.fault("gets no answer from the vault", none, func(n *State) {
		v.tear(n)
		b := n.at(v.who)
		b.At, b.Token, b.Known = next, none, false
	})
}

// fenceRefresh is the product's decision on a refresh token that is to be written.
func (m Model) fenceRefresh(held, issued Token) vault.Decision {
	if !m.has(fence) {
		return vault.Write
	}
	return vault.FenceRefresh(provenance(held), true, provenance(issued))
}

// fenceAccess is the product's decision on an access token.
func (m Model) fenceAccess(held, issued Token) vault.Decision {
	if held == none || !m.has(fence) {
		return vault.Write
	}
	of := provenance(held)
	there := vault.AccessTokenInfo{Generation: of.Generation, Fingerprint: of.Fingerprint, Tagged: true}
	return vault.FenceAccess(there, provenance(issued), provenance(issued).Fingerprint, time.Time{})
}

// provenance is a token's position in the one line that the model has.
func provenance(t Token) token.Provenance {
	const fingerprints = "0123"
	p := token.Provenance{
		Generation:  token.Generation(t),
		Fingerprint: token.Fingerprint(fingerprints[t : t+1]),
		Consent:     token.Fingerprint(fingerprints[:1]),
	}
	if t > 0 {
		p.Parent = token.Fingerprint(fingerprints[t-1 : t])
	}
	return p
}

// order is where a store begins, and what follows on each token and at the end.
type order struct{ first, afterRefresh, afterAccess, atEnd Place }

func (m Model) order() order {
	end := nowhere
	if m.has(recheckAfterWrites) {
		end = recheck
	}
	if m.has(refreshTokenFirst) {
		return order{readRefresh, readAccess, end, end}
	}
	return order{readAccess, end, readRefresh, end}
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

// stored is the last step of a store, and its consequence for the activity.
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

// promoteNewest mirrors Vault.promoteNewest: a writer goes on until the newest
// refresh token is on top and, where another writer's is newer, its access token.
func (v move) promoteNewest(a Attempt) {
	refresh, access := v.s.Refresh.Versions.newest(), v.s.Access.Versions.newest()
	switch {
	case a.At == promoteRefresh:
		v.then("puts refresh token %d on top", a.Token, func(n *State) {
			n.Refresh.write(a.Token)
			n.at(v.who).At, n.at(v.who).Token = recheck, none
		})
	case a.At == promoteAccess:
		v.then("puts access token %d on top", a.Token, func(n *State) {
			n.Access.write(a.Token)
			n.at(v.who).At, n.at(v.who).Token = recheckAccess, none
		})
	case a.At == recheck && v.s.Refresh.Current != refresh:
		v.then("sees refresh token %d beneath an older one", refresh, func(n *State) {
			n.at(v.who).At, n.at(v.who).Token = promoteRefresh, refresh
		})
	case a.Pair == none: // a recovery from the vault
		v.foundInVault(refresh)
	case v.s.Access.Current != access && refresh > a.Pair:
		v.then("sees access token %d beneath an older one", access, func(n *State) {
			n.at(v.who).At, n.at(v.who).Token = promoteAccess, access
		})
	default:
		v.stored("sees that refresh token %d is on top", refresh, nothing)
	}
}
