// Package pace keeps one process below its share of what a vault takes. Temporal's server
// paces the fleet's loads, so that a [Limiter] stands aside as a rule. It slows the process
// down after the vault has answered 429, it gives each store that failed a turn of its own,
// because many that wait for a vault would otherwise come back at once, and it counts the
// stores themselves, which something else may have held up and let go together. Peeks, which
// only read, are counted likewise.
package pace

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// recovery is how long it takes from nothing back to the whole share. A stranger who
	// uses up the vault's limit is met again a few times in that time.
	recovery = 2 * time.Minute
	// least is the smallest part of its share that a process slows down to.
	least = 1. / 32
	// headroom is how far above its share a process may be in ten seconds: the share leaves
	// an eighth of what the vault takes, and what is paced comes in no even stream.
	headroom = 1.1
	// peeksPerSecond is how many peeks all workers together begin. One makes two calls that
	// create nothing, and six at an account's first run; Key Vault takes 400 per second, and
	// the rest is for what follows.
	peeksPerSecond = 39
	// Brief is a pause that a store or a peek waits out where it is: another attempt costs more.
	Brief = time.Second
)

// ErrStopping is the end of a wait because the worker stops.
var ErrStopping = errors.New("the worker stops before the vault's pace lets this load begin")

// Limiter paces the secret versions that one process creates, and its peeks. It is safe for
// concurrent use. A nil one does not limit.
type Limiter struct {
	mu      sync.Mutex
	all     float64 // versions per second that all workers together may create
	workers int
	share   float64 // this process's part of them
	rate    float64 // what it allows itself; below its share after a 429
	started time.Time
	asOf    time.Time
	until   time.Time // until when the vault wants no call
	cut     time.Time // when the rate was cut last
	writes  turns     // of loads, calls and stores, by the versions that follow
	stores  ledger    // of versions
	looks   turns     // of peeks
	peeks   ledger
}

// New returns a limiter for a process that may create so many versions per second.
func New(perSecond float64) *Limiter {
	now := time.Now()
	return &Limiter{all: perSecond, workers: 1, share: perSecond, rate: perSecond, started: now,
		writes: turns{booked: map[int64]float64{}}, looks: turns{booked: map[int64]float64{}},
		stores: presumed(headroom*perSecond, now), peeks: presumed(peeksPerSecond, now)}
}

// SetWorkers says among how many processes the rate is shared out.
func (l *Limiter) SetWorkers(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.grow(time.Now())
	share := l.all / float64(n)
	l.rate *= share / l.share
	l.stores.scale(share/l.share, l.started)
	l.peeks.scale(share/l.share, l.started)
	l.share, l.workers = share, n
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
	if now.Sub(l.cut) >= counted && !now.Before(l.until) {
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
	at := now
	if l.rate < l.share || now.Before(l.until) || l.writes.outstanding(now) {
		room := l.stores.room(int(versions), headroom*l.rate, now) // its store has that at the earliest
		at = l.writes.next(versions, l.rate, l.from(room))
	}
	l.writes.book(versions, at)
	return at.Sub(now)
}

// from is the given time, or when the vault takes calls again.
func (l *Limiter) from(t time.Time) time.Time {
	if t.Before(l.until) {
		return l.until
	}
	return t
}

// Turn returns the pause before a call, or a store that has failed, may begin whose versions
// are so many: at least the given one, and not before those that have their turn already.
func (l *Limiter) Turn(versions int, after time.Duration) time.Duration {
	if l == nil {
		return after
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.grow(now)
	at := l.writes.next(float64(versions), l.rate, l.from(now.Add(after)))
	l.writes.give(float64(versions), at)
	return at.Sub(now)
}

// Store returns the pause until a store of so many versions may begin, and counts one that
// waits for it no longer than Brief. It is 0 unless this process's stores have had its share
// of the last ten seconds. A longer one is that until a turn.
func (l *Limiter) Store(versions int) (pause time.Duration) {
	if l == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.grow(now)
	at := l.from(l.stores.room(versions, headroom*l.rate, now))
	if pause = at.Sub(now); pause <= Brief {
		l.stores.add(versions, at)
		return pause
	}
	at = l.writes.next(float64(versions), l.rate, at)
	l.writes.give(float64(versions), at)
	return at.Sub(now)
}

// Peek returns the pause until a peek may begin, and counts one that waits for it no longer
// than Brief. A longer one is that until a turn, behind all that have one where the peek has
// not waited yet. ok is false, and nothing booked, where there is none within the horizon.
func (l *Limiter) Peek(waited bool, horizon time.Duration) (pause time.Duration, ok bool) {
	if l == nil {
		return 0, true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.grow(now)
	perSecond := peeksPerSecond / float64(l.workers)
	at := l.peeks.room(1, perSecond, now)
	if end := l.from(now); end.After(at) && end.Sub(now) <= counted { // a longer one is not Key Vault's
		at = end
	}
	if pause = at.Sub(now); pause <= Brief && (waited || !l.looks.outstanding(now)) {
		l.peeks.add(1, at)
		return pause, true
	}
	at = l.looks.next(1, perSecond, at)
	if pause = at.Sub(now); pause > horizon {
		return 0, false
	}
	l.looks.give(1, at)
	if pause <= Brief {
		l.peeks.add(1, at)
	}
	return pause, true
}

// PeekNow counts a peek that waits for nothing.
func (l *Limiter) PeekNow() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.peeks.add(1, time.Now())
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
		l.writes.forget(now)
		l.looks.forget(now)
	}
	l.asOf = now
}
