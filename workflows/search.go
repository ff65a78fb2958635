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
func nextLook(n int, r activities.RecoverResult, l activities.LoadResult, self string, now time.Time) look {
	var next look
	for _, c := range r.Callers {
		if mayCall(c, self) {
			next = next.atLeast(backOff(n, longestLook), c.RunID)
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

// What a run does again and again backs off: some 51,000 events end a run, and its cron.
const (
	longestLook  = 15 * time.Minute // between two searches, while another run may still call
	longestStart = time.Hour        // between two starts, as often as an operator asks for one
)

// backOff is the wait before the n-th repetition: the time in which a call is in flight
// for the first four, and twice as long from every fourth on.
func backOff(n int, longest time.Duration) time.Duration {
	return min(activities.MaxInFlight<<min((max(n, 1)-1)/4, 7), longest)
}

// mayCall reports whether a run on the intent record may still present the token, so that
// this run waits. One that searches and knows of this run waits for it in turn, where its
// id is the greater one. One that loads may be about to read a record without this run.
func mayCall(c activities.Caller, self string) bool {
	switch {
	case c.RunID == self, c.State == activities.Closed, c.State == activities.Called:
		return false
	case c.State == activities.Searching:
		return !c.Knows || c.RunID < self
	}
	return true
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

// freshUnlimited is how old a pair without an end may be and count as fresh: one that
// was kept for long may have been ended by its provider.
const freshUnlimited = 24 * time.Hour

// isFresh reports whether a pair was found that lasts until the next run: its access
// token has at least half of its life left, or has no end and was issued of late.
func isFresh(r activities.RecoverResult, now time.Time) bool {
	if !cameIntoForce(r) {
		return false
	}
	issued := r.Called.Issue
	if issued.Expiry.IsZero() {
		return now.Sub(issued.ObtainedAt) < freshUnlimited
	}
	return issued.Expiry.Sub(now) >= issued.Expiry.Sub(issued.ObtainedAt)/2
}

// remaining is how much longer a call may be in flight. Its end is on another
// worker's clock, which must not make a run wait for longer than a call can take.
func remaining(end, now time.Time) time.Duration {
	return min(max(0, end.Sub(now)), activities.MaxInFlight)
}
