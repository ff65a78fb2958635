package main_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

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

			// First all work.
			runs := refreshAll(all)
			shares := map[int]int{}
			for _, r := range runs {
				r.refreshed()
				r.nothingLost(1)
				for pid, n := range r.actors() {
					shares[pid] += n
				}
			}
			fair := 3 * accounts / workers // a refresh takes three activities
			for _, w := range team {
				require.Greater(t, shares[w.PID()], fair/4, "worker %d starves: %v", w.PID(), shares)
			}

			// Then one after the other is killed with calls in flight, but for the last.
			require.NoError(t, s.Provider.Inject(authserver.Fault{Endpoint: authserver.Token, DelayAfter: authserver.Duration(5 * time.Second), Times: authserver.EveryTime}))
			runs = refreshAll(all)
			for i, doomed := range team[:workers-1] {
				enough := (i + 1) * accounts / workers / 2
				s.eventually(fmt.Sprintf("%d calls have begun, and one of them there", enough), func() bool {
					return begun(all, 2) >= enough && slices.ContainsFunc(runs, func(r run) bool { return r.callsFrom(doomed) })
				})
				doomed.Kill()
			}
			orphaned := 0
			for _, r := range runs {
				r.refreshed()
				r.nothingLost(2)
				for _, outcome := range r.outcomes() {
					require.True(t, outcome == grant.Rotated || outcome == grant.Replayed, "the provider called a token %s", outcome)
				}
				orphaned += len(r.outcomes()) - 2
			}
			require.NotZero(t, orphaned, "no worker was killed with a call in flight")
		})
	}
}

// callsFrom reports whether a worker waits for the provider's answer to the run's second call.
func (r run) callsFrom(w *testenv.Worker) bool {
	p := r.pending("CallFitbit")
	return r.calls() >= 2 && p.GetState() == enumspb.PENDING_ACTIVITY_STATE_STARTED &&
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

// begun counts the accounts that the provider has been called for so often.
func begun(all []account, calls int) (n int) {
	for _, a := range all {
		if a.calls() >= calls {
			n++
		}
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
