package main_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/testenv"
)

func TestWorkersShareTheLoadAndTheDeathOfAnyIsInvisible(t *testing.T) {
	t.Parallel()
	for workers, accounts := range map[int]int{2: 20, 4: 32} {
		t.Run(fmt.Sprintf("%d workers", workers), func(t *testing.T) {
			s := newSystem(t, testenv.Options{})
			var team []*testenv.Worker
			for range workers {
				team = append(team, s.work())
			}
			var all []account
			for range accounts {
				all = append(all, s.consent())
			}

			// First all work. One that the machine gives no time for seconds has its share of
			// another round.
			shares := map[int]int{}
			fair := 3 * accounts / workers // a refresh takes three activities
			starves := func(w *testenv.Worker) bool { return shares[w.PID()] <= fair/4 }
			for round := 1; round == 1 || slices.ContainsFunc(team, starves); round++ {
				require.LessOrEqual(t, round, 3, "a worker starves: %v", shares)
				for _, r := range refreshAll(all) {
					r.refreshed()
					r.lostNothing()
					for pid, n := range r.actors() {
						shares[pid] += n
					}
				}
			}

			// Then one after the other is killed with calls in flight, but for the last.
			asked := func() int { return s.Provider.Stats().Total.Calls[authserver.Token] }
			askedBefore, repeatedBefore := asked(), repeatedTo(all)
			require.NoError(t, s.Provider.Inject(authserver.Fault{Endpoint: authserver.Token, Hold: true, Times: authserver.EveryTime}))
			runs := refreshAll(all)
			for i, doomed := range team[:workers-1] {
				enough := (i + 1) * accounts / workers / 2
				s.eventually(fmt.Sprintf("%d calls have begun, and one is under way there", enough), func() bool {
					return asked()-askedBefore >= enough && slices.ContainsFunc(runs, func(r run) bool { return r.callsFrom(doomed) })
				})
				doomed.Kill()
			}
			s.Provider.ClearFaults()
			s.Provider.Release("")
			for _, r := range runs {
				r.refreshed()
				r.lostNothing()
				for _, outcome := range r.outcomes() {
					require.True(t, outcome == grant.Rotated || outcome == grant.Replayed, "the provider called a token %s", outcome)
				}
			}
			orphaned := repeatedTo(all) - repeatedBefore
			require.NotZero(t, orphaned, "no worker was killed with a call in flight")
		})
	}
}

// callsFrom reports whether a worker waits for an answer of the provider's to the run's call.
func (r run) callsFrom(w *testenv.Worker) bool {
	if r.Provider.Held(r.user) == 0 {
		return false
	}
	p := r.pending("CallFitbit")
	return p.GetState() == enumspb.PENDING_ACTIVITY_STATE_STARTED &&
		strings.HasPrefix(p.GetLastWorkerIdentity(), fmt.Sprintf("%d@", w.PID()))
}

// refreshAll starts a run of each account at once.
func refreshAll(all []account) []run {
	var runs []run
	for _, a := range all {
		runs = append(runs, a.refresh())
	}
	return runs
}

// repeatedTo counts the answers that the provider has given the accounts again.
func repeatedTo(all []account) (n int) {
	for _, a := range all {
		_, repeated := apart(a.outcomes())
		n += repeated
	}
	return n
}

// actors counts the run's activities by the process that took their last attempt.
func (r run) actors() map[int]int {
	r.t.Helper()
	all := map[int]int{}
	for _, e := range r.history() {
		if a := e.GetActivityTaskStartedEventAttributes(); a != nil {
			var pid int
			before, _, _ := strings.Cut(a.GetIdentity(), "@") // as the SDK makes it: pid@host@
			_, err := fmt.Sscan(before, &pid)
			require.NoError(r.t, err, "identity %s", a.GetIdentity())
			all[pid]++
		}
	}
	return all
}
