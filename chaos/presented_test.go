package main_test

import (
	"slices"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"

	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/workflows"
)

// providerSaw asserts how the provider answered the tokens that the account presented, in
// order. A machine that stands still for seconds adds what loses nothing: an answer that was
// not read in time is repeated, where the provider repeats any; and a pair that went into the
// vault without Temporal's word is found there, and refreshed once more.
func (r run) providerSaw(want ...grant.Outcome) {
	r.t.Helper()
	got := r.outcomes()
	spent, repeated := apart(got)
	wantSpent, wantRepeated := apart(want)
	if len(spent) == len(wantSpent)+1 && r.result().Outcome == workflows.Recovered {
		wantSpent = append(wantSpent, grant.Rotated)
	}
	require.Equal(r.t, wantSpent, spent, "of %v, with %d answers repeated", got, repeated)
	require.GreaterOrEqual(r.t, repeated, wantRepeated, "answers repeated, of %v", got)
	if r.Provider.ReplayWindow() == 0 {
		require.Equal(r.t, wantRepeated, repeated, "answers repeated, of %v", got)
	}
}

// apart parts the answers that were repeated from all others.
func apart(outcomes []grant.Outcome) (others []grant.Outcome, repeated int) {
	for _, o := range outcomes {
		if o == grant.Replayed {
			repeated++
		} else {
			others = append(others, o)
		}
	}
	return others, repeated
}

// lostNothing asserts that the vault has the pair of each time that the account's refresh
// token was spent, see account.nothingLost, and that the run's result says so.
func (r run) lostNothing() {
	r.t.Helper()
	spent, _ := apart(r.outcomes())
	generation := int(r.result().Generation)
	require.Len(r.t, spent, generation, "generations")
	r.nothingLost(generation)
}

// asked asserts how many requests the provider got about the account: exactly so many, but
// where it was repeated on a busy machine, see providerSaw.
func (r run) asked(times int) {
	r.t.Helper()
	if r.Provider.ReplayWindow() > 0 || r.result().Outcome == workflows.Recovered {
		require.GreaterOrEqual(r.t, r.calls(), times, "requests")
		return
	}
	require.Equal(r.t, times, r.calls(), "requests")
}

// tried asserts that an activity of the run took so many attempts, or more of them on a busy
// machine.
func (r run) tried(activity string, attempts int) {
	r.t.Helper()
	scheduled, most := map[int64]bool{}, 0
	for _, e := range r.history() {
		if e.GetActivityTaskScheduledEventAttributes().GetActivityType().GetName() == activity {
			scheduled[e.GetEventId()] = true
		}
		if a := e.GetActivityTaskStartedEventAttributes(); scheduled[a.GetScheduledEventId()] {
			most = max(most, int(a.GetAttempt()))
		}
	}
	require.GreaterOrEqual(r.t, most, attempts, "attempts of %s", activity)
}

// pauses reports whether the run has waited for a timer until its end.
func (r run) pauses() bool {
	r.t.Helper()
	return slices.ContainsFunc(r.history(), func(e *historypb.HistoryEvent) bool {
		return e.GetEventType() == enumspb.EVENT_TYPE_TIMER_FIRED
	})
}

// begins counts how often the run began an activity, whose attempts are further ones of the
// same.
func (r run) begins(activity string) (n int) {
	r.t.Helper()
	for _, e := range r.history() {
		if e.GetActivityTaskScheduledEventAttributes().GetActivityType().GetName() == activity {
			n++
		}
	}
	return n
}

// callsOnce asserts that the run went on with what its first call had brought. Another one
// follows only a pair that came back from the vault.
func (r run) callsOnce() {
	r.t.Helper()
	if r.result().Outcome != workflows.Recovered {
		require.Equal(r.t, 1, r.begins("CallFitbit"), "calls")
	}
}
