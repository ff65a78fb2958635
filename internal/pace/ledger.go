package pace

import "time"

const (
	// counted is the time over which Key Vault counts calls.
	counted = 10 * time.Second
	// counts is how finely a ledger counts.
	counts = 250 * time.Millisecond
)

// ledger is how much begins in each part of a second, past and to come.
type ledger map[int64]int

// take counts n at the first moment from now on that leaves no ten seconds with more than
// perSecond on the average, and returns the pause until then. What is more than that by
// itself begins alone.
func (l ledger) take(n int, perSecond float64, now time.Time) (pause time.Duration) {
	most := max(n, int(perSecond*counted.Seconds()))
	at := part(now)
	for l.fullest(at)+n > most {
		at++
	}
	l[at] += n
	return max(0, time.Unix(0, at*int64(counts)).Sub(now))
}

// fullest is how much the fullest ten seconds around a part of a second have.
func (l ledger) fullest(at int64) (most int) {
	const parts = int64(counted / counts)
	sum := 0
	for last := at - parts; last <= at+parts; last++ {
		sum += l[last]
		if first := last - parts; first >= at-parts {
			most = max(most, sum) // with a part of one more
			sum -= l[first]
		}
	}
	return most
}

// forget drops what counts no more.
func (l ledger) forget(now time.Time) {
	for at := range l {
		if at < part(now.Add(-2*counted)) {
			delete(l, at)
		}
	}
}

func part(t time.Time) int64 { return t.UnixNano() / int64(counts) }
