package campaign

import (
	"slices"
	"time"
)

// Margins around the provider's commit in which a kill explains a loss. Before
// it, the request was on its way, and a provider does not notice that its client
// is gone. After it, the answer was on its way and then the pair on its way to
// Temporal; what is lost later was dropped by a living process.
const (
	requestMargin = 100 * time.Millisecond
	pairMargin    = 350 * time.Millisecond
	// longestPair bounds how much a busy machine adds where servers are killed: the
	// slowest pair is then one that waited for a server, which causeAmid takes off.
	longestPair = 500 * time.Millisecond
)

// survivorsAre is how much slower than the slowest pair that got to Temporal one may have
// been that a kill cut off: on a busy machine the kills leave the quick ones.
const survivorsAre = 3

// window is how long before and after the provider's commit a kill explains a loss, and
// how long after it the answer was sent.
type window struct{ before, answered, after time.Duration }

// windowFor widens the margin after the answer by the longest that any pair of the
// campaign took to get to Temporal, on a machine that was busier than it allows for.
// That says nothing about requests, so that the margin before the commit stays.
func windowFor(slowest time.Duration, serversKilled bool) window {
	slowest *= survivorsAre
	if serversKilled {
		slowest = min(slowest, longestPair)
	}
	return window{before: halfway + requestMargin, answered: halfway, after: halfway + max(pairMargin, slowest)}
}

// sent is the window of a pair whose answer went out then. A busy provider needs longer
// than the fault says; without an answer the window stays.
func (w window) sent(committed, answered time.Time) window {
	if late := answered.Sub(committed) - w.answered; !answered.IsZero() && late > 0 {
		w.answered += late
		w.after += late
	}
	return w
}

// killOf finds the kill that the request, the answer or the pair met: of those in the
// window the one nearest to the commit, else the first one after it.
func (w window) killOf(committed time.Time, kills []Kill) (Kill, bool) {
	var found Kill
	for _, k := range kills {
		switch {
		case !k.Gone.After(committed.Add(-w.before)):
		case found.At.IsZero(), k.At.Before(committed.Add(w.after)) && k.At.Sub(committed).Abs() < found.At.Sub(committed).Abs():
			found = k
		}
	}
	return found, !found.At.IsZero()
}

// Cause is what a refresh token was lost to.
type Cause string

const (
	// OnItsWay: killed while the request or the answer was on its way.
	OnItsWay Cause = "killed on its way"
	// InHand: killed after the provider had sent its answer.
	InHand Cause = "killed in hand"
	// InOutage: the answer came while the vault took no writes.
	InOutage Cause = "vault outage"
	// AnswerLost: the provider committed, and a fault withheld its answer.
	AnswerLost Cause = "answer lost"
	// RunEnded: killed with the answer in hand, before the vault could take what a
	// run that an operator had ended had no more use for.
	RunEnded Cause = "killed in hand, run ended by an operator"
	// ServerAway: killed with the answer in hand while Temporal was away.
	ServerAway Cause = "killed in hand, Temporal away"
	// Unexplained: there was a copy, or neither a kill nor an outage to blame.
	Unexplained Cause = "unexplained"
)

// writeTakes is how long storing the refresh token takes: an answer that came so
// short before an outage may still meet it.
const writeTakes = 2 * halfwayVault

// cause finds what the pair that the provider committed then was lost to. kept:
// there is a copy outside the vault. A process with the answer in hand while the
// vault takes no writes loses it to the outage, killed before its end or not.
func (w window) cause(committed time.Time, kept bool, kills []Kill, outages []Outage) Cause {
	kill, killed := w.killOf(committed, kills)
	killed = killed && kill.At.Before(committed.Add(w.after))
	switch {
	case kept:
		return Unexplained
	case killed && kill.At.Sub(committed) <= w.answered:
		return OnItsWay
	}
	answered := committed.Add(w.answered)
	for _, o := range outages {
		if answered.After(o.From.Add(-writeTakes)) && answered.Before(o.Until) {
			return InOutage
		}
	}
	if killed {
		return InHand
	}
	return Unexplained
}

// amid is what else went on around a loss in a campaign with an operator. Without
// one it is empty.
type amid struct {
	answerLost bool        // a fault withheld the provider's answer
	ended      []time.Time // when an operator took a run of the account from its worker
	vault      []Outage    // when the vault took no writes
	temporal   []Outage    // when the Temporal server was away
}

const (
	// callTakes is more than passes from the beginning of a call to its commit: a run
	// that was ended so short before may have a call in flight.
	callTakes = 2 * time.Second
	// comesBack is how long a worker may take to find that Temporal is back, or to
	// give up waiting for it and turn to the vault.
	comesBack = 4 * time.Second
)

// causeAmid is cause with an operator and with servers that are killed. A pair is in
// hand for longer where a server that would take it is away: Temporal, and the vault
// too where an operator has ended the run. That time does not count against the margin.
func (w window) causeAmid(committed time.Time, kept bool, kills []Kill, a amid) Cause {
	switch {
	case kept:
		return Unexplained
	case a.answerLost:
		return AnswerLost
	}
	kill, killed := w.killOf(committed, kills)
	if !killed || kill.At.Sub(committed) <= w.answered {
		return w.cause(committed, kept, kills, a.vault)
	}
	ended := slices.ContainsFunc(a.ended, func(t time.Time) bool {
		return t.After(committed.Add(-callTakes)) && t.Before(kill.At)
	})
	withoutServer := make([]Outage, 0, len(a.temporal))
	for _, o := range a.temporal {
		withoutServer = append(withoutServer, Outage{o.From, o.Until.Add(comesBack)})
	}
	if ended {
		withoutServer = append(withoutServer, a.vault...)
	}
	away := overlap(withoutServer, committed, kill.At)
	inHand := kill.At.Sub(committed)-away < w.after
	switch {
	case inHand && ended:
		return RunEnded
	case inHand && away > 0:
		return ServerAway
	}
	return w.cause(committed, kept, kills, a.vault)
}

// overlap is how much of a time lies in outages. Outages that overlap count once.
func overlap(outages []Outage, from, until time.Time) (total time.Duration) {
	sorted := slices.SortedFunc(slices.Values(outages), func(a, b Outage) int { return a.From.Compare(b.From) })
	for _, o := range sorted {
		begin, end := o.From, o.Until
		if begin.Before(from) {
			begin = from
		}
		if end.After(until) {
			end = until
		}
		if end.After(begin) {
			total += end.Sub(begin)
			from = end
		}
	}
	return total
}
