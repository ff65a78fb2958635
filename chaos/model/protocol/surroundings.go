package protocol

// surroundings is what happens without any worker.
func (v move) surroundings() {
	if v.s.Policy {
		v.then("The policy is lifted", none, func(n *State) { n.Policy = false })
	}
	if !v.disturbed() {
		return
	}
	v.closeWindow()
	if v.s.atRest() {
		v.restore()
		v.refuseVersions()
	}
}

// closeWindow ends the replay, without a clock at any moment.
func (v move) closeWindow() {
	if !v.s.Window {
		return
	}
	shut := func(n *State) { n.Window, n.Left = false, 0 }
	if v.Replay == Brief && v.Setting != Clocked {
		v.then("The replay window ends", none, shut)
	}
	if v.s.Access.Current == v.s.Live {
		v.then("An app uses access token %d, which ends the replay", v.s.Live, shut)
	}
}

// restore brings the vault back to a backup from before the live token, and from
// before the intent record on the one that is current then. What is nowhere else is
// lost with it, so that a backup is restored only where a history has the live
// token.
func (v move) restore() {
	if v.Setting != Restored || v.s.Closed != 0 || !v.s.Issued.has(v.s.Live) {
		return
	}
	for t := range v.s.Live {
		v.then("The vault is restored from a backup of when refresh token %d was current", t, func(n *State) {
			n.Refresh = backup(n.Refresh, t)
			n.Access = backup(n.Access, t)
			n.Intents &= 1<<t - 1
			n.Torn = false
			n.Closed = n.Issued
		})
	}
}

// backup is a secret as it was when a token was the newest.
func backup(s Secret, newest Token) Secret {
	s.Versions &= 1<<(newest+1) - 1
	s.Current = s.Versions.newest()
	return s
}

// refuseVersions is a policy that comes while no run is at work: later ones find
// the pair of a run at work in a history, or in a process as long as that lives.
func (v move) refuseVersions() {
	if v.Setting == Refusing && !v.s.Policy {
		v.then("A policy makes the vault refuse new versions", none, func(n *State) { n.Policy = true })
	}
}
