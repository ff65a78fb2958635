package protocol

// restore mirrors Vault.restore: whoever has written goes on until the newest
// refresh token is on top and, where that is another one's, its access token.
func (v move) restore(a Attempt) {
	refresh, access := v.s.Refresh.Versions.newest(), v.s.Access.Versions.newest()
	switch {
	case a.At == setNewest:
		v.then("puts refresh token %d on top", a.Token, func(n *State) {
			n.Refresh.write(a.Token)
			n.at(v.who).At, n.at(v.who).Token = lookNewest, none
		})
	case a.At == setNewestAccess:
		v.then("puts access token %d on top", a.Token, func(n *State) {
			n.Access.write(a.Token)
			n.at(v.who).At, n.at(v.who).Token = lookNewestAccess, none
		})
	case a.At == lookNewest && v.s.Refresh.Current != refresh:
		v.then("sees refresh token %d beneath an older one", refresh, func(n *State) {
			n.at(v.who).At, n.at(v.who).Token = setNewest, refresh
		})
	case a.Pair == none: // the rung of the vault
		v.foundInVault(refresh)
	case v.s.Access.Current != access && refresh > a.Pair:
		v.then("sees access token %d beneath an older one", access, func(n *State) {
			n.at(v.who).At, n.at(v.who).Token = setNewestAccess, access
		})
	default:
		v.stored("sees that refresh token %d is on top", refresh, nothing)
	}
}
