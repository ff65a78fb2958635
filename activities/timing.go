package activities

import (
	"math"
	"slices"
	"time"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/window"
)

// progress is what the attempts of a call leave in its heartbeats for the next one. A
// call that goes well sends none.
type progress struct {
	// Attempt is the last one that ended and left word.
	Attempt int32     `json:"attempt,omitempty"`
	First   time.Time `json:"first,omitzero"` // the first request that may have spent the token
	Last    time.Time `json:"last,omitzero"`  // the last one
	// Said is when these words were left; zero in those of an older version.
	Said time.Time `json:"said,omitzero"`
	// Next is when the attempt is due that they were left for.
	Next time.Time `json:"next,omitzero"`
	// Issued: an answer had tokens and could not be used, so that the token is spent.
	Issued bool `json:"issued,omitempty"`
	// Doubted is the first request whose answer may mean a dead grant; see timing.
	Doubted time.Time `json:"doubted,omitzero"`
	// Unsent: no attempt up to this one has sent anything, as where no slot came free.
	Unsent bool `json:"unsent,omitempty"`
	// Held counts the attempts that were not let through yet.
	Held int32 `json:"held,omitempty"`
	// Turn is when the call has its turn at the vault; zero where it has not asked for one.
	Turn time.Time `json:"turn,omitzero"`
}

// with adds a request that may have spent the token.
func (p progress) with(request time.Time) progress {
	if p.First.IsZero() {
		p.First = request
	}
	p.Last = request
	return p
}

// requests are those that earlier attempts may have spent the token with.
func (p progress) requests(attempt int32, scheduled, now time.Time) []time.Time {
	var requests []time.Time
	if !p.First.IsZero() {
		requests = []time.Time{p.First, p.Last}
	}
	if !p.leftOut(attempt, scheduled, now) {
		return requests
	}
	// It may have sent one at any time since the last word.
	since := p.Said
	if since.IsZero() {
		since = scheduled
	}
	requests = append(requests, since)
	if latest := now.Add(-CallTimeout); latest.After(since) {
		requests = append(requests, latest)
	}
	return requests
}

// leftOut reports whether an earlier attempt may have left no word of its end: its worker
// was killed. An operator's reset makes a late attempt the first one again.
func (p progress) leftOut(attempt int32, scheduled, now time.Time) bool {
	if attempt > 1 {
		return p.Attempt != attempt-1
	}
	return p != progress{} || now.Sub(scheduled) > CallTimeout
}

// isFor reports whether an attempt is the one that the words were left for. An operator's
// reset counts attempts anew, so that the number alone may be that of a second one: an attempt
// between the two has left no word then, and the time tells.
func (p progress) isFor(attempt int32, now time.Time) bool {
	return p.Attempt == attempt-1 && now.Sub(p.Next).Abs() <= onTime
}

// onTime is how far from when it is due an attempt begins. Another one before it would have
// lasted for longer than that, unless it left word.
const onTime = 5 * time.Second

// timing decides the waits of one attempt of a call.
type timing struct {
	loaded   LoadResult
	tries    int32       // this attempt's number among those that were let through
	requests []time.Time // all that may have spent the token, by any run
	// doubted is this call's first request whose answer may mean a dead grant; zero: none.
	// A gateway may have given that answer for a commit as well, so that it opens a window:
	// one in each of the two calls of a run that have such answers. Those that follow in the
	// call open none: the answer would be retried for ever.
	doubted time.Time
}

// longestDoubt bounds the window that such an answer opens. Some providers repeat an answer
// for hours; the next run presents the token in time for that, and the owner of a dead
// grant is asked meanwhile.
const longestDoubt = 30 * time.Minute

func newTiming(in LoadResult, attempt int32, scheduled time.Time, told progress, now time.Time) timing {
	t := timing{in, max(1, attempt-told.Held), told.requests(attempt, scheduled, now), told.Doubted}
	for _, intent := range in.MayHaveSpent {
		if !intent.Over && !intent.At.IsZero() {
			t.requests = append(t.requests, intent.At)
		}
	}
	return t
}

// window is the replay window of the call's token.
func (t timing) window(now time.Time) window.Window { return t.windowBy(false, now) }

func (t timing) windowBy(strict bool, now time.Time) window.Window {
	w := window.Window{Length: t.loaded.ReplayWindow, LeastPause: t.loaded.RepeatPause}.OpenedBy(t.requests, strict, now)
	if w.IsOpen(now) || t.doubted.IsZero() || strict && len(t.requests) > 0 {
		return w
	}
	w.Length = min(w.Length, longestDoubt)
	if t.loaded.Doubted {
		// The request that finds it closed is the last one, and still inside the provider's own.
		w.Length -= min(w.Length/4, MaxInFlight)
	}
	return w.OpenedBy([]time.Time{t.doubted}, strict, now)
}

// answered is the timing after a request at the given time that failed. Once the first
// window has closed, a rate limit that names a wait is believed: it was given before the
// token was taken. A gateway names one as well, for a commit whose answer it has lost.
func (t timing) answered(f *provider.Failure, request, now time.Time) timing {
	if f.MayBeDead && !f.Issued {
		if f.MaybeSpent && t.doubted.IsZero() {
			t.doubted = request
		}
		return t
	}
	believed := f.Kind == provider.RateLimited && f.RetryAfter > 0 && len(t.requests) > 0 && !t.window(now).IsOpen(now)
	if f.MaybeSpent && (f.Issued || !believed) {
		t.requests = append(slices.Clone(t.requests), request)
	}
	return t
}

// retryDelay is the pause before the next attempt; asked is the provider's wish. Where
// requests have gone out for longer than half a window, any of those between the first and
// the last one, whose times are not kept, may be the one that was answered: three more
// attempts fit into the window of each.
func (t timing) retryDelay(asked time.Duration, now time.Time) time.Duration {
	w := t.window(now)
	pause := w.Wait(window.Retry, max(asked, t.policyPause()), now)
	if w.IsOpen(now) && len(t.requests) > 0 && w.Last.Sub(slices.MinFunc(t.requests, time.Time.Compare)) >= w.Length/2 {
		pause = min(pause, max(w.Length/4, w.LeastPause, time.Second))
	}
	return pause
}

// policyPause is the pause without a wish of the provider. Where a provider never
// repeats a lost answer, the next attempt waits until an earlier one's pair must be in
// the history or the vault.
func (t timing) policyPause() time.Duration {
	const (
		coefficient = 1.5
		longest     = 5 * time.Minute
	)
	first := time.Second
	if t.loaded.ReplayWindow == 0 && !t.loaded.NonRotating {
		first = MaxInFlight
	}
	return time.Duration(min(float64(first)*math.Pow(coefficient, float64(t.tries-1)), float64(longest)))
}
