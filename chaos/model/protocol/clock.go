package protocol

import (
	"fmt"
	"time"

	"tokenkeeper/internal/window"
)

// ticks is a span of time, by the clock.
type ticks uint8

const (
	tick         = 5 * time.Second
	replayWindow = 2 * time.Minute
)

// The spans that the product asks for.
const (
	heartbeatTimeout = 5 * time.Second
	callTimeout      = 20 * time.Second // activities.CallTimeout
	vaultTimeout     = time.Minute      // LoadSecrets and StoreSecrets, without heartbeats
	recoverTimeout   = 5 * time.Minute  // RecoverGrant, without heartbeats
	maxInFlight      = 30 * time.Second // activities.MaxInFlight
	firstRetry       = time.Second
	retryAfter       = 3 * time.Minute // the provider's gateway
	turn             = 3 * time.Minute // a load's place in the paced queue
)

// inTicks rounds a span up.
func inTicks(d time.Duration) ticks { return ticks((d + tick - 1) / tick) }

// passTime lets the clock run on, at most to the next moment at which an attempt
// begins. Work takes no time, and where no run is at work the next begins at once.
func (v move) passTime() {
	if v.Setting != Clocked {
		return
	}
	next := ticks(0)
	for _, r := range v.s.Runs {
		switch wait := r.Attempt.Wait; {
		case r.Phase == idle:
		case wait == 0:
			return
		case next == 0 || wait < next:
			next = wait
		}
	}
	for d := ticks(1); d <= next; d++ {
		v.pass(d)
	}
}

func (v move) pass(d ticks) {
	what := fmt.Sprintf("%d seconds pass", d*ticks(tick/time.Second))
	switch {
	case v.s.Left > d:
		what += fmt.Sprintf(", and %d of the replay window are left", int(v.s.Left-d)*int(tick/time.Second))
	case v.s.Left > 0:
		what += ", and the replay window ends"
	}
	v.then(what, none, func(n *State) {
		for i := range n.Runs {
			if r := &n.Runs[i]; r.Phase != idle {
				r.Attempt.Wait -= d
			}
		}
		if n.Left > 0 {
			n.Left -= min(d, n.Left)
			n.Window = n.Left > 0
		}
	})
}

// opened is when the window opens, by the clock; any moment will do.
var opened = time.Unix(0, 0)

// window is the provider's, and now. A run knows it from the intent record that was
// left before the request.
func (s *State) window() (w window.Window, now time.Time) {
	if !s.Window {
		return window.Window{}, opened
	}
	w = window.Window{Opened: opened, Length: replayWindow}
	return w, opened.Add(replayWindow - time.Duration(s.Left)*tick)
}

// wait is the product's decision on how long something may wait; without the
// protection it is as long as outside the window.
func (m Model) wait(s *State, kind window.Kind, asked time.Duration, bounded Protections) time.Duration {
	w, now := s.window()
	if !m.has(bounded) {
		w = window.Window{}
	}
	return w.Wait(kind, asked, now)
}

// untilRetry has an attempt wait until Temporal notices that the one before is
// dead, and for the pause after that.
func (v move) untilRetry(n *State) {
	if v.Setting != Clocked {
		return
	}
	r := &n.Runs[v.who]
	noticed := v.wait(n, window.Silence, heartbeatTimeout, heartbeats)
	pause := firstRetry
	hurried := r.Phase != call || v.Replay != Never // workflows: heartbeat and firstPause
	if !hurried {
		pause = maxInFlight
	}
	if !hurried || !v.has(heartbeats) {
		noticed = startToClose(r.Phase)
	}
	r.Attempt.Wait = inTicks(noticed + v.wait(n, window.Retry, pause, boundedWaits))
}

// startToClose is when an attempt is given up that sends no heartbeats.
func startToClose(p Phase) time.Duration {
	switch p {
	case call:
		return callTimeout
	case searchBefore, searchAfter:
		return recoverTimeout
	}
	return vaultTimeout
}

// awaitTurn mirrors workflows.loadInTurn: the first load of a run waits for its turn at the
// vault, unless a peek shows that the window is open. Outside the window a wait changes
// nothing, and takes no time here.
func (v move) awaitTurn(n *State) {
	if v.Setting == Clocked && n.Window && !v.has(peek) {
		n.Runs[v.who].Attempt.Wait = inTicks(turn)
	}
}

// unavailable is a provider's gateway that keeps the answer back and asks for a
// long wait.
func (v move) unavailable(what string, effect func(*State)) {
	if v.Setting != Clocked || !v.faults() || v.who == late {
		return
	}
	v.fault(what+" and is answered 503 with a Retry-After of three minutes", v.self().Token, func(n *State) {
		effect(n)
		v.leave(n)
		n.Runs[v.who].Attempt.Wait = inTicks(v.wait(n, window.Retry, retryAfter, boundedWaits))
		v.excuse(n)
	})
}

// present mirrors workflows.nextLook after a search that has found nothing: the
// grant is presented, or searched for once more when a call that is in flight must
// have ended.
func (v move) present(n *State) {
	r := &n.Runs[v.who]
	wait := v.wait(n, window.Search, maxInFlight, presentedAtOnce)
	again := !r.Retried || v.mayCall(n) || r.Rival == ended && v.has(secondLook)
	if r.Rival == ended && v.has(secondLook) {
		r.Rival, r.Race = noRival, 0 // it has waited for the other one
	}
	if v.Setting != Clocked || wait == 0 || !again {
		v.enter(n, call)
		return
	}
	v.enter(n, searchBefore)
	r.Retried = true
	r.Attempt.Wait = inTicks(wait)
}

// cancelled is a cancellation that ends a run inside the window.
func (v move) cancelled(terminate func(*State)) {
	r := v.s.Runs[v.who]
	if v.Setting != Clocked || !v.s.Window || r.Phase == store {
		return
	}
	goesOn := ticks(0)
	if v.has(grace) {
		goesOn = inTicks(v.wait(&v.s, window.Grace, maxInFlight, grace))
	}
	if goesOn >= v.s.Left {
		return
	}
	v.then("is cancelled", none, func(n *State) {
		terminate(n)
		if !n.durable(n.Live) && !n.remembered(n.Live) {
			n.Broken = nothingLeft
		}
	})
}
