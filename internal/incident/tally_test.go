package incident_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/incident"
)

var begin = time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)

// step is what happens at a time, in seconds from the beginning.
type step struct {
	at      int
	report  incident.Report
	command string // "tell" what is due, or "clear"
}

func has(at int, account string) step {
	return step{at: at, report: incident.Report{Account: account, Message: account + " waits"}}
}

func well(at int, account string) step {
	return step{at: at, report: incident.Report{Account: account, Healed: true, Message: "green"}}
}

func tell(at int) step { return step{at: at, command: "tell"} }

func TestWhatIsDueAndWhen(t *testing.T) {
	const consent = "ReauthorizationRequired"
	crowd := func(at, from, to int) (steps []step) {
		for n := from; n < to; n++ {
			steps = append(steps, has(at, fmt.Sprintf("fitbit/a%d", n)))
		}
		return steps
	}
	healed := func(at, from, to int) (steps []step) {
		for n := from; n < to; n++ {
			steps = append(steps, well(at, fmt.Sprintf("fitbit/a%d", n)))
		}
		return steps
	}
	join := func(all ...any) (steps []step) {
		for _, one := range all {
			switch one := one.(type) {
			case step:
				steps = append(steps, one)
			case []step:
				steps = append(steps, one...)
			}
		}
		return steps
	}
	for _, c := range []struct {
		name   string
		reason string
		steps  []step
		kind   incident.Kind
		at     int
		count  int
	}{
		{"nothing", "CallStuck", nil, "", 0, 0},
		{"one account, within a minute", "CallStuck", join(has(0, "fitbit/will")), incident.Raised, 15, 1},
		{"the same twice", "CallStuck", join(has(0, "fitbit/will"), has(9, "fitbit/will")), incident.Raised, 15, 1},
		{"more come, and it waits for them", "CallStuck", join(has(0, "fitbit/a"), has(10, "fitbit/b")), incident.Raised, 25, 2},
		{"but no longer than that", "CallStuck", join(has(0, "fitbit/a"), has(14, "fitbit/b"), has(28, "fitbit/c"), has(42, "fitbit/d")), incident.Raised, 45, 4},
		{"over before it was told", "CallStuck", join(has(0, "fitbit/a"), well(9, "fitbit/a")), "", 0, 0},
		{"told", "CallStuck", join(has(0, "fitbit/a"), tell(15)), "", 0, 1},
		{"told, and one more", "CallStuck", join(has(0, "fitbit/a"), tell(15), has(100, "fitbit/b")), "", 0, 2},
		{"told, and nine more", "CallStuck", join(has(0, "fitbit/x"), tell(15), crowd(100, 0, 9)), incident.Grown, 115, 10},
		{"that told, and 89 more", "CallStuck", join(has(0, "fitbit/x"), tell(15), crowd(100, 0, 9), tell(115), crowd(200, 9, 98)), "", 0, 99},
		{"and the 90th", "CallStuck", join(has(0, "fitbit/x"), tell(15), crowd(100, 0, 9), tell(115), crowd(200, 9, 99)), incident.Grown, 215, 100},
		{"all but one well, and all ill again", "CallStuck", join(crowd(0, 0, 30000), tell(15), healed(1000, 1, 30000), crowd(9000, 1, 30000)), incident.Grown, 9015, 30000},
		{"a tenth is left, and all are ill again", "CallStuck", join(crowd(0, 0, 100), tell(15), healed(1000, 10, 100), crowd(9000, 10, 100)), "", 0, 100},
		{"less than a tenth is left, and ten times that is ill", "CallStuck", join(crowd(0, 0, 100), tell(15), healed(1000, 9, 100), crowd(9000, 9, 90)), incident.Grown, 9015, 90},
		{"that told, and some of them well and ill again", "CallStuck", join(crowd(0, 0, 100), tell(15), healed(1000, 9, 100), crowd(9000, 9, 90), tell(9015),
			healed(9100, 9, 90), crowd(9200, 9, 90)), "", 0, 90},
		{"well", "CallStuck", join(has(0, "fitbit/a"), tell(15), well(100, "fitbit/a")), incident.Healed, 115, 0},
		{"well, and ill again before that was told", "CallStuck", join(has(0, "fitbit/a"), tell(15), well(100, "fitbit/a"), has(110, "fitbit/a")), "", 0, 1},
		{"one of two is well", "CallStuck", join(has(0, "fitbit/a"), has(0, "fitbit/b"), tell(15), well(100, "fitbit/a"), well(101, "fitbit/a")), "", 0, 1},
		{"the end of what had not begun", "CallStuck", join(well(0, "fitbit/a")), "", 0, 0},
		{"begun anew after its end", "CallStuck", join(has(0, "fitbit/a"), tell(15), well(20, "fitbit/a"), tell(35), has(100, "fitbit/b")), incident.Raised, 115, 1},
		{"closed by an operator", "CallStuck", join(has(0, "fitbit/a"), tell(15), step{at: 50, command: "clear"}), incident.Healed, 65, 0},
		{"an owner more, who needs to be told, within the hour", consent, join(has(0, "fitbit/a"), tell(15), has(100, "fitbit/b")), incident.Grown, 15 + 3600, 2},
		{"and later", consent, join(has(0, "fitbit/a"), tell(15), has(9000, "fitbit/b")), incident.Grown, 9015, 2},
		{"who consents before that", consent, join(has(0, "fitbit/a"), tell(15), has(100, "fitbit/b"), well(200, "fitbit/b")), "", 0, 1},
		{"another account with a secret that is not there", "MissingSecret", join(has(0, "fitbit/a"), tell(15), has(9000, "fitbit/b")), incident.Grown, 9015, 2},
		{"and one more within the hour", "MissingSecret", join(has(0, "fitbit/a"), tell(15), has(9000, "fitbit/b"), tell(9015), has(9100, "fitbit/c")), incident.Grown, 9015 + 3600, 3},
		{"the end of a consent comes nearer", incident.ConsentEnds, join(has(0, "fitbit/a"), tell(15),
			step{at: 9000, report: incident.Report{Account: "fitbit/a", Urgency: 2}}), incident.Grown, 9015, 1},
		{"and is reported again", incident.ConsentEnds, join(has(0, "fitbit/a"), tell(15),
			step{at: 9000, report: incident.Report{Account: "fitbit/a", Urgency: 2}}, tell(9015),
			step{at: 20000, report: incident.Report{Account: "fitbit/a", Urgency: 2}}), "", 0, 1},
		{"the fleet itself", incident.KeysetChanged, join(has(0, ""), has(600, "")), incident.Raised, 15, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var tally incident.Tally
			for _, s := range c.steps {
				play(t, &tally, c.reason, s)
			}
			kind, at := tally.Due(c.reason)
			require.Equal(t, c.kind, kind)
			if kind != "" {
				require.Equal(t, float64(c.at), at.Sub(begin).Seconds())
			}
			require.Equal(t, c.count, tally.Count())
			require.GreaterOrEqual(t, tally.Untold, 0)
		})
	}
}

