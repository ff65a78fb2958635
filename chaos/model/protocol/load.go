package protocol

// newestHeld is the refresh token that Vault.Load returns.
func (v move) newestHeld() Token {
	if v.LookBeneath {
		return v.s.Refresh.Versions.newest()
	}
	return v.s.Refresh.Current
}

// load mirrors Activities.LoadSecrets.
func (v move) load() {
	a := v.self()
	if a.At == readGrant {
		v.then("reads refresh token %d", v.newestHeld(), v.read)
		return
	}
	v.report("leaves the intent record on refresh token %d", a.Token, func(n *State) {
		if v.IntentRecord {
			n.Begun.add(a.Token)
			n.Runs[v.who].Retried = !v.OwnIntent // nothing else cares
		}
	}, func(n *State) {
		r := &n.Runs[v.who]
		next := call
		if r.SpentBefore {
			next = precede
		}
		r.Token, r.Known, r.SpentBefore = a.Token, a.Known, false
		v.enter(n, next)
	})
}

// read mirrors Vault.Load. The record that a further attempt finds may be its own
// run's, written over another's.
func (v move) read(n *State) {
	t := v.newestHeld()
	r := &n.Runs[v.who]
	r.SpentBefore = n.Begun.has(t) && (v.OwnIntent || !r.Retried)
	r.Attempt.At, r.Attempt.Token = recordBegin, t
	r.Attempt.Known = n.Refresh.Versions.hasAfter(t) || n.Issued.hasAfter(t)
}
