package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"

	"tokenkeeper/activities"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/window"
)

// silence is how long a worker may be silent before its attempt is given up.
const silence = 5 * time.Second

// careful reports whether a spent refresh token is presented as rarely as can be,
// because the provider ends the grant for it, or may.
func careful(l activities.LoadResult) bool {
	return l.Reuse != provider.Harmless && l.Reuse != provider.Refused
}

// windowOf is the replay window that earlier calls have opened for the loaded token.
// Any of the runs on the record may be the one that spent it, but one that is over opens
// none, and hides none either.
func windowOf(l activities.LoadResult, now time.Time) window.Window {
	var requests []time.Time
	for _, i := range l.MayHaveSpent {
		if !i.Over {
			requests = append(requests, i.At)
		}
	}
	w := window.Window{Length: l.ReplayWindow, LeastPause: l.RepeatPause}
	return w.OpenedBy(requests, l.Reuse == provider.RevokesGrant, now)
}

// openedBy is the window that a call has at a time: an earlier call's while it is open,
// else its own, from its first request on.
func openedBy(w window.Window, now time.Time) window.Window {
	if !w.IsOpen(now) {
		w.Opened = now
	}
	return w
}

// plan is what comes before a token is presented.
type plan int

const (
	present       plan = iota // nothing
	searchQuickly             // one search for its successor, which waits for nothing
	search                    // searches until no call can be in flight
)

// planCall decides by what may have happened to the token. Inside the window presenting
// it is harmless by the provider's word, and a wait may cost the pair. A token that is
// known to be spent has left its window behind: its successor was stored and used.
func planCall(l activities.LoadResult, w window.Window, now time.Time) plan {
	switch {
	case l.Doubted && careful(l):
		return search
	case !l.Behind && len(l.MayHaveSpent) == 0:
		return present
	case w.Wait(window.Search, activities.MaxInFlight, now) > 0, l.Behind && careful(l):
		return search
	case l.Behind || careful(l):
		return searchQuickly
	}
	return present
}

// cancelGrace is how long a call goes on once its run is cancelled: a later run asks
// within a longer window as well.
func cancelGrace(l activities.LoadResult, w window.Window, now time.Time) time.Duration {
	if l.NonRotating {
		return activities.MaxInFlight
	}
	return w.Wait(window.Grace, activities.MaxInFlight, now)
}

// longestPause bounds the retry policy's own pauses, which follow a worker's death: an
// answer to the dead worker waits at the provider.
const longestPause = 5 * time.Minute

// callRetries is the retry policy of a call. A failure that a worker reports carries a
// pause of its own. Eight pauses fit into a replay window, however often workers die.
func callRetries(l activities.LoadResult, w window.Window, now time.Time) *temporal.RetryPolicy {
	first, longest := firstPause(l), longestPause
	if l.ReplayWindow > 0 && !l.NonRotating {
		first = w.Wait(window.Retry, first, now)
		longest = max(first, min(longest, l.ReplayWindow/8))
	}
	return &temporal.RetryPolicy{InitialInterval: first, BackoffCoefficient: 1.5, MaximumInterval: longest}
}

// firstPause is what a failed call waits before the second attempt. Where the
// provider repeats a lost answer, an early attempt gets it; where it never does, the
// second attempt waits until the first one's pair is in the history or the vault.
func firstPause(l activities.LoadResult) time.Duration {
	if l.ReplayWindow == 0 && !l.NonRotating {
		return activities.MaxInFlight
	}
	return time.Second
}

// heartbeat is how soon a call's dead worker is noticed. Without a window nothing is
// gained by an early attempt, and a call that is cut off gets all of its time.
func heartbeat(l activities.LoadResult, w window.Window, now time.Time) time.Duration {
	if l.ReplayWindow == 0 {
		return 0
	}
	return w.Wait(window.Silence, silence, now)
}