func play(t *testing.T, tally *incident.Tally, reason string, s step) {
	t.Helper()
	now := begin.Add(time.Duration(s.at) * time.Second)
	switch s.command {
	case "tell":
		kind, at := tally.Due(reason)
		require.NotEmpty(t, kind)
		require.False(t, now.Before(at), "due at %s", at)
		tally.Tell(kind, "queue--incident--fitbit--"+reason, "first-run", "fitbit", reason, now)
	case "clear":
		tally.Clear(now)
	default:
		tally.Add(s.report, now)
	}
}

func TestAnEventSaysWhatToDoAndForWhom(t *testing.T) {
	var tally incident.Tally
	for n := range 1000 {
		tally.Add(incident.Report{Account: fmt.Sprintf("fitbit/a%d", n), Message: "Fitbit no longer takes it", Run: "run", Workflow: "id"}, begin)
	}
	e := tally.Tell(incident.Raised, "q--incident--fitbit--ReauthorizationRequired", "first", "fitbit", "ReauthorizationRequired", begin)
	require.Equal(t, "ReauthorizationRequired: 1,000 accounts at fitbit", e.Title)
	require.Equal(t, 1000, e.Accounts)
	require.Equal(t, "starter authorize --account a0 --provider fitbit", e.Command)
	require.Len(t, e.Examples, 10)
	moved := incident.Tally{}
	moved.Add(incident.Report{Account: "google-health/will", SecretsOf: "fitbit", Message: "m"}, begin)
	require.Equal(t, "starter authorize --account will --provider google-health --secrets-of fitbit",
		moved.Tell(incident.Raised, "id", "first", "google-health", "ConsentEnds", begin).Command, "a consent under the secrets that the account has")
	require.Equal(t, incident.EventID("first", 1), e.ID)
	require.Regexp(t, `^evt_[0-9a-f]{32}$`, e.ID)

	for n := range 1000 {
		tally.Add(incident.Report{Account: fmt.Sprintf("fitbit/a%d", n), Healed: true}, begin)
	}
	e = tally.Tell(incident.Healed, "q", "first", "fitbit", "ReauthorizationRequired", begin)
	require.Equal(t, "ReauthorizationRequired: 1,000 accounts at fitbit, healed", e.Title)
	require.Equal(t, "No account has it any more. It began with: Fitbit no longer takes it", e.Message)
	require.NotEqual(t, incident.EventID("first", 1), e.ID)
	require.NotEqual(t, incident.EventID("second", 2), e.ID)
	require.Equal(t, incident.State{Provider: "fitbit", Reason: "r", Since: begin, Message: "Fitbit no longer takes it"}, tally.State("fitbit", "r"))
}

