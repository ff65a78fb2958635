package workflows

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"tokenkeeper/activities"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/vault"
	"tokenkeeper/internal/window"
)

func ago(times ...time.Duration) (intents []vault.Intent) {
	for _, d := range times {
		intents = append(intents, vault.Intent{RunID: "earlier-run", At: now.Add(-d)})
	}
	return intents
}

var unknownTime = vault.Intent{RunID: "earlier-run"}

func TestWindowOf(t *testing.T) {
	for _, c := range []struct {
		name  string
		spent []vault.Intent
		// what is left: where a late repeat is known to end the grant, and elsewhere
		strict, elsewhere time.Duration
	}{
		{"no run may have spent it", nil, 0, 0},
		{"one run", ago(30 * time.Second), 90 * time.Second, 90 * time.Second},
		{"two runs", ago(90*time.Second, 30*time.Second), 30 * time.Second, 30 * time.Second},
		{"two runs, on clocks apart", ago(30*time.Second, 90*time.Second), 30 * time.Second, 30 * time.Second},
		{"the first one's is over", ago(10*time.Minute, 10*time.Second), 0, 110 * time.Second},
		{"all are over", ago(2*time.Hour, time.Hour), 0, 0},
		{"at an unknown time", []vault.Intent{unknownTime}, 0, 0},
		{"one at an unknown time", append(ago(30*time.Second), unknownTime), 0, 90 * time.Second},
		{"one that is over", append(ago(30*time.Second), vault.Intent{RunID: "run-1", Over: true}), 90 * time.Second, 90 * time.Second},
		{"all are known to be over", []vault.Intent{{RunID: "run-1", Over: true}}, 0, 0},
		{"by a clock that is a little ahead", ago(-time.Second), 2 * time.Minute, 2 * time.Minute},
		{"by a clock that is far ahead", ago(-time.Hour), 0, 2 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := activities.LoadResult{ReplayWindow: 2 * time.Minute, MayHaveSpent: c.spent}
			for reuse, left := range map[provider.Reuse]time.Duration{
				provider.RevokesGrant: c.strict, "": c.elsewhere, provider.Refused: c.elsewhere, provider.Harmless: c.elsewhere,
			} {
				l.Reuse = reuse
				require.Equal(t, left, windowOf(l, now).Left(now), "reuse: %s", reuse)
			}
			l.ReplayWindow = 0
			require.False(t, windowOf(l, now).IsOpen(now), "a provider that never repeats")
		})
	}
}

func TestPlanCall(t *testing.T) {
	const unknown = provider.Reuse("")
	for _, c := range []struct {
		name   string
		behind bool
		spent  bool
		open   bool
		reuse  provider.Reuse
		want   plan
	}{
		{"nothing is known", false, false, false, unknown, present},
		{"nothing is known, and reuse revokes", false, false, false, provider.RevokesGrant, present},
		{"it may be spent, and the answer is repeated", false, true, true, provider.Refused, present},
		{"the same where reuse does no harm", false, true, true, provider.Harmless, present},
		{"the same where reuse revokes", false, true, true, provider.RevokesGrant, searchQuickly},
		{"the same where reuse is unknown", false, true, true, unknown, searchQuickly},
		{"it may be spent, and nothing is repeated", false, true, false, provider.Refused, search},
		{"the same where reuse revokes", false, true, false, provider.RevokesGrant, search},
		{"the vault is behind", true, false, false, provider.Refused, search},
		{"the vault is behind, and a run may have spent it", true, true, false, unknown, search},
		{"the vault is behind, inside a window", true, true, true, provider.Refused, searchQuickly},
		{"the same where reuse revokes", true, true, true, provider.RevokesGrant, search},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := activities.LoadResult{Behind: c.behind, Reuse: c.reuse}
			if c.spent {
				l.MayHaveSpent = ago(time.Minute)
			}
			w := window.Window{Opened: now.Add(-time.Minute), Length: time.Minute}
			if c.open {
				w.Length = time.Hour
			}
			require.Equal(t, c.want, planCall(l, w, now))
		})
	}
}

