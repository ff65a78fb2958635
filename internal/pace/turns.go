package pace

import (
	"slices"
	"time"
)

// width is half of the time over which Key Vault counts: a limit that holds in each of
// these spans holds nearly in any two.
const width = counted / 2

// turns are booked in spans of time.
type turns struct {
	booked map[int64]float64
	last   int64 // the last span with a turn that was given to one who waits
}

// next is the first turn from a time on for n at so many per second. Those of one span
// follow each other evenly. What is more than a span has by itself has one alone.
func (t *turns) next(n, perSecond float64, from time.Time) time.Time {
	room := max(perSecond*width.Seconds(), n)
	at := span(from)
	for t.booked[at] > 0 && t.booked[at]+n > room {
		at++
	}
	turn := time.Unix(0, at*int64(width)).Add(time.Duration(t.booked[at] / room * float64(width)))
	if turn.Before(from) {
		return from
	}
	return turn
}

// book takes a turn.
func (t *turns) book(n float64, at time.Time) { t.booked[span(at)] += n }

// give books a turn for one who waits for it. Others come after it.
func (t *turns) give(n float64, at time.Time) {
	t.book(n, at)
	t.last = max(t.last, span(at))
}

// areDue reports whether somebody waits for a turn.
func (t *turns) areDue(now time.Time) bool { return t.last >= span(now) }

func (t *turns) forget(now time.Time) {
	for at := range t.booked {
		if at < span(now) {
			delete(t.booked, at)
		}
	}
}

func span(t time.Time) int64 { return t.UnixNano() / int64(width) }

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
	n    int
}

// room is the first moment from now on at which n more are no more than perSecond on the
// average of the ten seconds before it. More than that by itself begins alone.
func (l *ledger) room(n int, perSecond float64, now time.Time) time.Time {
	*l = slices.DeleteFunc(*l, func(e entry) bool { return e.part < part(now)-parts })
	sum := n
	for _, e := range *l {
		sum += e.n
	}
	at, most := now, int(perSecond*counted.Seconds())
	for _, e := range *l {
		if sum <= max(most, n) {
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
		(*l)[last].n += n
		return
	}
	*l = append(*l, entry{part(at), n})
}

func part(t time.Time) int64 { return t.UnixNano() / int64(counted/parts) }
