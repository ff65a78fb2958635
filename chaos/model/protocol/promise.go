package protocol

// Promise is something that must hold in every state that can be reached.
type Promise uint8

const (
	kept Promise = iota
	// nothingLost: Live is in the vault, in a history, or with a provider that
	// repeats it. Without such a provider it may also be with a process that is
	// still at work; if that is killed then, Live is lost, and nothing else loses it.
	nothingLost
	// nothingSilent: the next run that nothing disturbs leaves Live on top in the
	// vault, or ends as ReauthorizationRequired, which it does only for a lost one.
	nothingSilent
	// nothingLeft: a run that ends by itself or by cancellation has its pair, or a
	// newer one, in the vault.
	nothingLeft
	// noRegress: with no attempt at work, the newest tokens are on top, unless a
	// writer stopped for good between its first write and its recheck.
	noRegress
	// noOverwriting: no writer puts a refresh token over a newer one that was
	// current when it began.
	noOverwriting
	// noBlindReuse: no spent token is presented and refused when a successor was
	// durable at the load, or in the vault at the beginning of a later attempt.
	// A provider that watches for reuse would revoke the grant.
	noBlindReuse
	// noRace: of two runs that present one token, the intent record had not told either
	// of the other.
	noRace
	// noWaste: no refresh token is spent while the vault refuses new versions.
	noWaste
	// noFalseAlarm: no run ends as ReauthorizationRequired when Live was durable at
	// the beginning of its last search.
	noFalseAlarm
	// noEnd: whatever is at work comes to its end when faults stop.
	noEnd
)

func (p Promise) String() string {
	return [...]string{
		kept:          "every promise is kept",
		nothingLost:   "the live refresh token is nowhere",
		nothingSilent: "an undisturbed run neither stored the live token nor asked for a consent that was needed",
		nothingLeft:   "a run ended and left its pair outside the vault",
		noRegress:     "all are done, and an older token covers a newer one in the vault",
		noOverwriting: "an older refresh token was written over a newer one that was there to be seen",
		noBlindReuse:  "a spent token was presented although its successor was there to be found",
		noRace:        "two runs presented one refresh token although the intent record had told one of the other",
		noWaste:       "a refresh token was spent although the vault refuses what was issued for it",
		noFalseAlarm:  "consent was asked for although the live token was there to be found",
		noEnd:         "undisturbed work does not come to an end",
	}[p]
}

// Check returns the promise that a state breaks, if any.
func (m Model) Check(s State) Promise {
	if s.Broken != kept {
		return s.Broken
	}
	held := s.durable(s.Live) || s.repeated()
	cut := m.loses() && s.Excused || (m.loses() || m.Setting == Clocked) && s.remembered(s.Live)
	switch {
	case !held && !cut:
		return nothingLost
	case !s.atRest():
		return kept
	case s.Stage == last:
		return s.checkEnding(held)
	case !s.Torn && (s.Refresh.Current != s.Refresh.Versions.newest() || s.Access.Current != s.Access.Versions.newest()):
		return noRegress
	}
	return kept
}

// checkEnding returns the promise that the end of the last run breaks, if any.
func (s *State) checkEnding(held bool) Promise {
	switch {
	case s.Ending == beyondHorizon,
		s.Ending == refreshed && s.Refresh.Current == s.Live && s.Access.Current == s.Live,
		s.Ending == reauthorizationRequired && !held:
		return kept
	}
	return nothingSilent
}

// mustHold breaks a promise where the vault has neither the pair nor a newer one.
func (s *State) mustHold(pair Token) {
	if !s.Refresh.Versions.has(pair) && !s.Refresh.Versions.hasAfter(pair) {
		s.Broken = nothingLeft
	}
}