func TestHowACallIsRetriedAndGivenUp(t *testing.T) {
	for _, c := range []struct {
		name           string
		window, pause  time.Duration
		opened         time.Duration // before now; zero: by this call
		nonRotating    bool
		grace          time.Duration
		first, longest time.Duration
		heartbeat      time.Duration
	}{
		{"lost answers are repeated", 2 * time.Minute, 0, 0, false, 2 * time.Minute, time.Second, 15 * time.Second, 5 * time.Second},
		{"an earlier call opened the window", 2 * time.Minute, 0, 80 * time.Second, false, 40 * time.Second, time.Second, 15 * time.Second, 5 * time.Second},
		{"little is left", 2 * time.Minute, 0, 108 * time.Second, false, 30 * time.Second, time.Second, 15 * time.Second, 3 * time.Second},
		{"for a moment only", time.Second, 0, 0, false, 30 * time.Second, time.Second, time.Second, 2 * time.Second},
		{"for hours", 8 * time.Hour, 0, 0, false, 5 * time.Minute, time.Second, 5 * time.Minute, 5 * time.Second},
		{"with a pause between repeats", time.Minute, 10 * time.Second, 0, false, time.Minute, 10 * time.Second, 10 * time.Second, 5 * time.Second},
		{"never", 0, 0, 0, false, 30 * time.Second, 30 * time.Second, 5 * time.Minute, 0},
		{"nothing rotates", 8 * time.Hour, 0, 0, true, 30 * time.Second, time.Second, 5 * time.Minute, 5 * time.Second},
		{"nothing rotates or is repeated", 0, 0, 0, true, 30 * time.Second, time.Second, 5 * time.Minute, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := activities.LoadResult{ReplayWindow: c.window, RepeatPause: c.pause, NonRotating: c.nonRotating}
			if c.opened > 0 {
				l.MayHaveSpent = ago(c.opened)
			}
			w := openedBy(windowOf(l, now), now)
			require.Equal(t, c.grace, cancelGrace(l, w, now))
			require.Equal(t, c.heartbeat, heartbeat(l, w, now))
			require.Equal(t, &temporal.RetryPolicy{InitialInterval: c.first, BackoffCoefficient: 1.5, MaximumInterval: c.longest}, callRetries(l, w, now))
		})
	}
}

func TestNextLook(t *testing.T) {
	const knows = true
	caller := func(runID string, state activities.CallerState, knows bool) activities.Caller {
		return activities.Caller{RunID: runID, State: state, Knows: knows}
	}
	for _, c := range []struct {
		name   string
		caller activities.Caller
		began  time.Duration // before now
		mayEnd time.Duration // from now
		first  time.Duration // the wait after the first search
		later  time.Duration // and after the fifth
	}{
		{"closed long ago", caller("run-1", activities.Closed, !knows), time.Hour, -time.Hour, 0, 0},
		{"closed a moment ago", caller("run-1", activities.Closed, !knows), time.Hour, 12 * time.Second, 12 * time.Second, 12 * time.Second},
		{"began a moment ago", caller("run-1", activities.Closed, !knows), 12 * time.Second, -time.Hour, 18 * time.Second, 0},
		{"began by a clock that is ahead", caller("run-1", activities.Closed, !knows), -time.Hour, -time.Hour, 30 * time.Second, 0},
		{"it may still call", caller("run-9", activities.Calling, knows), time.Hour, -time.Hour, 30 * time.Second, time.Minute},
		{"it waits for this one", caller("run-9", activities.Searching, knows), time.Hour, -time.Hour, 0, 0},
		{"it waits for this one, and began a moment ago", caller("run-9", activities.Searching, knows), 12 * time.Second, -time.Hour, 18 * time.Second, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := activities.LoadResult{MayHaveSpent: []vault.Intent{{RunID: c.caller.RunID, At: now.Add(-c.began)}}}
			r := activities.RecoverResult{Callers: []activities.Caller{c.caller}, MayEnd: now.Add(c.mayEnd)}
			for n, want := range map[int]time.Duration{1: c.first, 5: c.later} {
				next := nextLook(n, r, l, "run-5", now)
				require.Equal(t, want, next.wait)
				if want > 0 {
					require.Equal(t, c.caller.RunID, next.runID)
				}
			}
		})
	}
}

func TestMayCall(t *testing.T) {
	const smaller, greater, knows = "run-1", "run-9", true
	for _, c := range []struct {
		name   string
		caller activities.Caller
		want   bool
	}{
		{"closed", activities.Caller{RunID: smaller, State: activities.Closed}, false},
		{"its call has ended", activities.Caller{RunID: smaller, State: activities.Called}, false},
		{"it loads", activities.Caller{RunID: greater, State: activities.Loading}, true},
		{"it loads, and knew of this run when it loaded before", activities.Caller{RunID: greater, State: activities.Loading, Knows: knows}, true},
		{"it is at its call", activities.Caller{RunID: greater, State: activities.Calling}, true},
		{"it is at its call, and knew of this run", activities.Caller{RunID: greater, State: activities.Calling, Knows: knows}, true},
		{"it searches, and does not know of this run", activities.Caller{RunID: smaller, State: activities.Searching}, true},
		{"the same with a greater id", activities.Caller{RunID: greater, State: activities.Searching}, true},
		{"it searches, and knows of this run", activities.Caller{RunID: smaller, State: activities.Searching, Knows: knows}, true},
		{"the same with a greater id", activities.Caller{RunID: greater, State: activities.Searching, Knows: knows}, false},
		{"it is at a step that is unknown", activities.Caller{RunID: greater, State: "dancing", Knows: knows}, true},
		{"this run itself", activities.Caller{RunID: "run-5", State: activities.Calling}, false},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, mayCall(c.caller, "run-5")) })
	}
}

// Two runs that search and know of each other must not wait for each other for ever, nor
// go on together.
func TestOfTwoRunsThatKnowOfEachOtherOneGoesOn(t *testing.T) {
	waits := func(self, other string) bool {
		return mayCall(activities.Caller{RunID: other, State: activities.Searching, Knows: true}, self)
	}
	require.NotEqual(t, waits("run-1", "run-2"), waits("run-2", "run-1"))
}
