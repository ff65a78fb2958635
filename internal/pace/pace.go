// Package pace keeps one process below its share of what a vault takes. Temporal's server
// paces the fleet's loads, so that a [Limiter] stands aside as a rule. It slows the process
// down after the vault has answered 429, it gives each store that failed a turn of its own,
// because many that wait for a vault would otherwise come back at once, and it counts the
// stores themselves, which something else may have held up and let go together.
package pace

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// width is half of the time over which Key Vault counts creations: a limit that holds
	// in each of these spans holds nearly in any two.
	width = 5 * time.Second
	// recovery is how long it takes from nothing back to the whole share. A stranger who
	// uses up the vault's limit is met again a few times in that time.
	recovery = 2 * time.Minute
	// least is the smallest part of its share that a process slows down to.
	least = 1. / 32
	// peeksForVersion is how many peeks may begin for each version that may be created. One
	// makes six calls that create nothing, of which Key Vault takes thirteen for each creation;
	// the rest is for what follows.
	peeksForVersion = 1.5
	// headroom is how far above its share a process may be in that time: the share leaves
	// an eighth of what the vault takes, and what is paced comes in no even stream.
	headroom = 1.1
)

// ErrStopping is the end of a wait because the worker stops.
var ErrStopping = errors.New("the worker stops before the vault's pace lets this load begin")

// Limiter paces the secret versions that one process creates. It is safe for concurrent
// use. A nil one does not limit.
type Limiter struct {
	mu     sync.Mutex
	share  float64 // versions per second that are this process's
	rate   float64 // what it allows itself; below its share after a 429
	asOf   time.Time
	until  time.Time         // until when the vault wants no call
	cut    time.Time         // when the rate was cut last
	booked map[int64]float64 // versions by span of time
	turns  int64             // the last span in which a call or a store has its turn
	stores ledger            // of versions
	peeks  ledger
}

// New returns a limiter for a process that may create so many versions per second.
func New(share float64) *Limiter {
	return &Limiter{share: share, rate: share, booked: map[int64]float64{}, stores: ledger{}, peeks: ledger{}}
}

// SetShare changes the process's share, as where the number of workers has changed.
func (l *Limiter) SetShare(share float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.grow(time.Now())
	l.rate *= share / l.share
	l.share = share
}

// Throttled takes in a 429 with the wait that it asks for. Several of one overload halve
// the rate once.
func (l *Limiter) Throttled(wait time.Duration) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.grow(now)
	if now.Sub(l.cut) >= 2*width && !now.Before(l.until) {
		l.rate, l.cut = max(l.rate/2, l.share*least), now
	}
	if end := now.Add(wait); end.After(l.until) {
		l.until = end
	}
}

// Wait lets a load begin that will have so many versions created. It returns at once
// unless the vault has asked for a pause, the rate is cut, or stores have turns.
func (l *Limiter) Wait(ctx context.Context, stopping <-chan struct{}, versions int) error {
	if l == nil {
		return nil
	}
	pause := l.begin(float64(versions))
	if pause <= 0 {
		return nil
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-stopping:
		return ErrStopping
	case <-ctx.Done():
		return ctx.Err()
	}
}

// begin books versions and returns the pause until they may be created.
func (l *Limiter) begin(versions float64) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.grow(now)
	if l.rate >= l.share && !now.Before(l.until) && l.turns < span(now) {
		l.booked[span(now)] += versions
		return 0
	}
	return l.book(versions, now, now)
}

// Turn returns the pause before a call whose store creates so many versions: at least the
// given one, and not before those that have their turn already.
func (l *Limiter) Turn(versions int, after time.Duration) time.Duration {
	if l == nil {
		return after
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.grow(now)
	pause := l.book(float64(versions), now.Add(after), now)
	l.turns = max(l.turns, span(now.Add(pause)))
	return max(pause, after)
}

// Store returns the pause until a store of so many versions may begin, and counts it there.
// It is 0 unless this process's stores have had its share of the ten seconds around it.
func (l *Limiter) Store(versions int) (pause time.Duration) {
	if l == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.grow(now)
	return l.stores.take(versions, headroom*l.rate, now)
}

// Peek returns the pause until a peek may begin, and counts it there. Peeks create no
// version, but the vault limits what is read as well.
func (l *Limiter) Peek() (pause time.Duration) {
	if l == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.grow(now)
	return l.peeks.take(1, peeksForVersion*l.rate, now)
}

// StoreAgain returns the pause before a store that failed is tried again, and counts it
// there: at least the given one, and not before those that have their turn already.
func (l *Limiter) StoreAgain(versions int, after time.Duration) time.Duration {
	if l == nil {
		return after
	}
	pause := l.Turn(versions, after)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stores[part(time.Now().Add(pause))] += versions
	return pause
}

// book takes room for versions in the first span that has it, from a time on, and returns
// the pause until then. Those of one span follow each other evenly.
func (l *Limiter) book(versions float64, from, now time.Time) time.Duration {
	if from.Before(l.until) {
		from = l.until
	}
	room := max(l.rate*width.Seconds(), versions)
	at := span(from)
	for l.booked[at] > 0 && l.booked[at]+versions > room {
		at++
	}
	turn := time.Unix(0, at*int64(width)).Add(time.Duration(l.booked[at] / room * float64(width)))
	l.booked[at] += versions
	if turn.Before(from) {
		turn = from
	}
	return turn.Sub(now)
}

// grow gives back what a cut has taken, and forgets the spans that are over.
func (l *Limiter) grow(now time.Time) {
	if from := l.until; l.rate < l.share && now.After(from) {
		if l.asOf.After(from) {
			from = l.asOf
		}
		l.rate = min(l.share, l.rate+l.share*now.Sub(from).Seconds()/recovery.Seconds())
	}
	if l.asOf.IsZero() || span(now) != span(l.asOf) {
		for at := range l.booked {
			if at < span(now) {
				delete(l.booked, at)
			}
		}
		l.stores.forget(now)
		l.peeks.forget(now)
	}
	l.asOf = now
}

func span(t time.Time) int64 { return t.UnixNano() / int64(width) }