func TestATallyIsBounded(t *testing.T) {
	var tally incident.Tally
	name := func(n int) string { return fmt.Sprintf("fitbit/account-%d", n) }
	for n := range 6000 {
		tally.Add(incident.Report{Account: name(n), Message: strings.Repeat("ü", 5000)}, begin)
	}
	require.Len(t, tally.Accounts, 5000)
	require.Equal(t, 6000, tally.Count())
	require.Len(t, tally.News, 10)
	require.LessOrEqual(t, len(tally.Message), 2003)
	for n := range 6000 {
		tally.Add(incident.Report{Account: name(n), Healed: true}, begin)
	}
	require.Zero(t, tally.Count())
}

func TestWhatNoReportKeepsAliveIsForgotten(t *testing.T) {
	after := func(d time.Duration) time.Time { return begin.Add(d) }
	var fleet incident.Tally
	fleet.Add(incident.Report{Message: "keyset"}, begin)
	fleet.Add(incident.Report{Message: "keyset"}, after(30*time.Minute))
	fleet.Forget(after(80 * time.Minute))
	require.Equal(t, 1, fleet.Count(), "a worker has reported it again")
	fleet.Forget(after(90 * time.Minute))
	require.Zero(t, fleet.Count())

	counted := incident.Tally{More: 3, Changed: begin}
	counted.Forget(after(59 * time.Minute))
	require.Equal(t, 3, counted.Count())
	counted.Forget(after(time.Hour))
	require.Zero(t, counted.Count())
}

func TestAccountsAreLookedAtInTurn(t *testing.T) {
	var tally incident.Tally
	for _, name := range []string{"d", "b", "a", "c"} {
		tally.Add(incident.Report{Account: name}, begin)
	}
	require.Equal(t, []string{"a", "b", "c"}, tally.Named("", 3))
	require.Equal(t, []string{"d", "a", "b"}, tally.Named("c", 3))
	require.Equal(t, []string{"a", "b", "c", "d"}, tally.Named("e", 9))
}

// The end of what an account may never have had takes away no account that is only counted.
func TestAnEndThatIsOnlyPossibleTakesAwayWhatIsKnownByName(t *testing.T) {
	var tally incident.Tally
	const named = 5000
	for n := range named + 2 {
		tally.Add(incident.Report{Account: fmt.Sprintf("fitbit/a%d", n)}, begin)
	}
	require.Equal(t, 2, tally.More)
	tally.Add(incident.Report{Account: "fitbit/never", Others: []string{"fitbit/a1", "fitbit/a2", "fitbit/neither"}, Healed: true, Perhaps: true}, begin)
	require.Equal(t, named, tally.Count(), "two of them had it")
	require.Equal(t, 2, tally.More)
	tally.Add(incident.Report{Account: fmt.Sprintf("fitbit/a%d", named+1), Healed: true}, begin)
	require.Equal(t, 1, tally.More, "a run that has reported it knows")
}

// A report that comes again names the run that is at work now.
func TestAHolderIsTheRunThatHasReportedLast(t *testing.T) {
	var tally incident.Tally
	tally.Add(incident.Report{Account: "fitbit/will", Workflow: "w", Run: "1"}, begin)
	tally.Add(incident.Report{Account: "fitbit/will", Workflow: "w", Run: "2"}, begin)
	require.Equal(t, "2", tally.Accounts["fitbit/will"].Run)
	require.Equal(t, 1, tally.Untold)
}

// A report may not know which Schedule has started its run, as where Temporal did not say.
func TestAReportThatSaysLessTakesNothingAway(t *testing.T) {
	var tally incident.Tally
	will := incident.Report{Account: "fitbit/will", Workflow: "w-1", Schedule: "s", Run: "1"}
	tally.Add(will, begin)
	for urgency, run := range []string{"2", "3"} {
		tally.Add(incident.Report{Account: "fitbit/will", Workflow: "w-2", Run: run, Urgency: urgency}, begin)
		require.Equal(t, incident.Holder{Workflow: "w-2", Schedule: "s", Run: run, Urgency: urgency}, tally.Accounts["fitbit/will"])
	}
	tally.Add(incident.Report{Account: "fitbit/will"}, begin)
	require.Equal(t, incident.Holder{Workflow: "w-2", Schedule: "s", Run: "3", Urgency: 1}, tally.Accounts["fitbit/will"])
	tally.Add(incident.Report{Account: "fitbit/will", Workflow: "v", Schedule: "another", Run: "4"}, begin)
	require.Equal(t, incident.Holder{Workflow: "v", Schedule: "another", Run: "4", Urgency: 1}, tally.Accounts["fitbit/will"])
}
