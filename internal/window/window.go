// Package window treats the time in which a provider repeats its answer to a spent
// refresh token as a deadline. A [Window] opens with the first request that may have
// spent the token. While it is open nothing waits past it: [Window.Wait], a pure
// function, gives every wait of the protocol, and two more attempts fit into what is
// left after each.
package window

import (
	"slices"
	"time"
)

// Window is the replay window of one refresh token.
type Window struct {
	Opened time.Time     // the first request that may have spent the token; zero: none
	Last   time.Time     // the last one, where it is another; see Grace
	Length time.Duration // how long the provider repeats its answer; zero: never
	// LeastPause is the shortest pause between two requests that the provider allows.
	LeastPause time.Duration
}

// Left is how long the provider goes on repeating its answer; zero where no request
// may have spent the token, and where the window has closed.
func (w Window) Left(now time.Time) time.Duration {
	if w.Opened.IsZero() {
		return 0
	}
	// A clock behind the one that recorded the opening must not lengthen the window.
	return min(max(0, w.Opened.Add(w.Length).Sub(now)), w.Length)
}

// OpenedBy is the window that requests have opened, by the times of all that may have
// spent the token. A zero time is an unknown one.
//
// The earliest whose window is open decides, because what was issued for an earlier one
// is beyond reach by now; where none is open, the last one. strict is for a provider that
// ends a grant for a repeat that comes too late: there any request may be the one that
// spent the token, so that the window is the first one's, and none where its time cannot
// be known.
func (w Window) OpenedBy(requests []time.Time, strict bool, now time.Time) Window {
	w.Opened, w.Last = time.Time{}, time.Time{}
	for _, at := range slices.SortedFunc(slices.Values(requests), time.Time.Compare) {
		switch {
		case strict && (at.IsZero() || at.After(now.Add(clocksApart))):
			w.Opened = time.Time{}
			return w
		case at.IsZero(), strict && !w.Opened.IsZero(), w.IsOpen(now):
		default:
			w.Opened = at
		}
		if !strict {
			w.Last = at
		}
	}
	return w
}

// clocksApart is how far the clocks of two workers may be apart.
const clocksApart = 5 * time.Second

// IsOpen reports whether the provider may still repeat an answer that was lost.
func (w Window) IsOpen(now time.Time) bool { return w.Left(now) > 0 }

// Kind says what something waits for.
type Kind int

const (
	// Retry is the pause before another attempt of a call, as the retry policy or the
	// provider asks for it.
	Retry Kind = iota
	// Silence is how long a worker may be silent before its attempt is given up.
	Silence
	// Search is the wait before a token is presented that an earlier run may have spent.
	Search
	// Grace is how long a cancelled run goes on: until the last request's answer is beyond
	// reach.
	Grace
	// Answer is how long one request waits for its answer.
	Answer
	// Look is how long something that helps only at times may take before a request.
	Look
)

const (
	shortestPause   = time.Second     // between two attempts
	shortestSilence = 2 * time.Second // less than this is an ordinary delay of a busy machine
	shortestAnswer  = 3 * time.Second // less than this is an ordinary delay of a busy provider
	longestGrace    = 5 * time.Minute // a later run asks within a longer window as well
)

// Wait is how long something may wait that would wait for asked without a window.
func (w Window) Wait(kind Kind, asked time.Duration, now time.Time) time.Duration {
	if kind == Grace && w.Last.After(w.Opened) {
		w.Opened = w.Last
	}
	left := w.Left(now)
	if left == 0 {
		if kind == Retry {
			return max(asked, w.LeastPause)
		}
		return asked
	}
	switch kind {
	case Retry:
		pause := min(asked, max(left/2, shortestPause))
		if w.LeastPause < left {
			pause = max(pause, w.LeastPause)
		}
		return pause
	case Silence:
		return min(asked, max(left/4, shortestSilence))
	case Search:
		return 0
	case Grace:
		return max(asked, min(left, longestGrace))
	case Answer:
		if left/2 < shortestAnswer {
			return asked // no other request fits, and one that is in time may be answered late
		}
		return min(asked, left/2)
	case Look:
		return min(asked, left/4)
	}
	return asked
}
