package activities

import (
	"maps"
	"slices"
	"time"
)

// breaker keeps most of a worker's calls from a provider that is away for everyone. It is a
// pure state machine: the time is given. Urgent calls, whose token may be spent, always go;
// their answers count.
//
// It opens after failures of several accounts in a row. Open, it lets one probe through at a
// time, and only one in ten minutes while as many accounts ask urgently as it opens for: at a
// provider that repeats lost answers each probe that fails makes one more of those. The
// first answer begins a ramp: as many calls at a time as have been answered, so that a
// provider that has come back is not met by all that wait.
type breaker struct {
	state  breakerState
	failed map[string]failing // accounts whose calls have failed since the last answer
	cause  string             // of the last failure, in words

	opened  time.Time // also before an interrupted ramp
	until   time.Time // the next probe, not before the provider's own Retry-After
	probing bool
	probed  time.Time            // the last probe's end, or the opening
	probes  int                  // that have failed
	asking  map[string]time.Time // accounts whose urgent calls have failed while it is open, and when

	limit, calling, answered int // of a ramp
	ramped                   time.Time
}

// failing is what the last calls of an account were told.
type failing struct {
	limited bool
	until   time.Time // the end of a Retry-After
}

type breakerState int

const (
	closed breakerState = iota
	open
	ramping
)

const (
	// opensAfter accounts in a row have failed; fewer where the provider itself says that
	// there are too many calls, and while it comes back.
	opensAfter        = 5
	opensAfterLimited = 3
	opensAfterRamping = 2

	firstProbe = 5 * time.Second
	lastProbe  = time.Minute
	// asksOn is how long an urgent call that has failed stands for a probe, and othersProbe
	// after what time another account is asked for all the same: what those that ask have in
	// common may be their own trouble.
	asksOn, othersProbe = 2 * lastProbe, 10 * time.Minute
	// A refused call comes back after as long as the provider has been away, within these
	// bounds: each attempt costs Temporal an action, and what waits is to be fresh again
	// soon after the provider's return.
	shortestAway = 10 * time.Second
	longestAway  = 10 * time.Minute
	// A ramp ends with so many calls at a time, or after a while without so many.
	rampEnd  = 32
	rampTime = 10 * time.Minute
)

// pass is how a call was let through.
type pass int

const (
	free   pass = iota // closed
	exempt             // urgent: its token may be spent
	probe              // the one that finds out
	slow               // one of a ramp's
)

// outcome is what a call says of its provider.
type outcome int

const (
	unknown  outcome = iota // nothing was sent, or the answer says nothing
	answered                // the provider does its work
	away                    // no answer, or one of a provider that is out of order
	limited                 // too many calls
)

// admit lets a call through that is not urgent, or says when it is to come again, at the
// earliest.
func (b *breaker) admit(now time.Time) (p pass, again time.Duration, ok bool) {
	switch {
	case b.state == ramping && now.Sub(b.ramped) > rampTime:
		b.state = closed
	case b.state == ramping && b.calling >= b.limit:
		return 0, shortestAway, false
	case b.state == ramping:
		b.calling++
		return slow, 0, true
	case b.state == open && !b.mayProbe(now):
		return 0, b.pause(now), false
	case b.state == open:
		b.probing = true
		return probe, 0, true
	}
	return free, 0, true
}

// mayProbe reports whether a call may find out now whether the provider is back: one at a
// time, after the pause and the provider's Retry-After, and, while urgent calls of several
// accounts find out as well, once in othersProbe.
func (b *breaker) mayProbe(now time.Time) bool {
	maps.DeleteFunc(b.asking, func(_ string, at time.Time) bool { return now.Sub(at) > asksOn })
	return !b.probing && !now.Before(b.until) && (len(b.asking) < opensAfter || now.Sub(b.probed) >= othersProbe)
}

// pause is how long a refused call waits, before it is spread.
func (b *breaker) pause(now time.Time) time.Duration {
	return max(0, b.until.Sub(now)) + min(max(now.Sub(b.opened), shortestAway), longestAway)
}

// end takes in how a call has ended that was let through; wait is the provider's
// Retry-After. It reports whether the breaker has opened or closed by it.
func (b *breaker) end(p pass, account string, o outcome, wait time.Duration, now time.Time) (changed bool) {
	switch p {
	case probe:
		b.probing = false
		switch {
		case o != unknown:
			b.probed = now
		case b.state == open:
			b.nextProbe(now) // of another account
		}
	case slow:
		b.calling = max(0, b.calling-1)
	}
	switch o {
	case answered:
		return b.succeed(now)
	case away, limited:
		return b.fail(p, account, o == limited, wait, now)
	}
	return false
}

func (b *breaker) succeed(now time.Time) (changed bool) {
	clear(b.failed)
	b.until = time.Time{}
	switch b.state {
	case open:
		clear(b.asking)
		b.state, b.limit, b.calling, b.answered, b.ramped = ramping, 1, 0, 0, now
		b.probes, b.probing = 0, false
		return true
	case ramping:
		if b.answered++; b.answered >= b.limit {
			b.limit, b.answered = 2*b.limit, 0
		}
		if b.limit >= rampEnd {
			b.state = closed
		}
	}
	return false
}

func (b *breaker) fail(p pass, account string, isLimited bool, wait time.Duration, now time.Time) (changed bool) {
	if b.failed == nil {
		b.failed = map[string]failing{}
	}
	switch {
	case b.state == ramping && p == exempt:
		// It may have trouble of its own, and others are asked now.
	case b.state != open:
		f := b.failed[account]
		f.limited = f.limited || isLimited
		if end := now.Add(wait); end.After(f.until) {
			f.until = end
		}
		b.failed[account] = f
	case p == exempt:
		if b.asking == nil {
			b.asking = map[string]time.Time{}
		}
		b.asking[account] = now
	}
	// One account's Retry-After may be for itself.
	if end := now.Add(min(wait, b.probed.Add(othersProbe).Sub(now))); b.state == open && end.After(b.until) {
		b.until = end
	}
	switch {
	case b.state == open && p == probe:
		b.probes++
		b.nextProbe(now)
	case b.state == closed && b.opens() || b.state == ramping && len(b.failed) >= opensAfterRamping:
		several := opensAfterRamping
		if b.state == closed {
			b.opened, several = now, opensAfterLimited
		}
		b.until = b.toldBy(several)
		b.state, b.probing, b.probes, b.probed = open, false, 0, now
		b.nextProbe(now)
		return true
	}
	return false
}

// toldBy is the end of the wait that so many accounts have been told, or longer ones.
func (b *breaker) toldBy(several int) time.Time {
	var ends []time.Time
	for _, f := range b.failed {
		ends = append(ends, f.until)
	}
	slices.SortFunc(ends, func(a, b time.Time) int { return b.Compare(a) })
	if len(ends) < several {
		return time.Time{}
	}
	return ends[several-1]
}

// nextProbe is not before the provider's Retry-After.
func (b *breaker) nextProbe(now time.Time) {
	if next := now.Add(spread(min(firstProbe<<min(b.probes, 8), lastProbe))); next.After(b.until) {
		b.until = next
	}
}

func (b *breaker) opens() bool {
	rateLimited := 0
	for _, f := range b.failed {
		if f.limited {
			rateLimited++
		}
	}
	return len(b.failed) >= opensAfter || rateLimited >= opensAfterLimited
}
