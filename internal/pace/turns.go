package pace

import "time"

// width is half of the time over which Key Vault counts: a limit that holds in each of
// these spans holds nearly in any two.
const width = counted / 2

// turns are booked in spans of time. All times are since the limiter's start.
type turns struct {
	booked map[int64]float64
	last   int64 // the last span with a turn that was given to one who waits
}

// keptFree is how many spans there are for each one without given turns while loads wait: the
// turns of thousands would hold up every load until they are over.
const keptFree = 4

// isKeptFree reports whether a span is kept for loads.
func isKeptFree(at int64) bool { return at%keptFree == 0 }

func newTurns() turns { return turns{booked: map[int64]float64{}, last: -1} }

// next is the first turn from a time on for n, at as many per second as there will be then.
// Those of one span follow each other evenly. What is more than a span has by itself has one
// alone. without are spans that are passed over; nil for none.
func (t *turns) next(n float64, perSecond func(at time.Duration) float64, from time.Duration, without func(at int64) bool) time.Duration {
	for at := span(from); ; at++ {
		if without != nil && without(at) {
			continue
		}
		begin := time.Duration(at) * width
		room := max(perSecond(begin)*width.Seconds(), n)
		if booked := t.booked[at]; booked == 0 || booked+n <= room {
			return max(begin+time.Duration(booked/room*float64(width)), from)
		}
	}
}

// book takes a turn.
func (t *turns) book(n float64, at time.Duration) { t.booked[span(at)] += n }

// give books a turn for one who waits for it. Others come after it.
func (t *turns) give(n float64, at time.Duration) {
	t.book(n, at)
	t.last = max(t.last, span(at))
}

// outstanding reports whether a turn that was given is still to come.
func (t *turns) outstanding(now time.Duration) bool { return t.last >= span(now) }

func (t *turns) forget(now time.Duration) {
	for at := range t.booked {
		if at < span(now) {
			delete(t.booked, at)
		}
	}
}

func span(t time.Duration) int64 { return int64(t / width) }
