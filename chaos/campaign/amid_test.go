package campaign

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/authserver/grant"
)

func TestALossAmidAnOperatorsCommandsHasOneCause(t *testing.T) {
	committed := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	killed := func(after time.Duration) []Kill {
		return []Kill{{committed.Add(after), committed.Add(after + time.Millisecond)}}
	}
	away := func(from, until time.Duration) []Outage {
		return []Outage{{committed.Add(from), committed.Add(until)}}
	}
	ended := func(after time.Duration) []time.Time { return []time.Time{committed.Add(after)} }
	const late = 2 * time.Second // no margin reaches so far
	for _, tc := range []struct {
		name  string
		kept  bool
		kills []Kill
		amid  amid
		want  Cause
	}{
		{"nothing else", false, killed(halfway + 1), amid{}, InHand},
		{"nothing at all", false, nil, amid{}, Unexplained},
		{"the answer was withheld", false, nil, amid{answerLost: true}, AnswerLost},
		{"the answer was withheld, and there is a copy", true, nil, amid{answerLost: true}, Unexplained},
		{"killed on its way while Temporal was away", false, killed(0), amid{temporal: away(-1, late)}, OnItsWay},
		{"killed late while Temporal was away", false, killed(late), amid{temporal: away(-time.Second, late)}, ServerAway},
		{"killed late, Temporal back a moment ago", false, killed(late), amid{temporal: away(-time.Second, time.Second)}, ServerAway},
		{"killed late, Temporal back long ago", false, killed(10 * late), amid{temporal: away(-time.Second, time.Second)}, Unexplained},
		{"killed late, Temporal away before", false, killed(late), amid{temporal: away(-time.Minute, -comesBack)}, Unexplained},
		{"run ended, killed at once", false, killed(halfway + 1), amid{ended: ended(0)}, RunEnded},
		{"run ended as the call began", false, killed(halfway + 1), amid{ended: ended(-time.Second)}, RunEnded},
		{"run ended long before", false, killed(halfway + 1), amid{ended: ended(-callTakes)}, InHand},
		{"run ended after the kill", false, killed(halfway + 1), amid{ended: ended(late)}, InHand},
		{"run ended, killed late while the vault was away", false, killed(late), amid{ended: ended(0), vault: away(0, late)}, RunEnded},
		{"run ended, killed late with the vault there", false, killed(late), amid{ended: ended(0)}, Unexplained},
		{"run ended, killed late while Temporal was away", false, killed(late), amid{ended: ended(0), temporal: away(0, late)}, RunEnded},
		{"answered while the vault was away, not killed", false, nil, amid{vault: away(0, late)}, InOutage},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Equal(t, tc.want, windowFor(0, true).causeAmid(committed, tc.kept, tc.kills, tc.amid))
		})
	}
}

// The slowest pair of such a campaign has waited for a server that was killed, for as
// long as two seconds, and excuses nothing around the commit of another.
func TestAPairThatWaitedForAServerExcusesNoOther(t *testing.T) {
	committed := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	w := windowFor(2*time.Second, true)
	for after, want := range map[time.Duration]Cause{
		-1900 * time.Millisecond:                 Unexplained,
		-w.before:                                Unexplained,
		-requestMargin:                           OnItsWay,
		halfway + longestPair - time.Millisecond: InHand,
		halfway + longestPair:                    Unexplained,
		1900 * time.Millisecond:                  Unexplained,
	} {
		kill := Kill{committed.Add(after), committed.Add(after)}
		require.Equal(t, want, w.causeAmid(committed, false, []Kill{kill}, amid{}), after)
	}
}

func TestOutagesThatOverlapCountOnce(t *testing.T) {
	at := func(seconds int) time.Time { return time.Unix(int64(seconds), 0) }
	both := []Outage{{at(15), at(30)}, {at(10), at(20)}}
	for _, tc := range []struct {
		name        string
		from, until int
		want        time.Duration
	}{
		{"all of them", 0, 60, 20 * time.Second},
		{"a part", 12, 18, 6 * time.Second},
		{"none before", 0, 10, 0},
		{"none after", 30, 60, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Equal(t, tc.want, overlap(both, at(tc.from), at(tc.until)))
		})
	}
	require.Zero(t, overlap(nil, at(0), at(60)))
}

func TestEveryCauseIsCountedOnce(t *testing.T) {
	var r Report
	for _, cause := range []Cause{OnItsWay, InHand, InOutage, AnswerLost, RunEnded, ServerAway, Unexplained} {
		*r.lostTo(cause)++
		require.Equal(t, 1, *r.lostTo(cause), cause)
	}
	require.Equal(t, 7, r.Explained())
}

func TestTheProviderSaysWhichAnswerWasWithheld(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	answered := []authserver.Event{
		{Outcome: grant.Rotated, Issued: of("a1"), Time: at},
		{Outcome: grant.Rotated, Issued: of("a2"), Time: at.Add(time.Second), Lost: true},
		{Outcome: grant.Replayed, Issued: of("a2"), Time: at.Add(2 * time.Second)},
	}
	require.Equal(t, answered[0], rotation(answered, of("a1")))
	require.Equal(t, answered[1], rotation(answered, of("a2")))
	require.Zero(t, rotation(answered, of("other")))
}

func TestALossHasAStory(t *testing.T) {
	committed := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	at := func(seconds float64) time.Time {
		return committed.Add(time.Duration(seconds * float64(time.Second)))
	}
	require.Equal(t, []string{
		"+0.0 provider: rotated, answer withheld", "+1.5 operator: terminate", "+20.0 provider: replayed", "+21.0 operator: activity-pause", "+150.0 provider: reused",
	}, story(committed, []authserver.Event{
		{Outcome: grant.Rotated, Time: at(-20)},
		{Outcome: grant.Rotated, Time: at(0), Lost: true},
		{Outcome: grant.Replayed, Time: at(20)},
		{Outcome: grant.Reused, Time: at(150)},
	}, clock{start: committed, speed: 1}, []deed{{at(-1), Cancel}, {at(21), PauseActivity}, {at(1.5), Terminate}}))
}
