package workflows

import (
	"slices"
	"time"

	"tokenkeeper/activities"
)

// look is what a search that has found nothing waits for before the next one.
type look struct {
	wait  time.Duration // zero: nothing more is to be waited for
	runID string
}

// atLeast is the longer one of two waits.
func (l look) atLeast(wait time.Duration, runID string) look {
	if wait > l.wait {
		return look{wait, runID}
	}
	return l
}

// nextLook decides how long to wait after the n-th search, which has found nothing: while
// a call that was begun may be in flight, and while a run on the record may still make
// one. The record's times count once only: they are by other workers' clocks.
func nextLook(n int, r activities.RecoverResult, l activities.LoadResult, turn turn, now time.Time) look {
	var next look
	for _, c := range r.Callers {
		if turn.isOf(c, n) {
			next = next.atLeast(activities.MaxInFlight, c.RunID)
		}
	}
	for _, i := range slices.Backward(l.MayHaveSpent) {
		if n == 1 {
			next = next.atLeast(remaining(i.At.Add(activities.MaxInFlight), now), i.RunID)
		}
		next = next.atLeast(remaining(r.MayEnd, now), i.RunID)
	}
	return next
}

// turn decides which of the runs that have each other on the intent record goes first.
type turn struct {
	self string
	// elders are the runs that were on the record when this run first loaded the grant;
	// nil: any run counts as one. They cannot know of this run unless they have loaded
	// again. All others know of it, and wait for it.
	elders []string
}

// isOf reports whether a run on the record may present the token before this one does,
// at the n-th look. Two runs that loaded at the same moment are elders to each other, so
// after a few looks the one with the smaller id goes on.
func (t turn) isOf(c activities.Caller, n int) bool {
	switch c.State {
	case activities.Closed, activities.Called:
		return false
	case activities.Loading, activities.Searching:
		return (t.elders == nil || slices.Contains(t.elders, c.RunID)) && (n <= fewLooks || c.RunID < t.self)
	}
	return c.RunID != t.self
}

// Where a late repeat is refused and nothing worse, a run that may still call is waited
// for no longer than through a few searches.
const (
	fewLooks = 4
	noLimit  = 0
)

// looksBefore is how many searches come before a token is presented.
func looksBefore(l activities.LoadResult) int {
	if careful(l) {
		return noLimit
	}
	return fewLooks
}

// cameIntoForce reports whether a pair was found in a history whose access token, or a
// newer one, the vault now holds.
func cameIntoForce(r activities.RecoverResult) bool {
	return r.Found == activities.FoundInHistory && (!r.Stored.Superseded || r.Stored.AccessTokenNewer)
}

// isFresh reports whether a pair was found that lasts until the next run: its
// access token has at least half of its life left, or no end.
func isFresh(r activities.RecoverResult, now time.Time) bool {
	if !cameIntoForce(r) {
		return false
	}
	life := r.Called.Expiry.Sub(r.Called.ObtainedAt)
	return r.Called.Expiry.IsZero() || r.Called.Expiry.Sub(now) >= life/2
}

// remaining is how much longer a call may be in flight. Its end is on another
// worker's clock, which must not make a run wait for longer than a call can take.
func remaining(end, now time.Time) time.Duration {
	return min(max(0, end.Sub(now)), activities.MaxInFlight)
}
