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
	"math"
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
	// lastPeeksPerSecond are begun beyond them where a window is about to end: with six calls
	// each, together just what Key Vault takes.
	lastPeeksPerSecond = 25
	// Brief is a pause that a store or a peek waits out where it is: another attempt costs more.
	Brief = time.Second
)

// ErrStopping is the end of a wait because the worker stops.
var ErrStopping = errors.New("the worker stops before the vault's pace lets this load begin")

// Limiter paces the secret versions that one process creates, and its peeks. It is safe for
// concurrent use. A nil one does not limit.
//
// Times are since its start, by the clock that is never set: a wall clock that was ahead
// would have all wait until it is that late again.
type Limiter struct {
	started time.Time

	mu     sync.Mutex
	all    float64 // versions per second that all workers together may create
	part   float64 // this process's, from 0 to 1
	share  float64 // the versions per second of that part
	rate   float64 // what it allows itself; below its share after a 429
	asOf   time.Duration
	until  time.Duration // until when the vault wants no call
	cut    time.Duration // when the rate was cut last
	writes turns         // of loads, calls and stores, by the versions that follow
	waited time.Duration // until when loads wait for turns of others
	stores ledger        // of versions
	looks  turns         // of peeks
	peeks  ledger
}

// New returns a limiter for a process that may create so many versions per second.
func New(perSecond float64) *Limiter {
	return &Limiter{started: time.Now(), all: perSecond, part: 1, share: perSecond, rate: perSecond, cut: -counted, waited: -counted,
		writes: newTurns(), stores: presumed(headroom * perSecond), looks: newTurns()}
}

// now is the time since the start, after what has passed since the last call was taken in.
// The lock is held.
func (l *Limiter) now() time.Duration {
	now := time.Since(l.started)
	l.grow(now)
	return now
}

// SetPart says what part of all is this process's: above 0, and 1 for all of it.
func (l *Limiter) SetPart(part float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now()
	share := l.all * part
	l.rate *= share / l.share
	l.stores.scalePresumed(share / l.share)
	l.share, l.part = share, part
}

// Throttled takes in a 429 with the wait that it asks for. Several of one overload halve
// the rate once.
func (l *Limiter) Throttled(wait time.Duration) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if now-l.cut >= counted && now >= l.until {
		l.rate, l.cut = max(l.rate/2, l.share*least), now
	}
	l.until = max(l.until, now+wait)
}

// Wait lets a load begin that will have so many versions created. It returns at once
// unless the vault has asked for a pause, the rate is cut, or stores have turns.
func (l *Limiter) Wait(ctx context.Context, stopping <-chan struct{}, versions int) error {
	if l == nil {
		return nil
	}
	for pause := l.begin(float64(versions)); pause > 0; {
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
			if pause = 0; l.closed() { // a 429 has come meanwhile
				pause = l.begin(float64(versions))
			}
		case <-stopping:
			timer.Stop()
			return ErrStopping
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
	return nil
}

// closed reports whether the vault wants no call.
func (l *Limiter) closed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now() < l.until
}

// begin books versions and returns the pause until they may be created.
func (l *Limiter) begin(versions float64) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	at := now
	if l.rate < l.share || now < l.until || l.writes.outstanding(now) {
		room := l.stores.room(int(versions), headroom*l.rate, now) // its store has that at the earliest
		at = l.writes.next(versions, l.rateAt, max(room, l.until), nil)
	}
	if at-now > Brief && l.writes.outstanding(now) {
		l.waited = max(l.waited, at)
	}
	l.writes.book(versions, at)
	return at - now
}

// Turn returns the pause before a store that has failed may begin whose versions are so many:
// at least the given one, and not before those that have their turn already.
func (l *Limiter) Turn(versions int, after time.Duration) time.Duration {
	if l == nil {
		return after
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	pause, _ := l.turn(float64(versions), l.now()+after, math.MaxInt64)
	return pause
}

// TurnWithin returns the pause before a call may begin whose store creates so many versions.
// ok is false, and nothing booked, where there is none within the horizon: a call may never
// come to its turn, because its provider is away again.
func (l *Limiter) TurnWithin(versions int, horizon time.Duration) (pause time.Duration, ok bool) {
	if l == nil {
		return 0, true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.turn(float64(versions), l.now(), horizon)
}

// turn gives one, from a time on, that is at most horizon ahead. While loads wait, some spans
// are left to them. The lock is held.
func (l *Limiter) turn(versions float64, from, horizon time.Duration) (pause time.Duration, ok bool) {
	now := l.asOf
	var without func(int64) bool
	if now-l.waited < counted {
		without = isKeptFree
	}
	at := l.writes.next(versions, l.rateAt, max(from, l.until), without)
	if pause = at - now; pause > horizon {
		return 0, false
	}
	l.writes.give(versions, at)
	return pause, true
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
	now := l.now()
	at := max(l.stores.room(versions, headroom*l.rate, now), l.until)
	if pause = at - now; pause <= Brief {
		l.stores.add(versions, at)
		return pause
	}
	pause, _ = l.turn(float64(versions), at, math.MaxInt64)
	return pause
}

// StoreNow counts a store that waits for nothing, such as one whose pair is nowhere else.
func (l *Limiter) StoreNow(versions int) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stores.add(versions, l.now())
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
	now := l.now()
	perSecond := peeksPerSecond * l.part
	at := l.peeks.room(1, perSecond, now)
	if l.until-now <= counted { // a longer one is not Key Vault's
		at = max(at, l.until)
	}
	if pause = at - now; pause <= Brief && (waited || !l.looks.outstanding(now)) {
		l.peeks.add(1, at)
		return pause, true
	}
	at = l.looks.next(1, func(time.Duration) float64 { return perSecond }, at, nil)
	if pause = at - now; pause > horizon {
		return 0, false
	}
	l.looks.give(1, at)
	if pause <= Brief {
		l.peeks.add(1, at)
	}
	return pause, true
}

// PeekLast lets a peek begin at once, whose window is about to end, or refuses it: many that
// end alike would use up what the vault answers.
func (l *Limiter) PeekLast() bool {
	if l == nil {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if l.peeks.room(1, (peeksPerSecond+lastPeeksPerSecond)*l.part, now) > now {
		return false
	}
	l.peeks.add(1, now)
	return true
}

// PeekNow counts a peek that waits for nothing.
func (l *Limiter) PeekNow() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.peeks.add(1, l.now())
}

// rateAt is the rate at a time that is not before the last one taken in: a cut rate grows
// back once the vault takes calls again.
func (l *Limiter) rateAt(t time.Duration) float64 {
	grown := max(0, t-max(l.until, l.asOf))
	return min(l.share, l.rate+l.share*grown.Seconds()/recovery.Seconds())
}

// grow gives back what a cut has taken, and forgets the spans that are over.
func (l *Limiter) grow(now time.Duration) {
	l.rate = l.rateAt(now)
	if span(now) != span(l.asOf) {
		l.writes.forget(now)
		l.looks.forget(now)
	}
	l.asOf = now
}
