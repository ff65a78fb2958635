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

// ledger counts what has begun in the last ten seconds, or begins in a moment, in order.
type ledger []entry

type entry struct {
	part int64
	n    float64
}

// presumed is the ledger of a process that has just started: what ran before it, or runs
// beside it, is presumed to have used its share, so that a restart lets no more begin.
func presumed(perSecond float64, started time.Time) ledger {
	l := make(ledger, parts)
	for i := range l {
		l[i] = entry{part(started) - parts + int64(i), perSecond * counted.Seconds() / parts}
	}
	return l
}

// room is the first moment from now on at which n more are no more than perSecond on the
// average of the ten seconds before it. More than that by itself begins alone.
func (l *ledger) room(n int, perSecond float64, now time.Time) time.Time {
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
		at = time.Unix(0, (e.part+parts+1)*int64(counted/parts))
	}
	return at
}

// add counts n that begin at a time, which is no earlier than those before.
func (l *ledger) add(n int, at time.Time) {
	if last := len(*l) - 1; last >= 0 && (*l)[last].part >= part(at) {
		(*l)[last].n += float64(n)
		return
	}
	*l = append(*l, entry{part(at), float64(n)})
}

// scale multiplies what was before a time, as another share of it is another process's.
func (l *ledger) scale(by float64, before time.Time) {
	for i := range *l {
		if (*l)[i].part < part(before) {
			(*l)[i].n *= by
		}
	}
}

func part(t time.Time) int64 { return t.UnixNano() / int64(counted/parts) }
