package pace

import (
	"math"
	"slices"
	"time"
)

const (
	// counted is the time over which Key Vault counts calls.
	counted = 10 * time.Second
	// parts is how finely a ledger counts them.
	parts = 40
)

// ledger counts what has begun in the last ten seconds, or begins in a moment, in order. All
// times are since the limiter's start, and before it below 0.
type ledger []entry

type entry struct {
	part int64
	n    float64
}

// presumed is the ledger of a process that has just started: what ran before it, or runs
// beside it, is presumed to have used its share, evenly. So a restart lets no more begin,
// unless what it has ended had let its share begin in a moment.
func presumed(perSecond float64) ledger {
	l := make(ledger, parts)
	for i := range l {
		l[i] = entry{int64(i) - parts, perSecond * counted.Seconds() / parts}
	}
	return l
}

// room is the first moment from now on at which n more are no more than perSecond on the
// average of the ten seconds before it. More than that by itself begins alone.
func (l *ledger) room(n int, perSecond float64, now time.Duration) time.Duration {
	*l = slices.DeleteFunc(*l, func(e entry) bool { return e.part < part(now)-parts })
	sum := float64(n)
	for _, e := range *l {
		sum += e.n
	}
	at, most := now, math.Floor(perSecond*counted.Seconds())
	for _, e := range *l {
		if math.Floor(sum) <= max(most, float64(n)) {
			break
		}
		sum -= e.n
		at = max(now, time.Duration(e.part+parts+1)*(counted/parts))
	}
	return at
}

// add counts n that begin at a time, which is no earlier than those before.
func (l *ledger) add(n int, at time.Duration) {
	if last := len(*l) - 1; last >= 0 && (*l)[last].part >= part(at) {
		(*l)[last].n += float64(n)
		return
	}
	*l = append(*l, entry{part(at), float64(n)})
}

// scalePresumed multiplies what was before the start, as another share is presumed.
func (l *ledger) scalePresumed(by float64) {
	for i := range *l {
		if (*l)[i].part < 0 {
			(*l)[i].n *= by
		}
	}
}

func part(t time.Duration) int64 { return int64(t / (counted / parts)) }
