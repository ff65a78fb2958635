package campaign

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/token"
)

func TestALossIsExplainedOnlyByAKillAroundTheProvidersCommit(t *testing.T) {
	committed := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	kill := func(from, to time.Duration) Kill { return Kill{committed.Add(from), committed.Add(to)} }
	for _, tc := range []struct {
		name  string
		kills []Kill
		want  bool
	}{
		{"no kill at all", nil, false},
		{"a kill before the request", []Kill{kill(-time.Second, -windowFor(0, false).before)}, false},
		{"a kill while the request was on its way", []Kill{kill(-30*time.Millisecond, -20*time.Millisecond)}, true},
		{"the process was about to die when the provider committed", []Kill{kill(-time.Millisecond, time.Millisecond)}, true},
		{"a kill while the answer was on its way", []Kill{kill(20*time.Millisecond, 30*time.Millisecond)}, true},
		{"a kill when the pair had been safe for long", []Kill{kill(windowFor(0, false).after, windowFor(0, false).after+time.Millisecond)}, false},
		{"one of many", []Kill{kill(-time.Minute, -time.Minute), kill(time.Millisecond, 2*time.Millisecond), kill(time.Minute, time.Minute)}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Equal(t, tc.want, windowFor(0, false).cause(committed, false, tc.kills, nil) != Unexplained)
		})
	}
}

func TestALossHasOneCause(t *testing.T) {
	committed := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	killed := func(after time.Duration) []Kill {
		return []Kill{{committed.Add(after), committed.Add(after + time.Millisecond)}}
	}
	outage := func(from, until time.Duration) []Outage {
		return []Outage{{committed.Add(from), committed.Add(until)}}
	}
	answered := halfway
	for _, tc := range []struct {
		name    string
		kept    bool
		kills   []Kill
		outages []Outage
		want    Cause
	}{
		{"neither kill nor outage", false, nil, nil, Unexplained},
		{"killed before the commit", false, killed(-10 * time.Millisecond), nil, OnItsWay},
		{"killed before the answer was there", false, killed(answered), nil, OnItsWay},
		{"killed with the answer in hand", false, killed(answered + 1), nil, InHand},
		{"killed long after", false, killed(time.Second), nil, Unexplained},
		{"killed, and there is a copy", true, killed(answered + 1), nil, Unexplained},
		{"an outage, and there is a copy", true, nil, outage(0, time.Second), Unexplained},
		{"answered in an outage", false, nil, outage(0, time.Second), InOutage},
		{"killed in hand in an outage", false, killed(answered + 1), outage(0, time.Second), InOutage},
		{"killed before the answer was there, in an outage", false, killed(answered), outage(0, time.Second), OnItsWay},
		{"answered as it began", false, nil, outage(answered+writeTakes-1, time.Second), InOutage},
		{"stored before it began", false, nil, outage(answered+writeTakes, time.Second), Unexplained},
		{"answered when it was over", false, nil, outage(-time.Second, answered), Unexplained},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Equal(t, tc.want, windowFor(0, false).cause(committed, tc.kept, tc.kills, tc.outages))
		})
	}
}

func TestABusyMachineWidensTheWindow(t *testing.T) {
	committed := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	late := []Kill{{committed.Add(time.Second), committed.Add(time.Second + time.Millisecond)}}
	inHand := []Kill{{committed.Add(200 * time.Millisecond), committed.Add(201 * time.Millisecond)}}
	early := []Kill{{committed.Add(-time.Second), committed.Add(-time.Second + time.Millisecond)}}
	for _, tc := range []struct {
		name    string
		kills   []Kill
		kept    bool
		slowest time.Duration // of the campaign's pairs
		want    Cause
	}{
		{"later than the margin", late, false, pairMargin / survivorsAre, Unexplained},
		{"later than what a kill can have cut off", late, false, 300 * time.Millisecond, Unexplained},
		{"where others took a third as long", late, false, time.Second / survivorsAre, InHand},
		{"where others took as long, and there is a copy", late, true, time.Second, Unexplained},
		{"earlier than the margin", early, false, requestMargin, Unexplained},
		{"earlier than the margin, where pairs were slow", early, false, time.Second, Unexplained},
		{"the nearest of two kills", append(early, inHand...), false, time.Second, InHand},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Equal(t, tc.want, windowFor(tc.slowest, false).cause(committed, tc.kept, tc.kills, nil))
		})
	}
}

func TestAProviderThatAnswersLateMovesTheWindow(t *testing.T) {
	committed := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	killed := func(after time.Duration) []Kill {
		return []Kill{{committed.Add(after), committed.Add(after + time.Millisecond)}}
	}
	for _, tc := range []struct {
		name string
		kill time.Duration
		sent time.Duration // after the commit; 0 for never
		want Cause
	}{
		{"never answered", halfway + pairMargin, 0, Unexplained},
		{"answered in time", halfway + pairMargin, halfway, Unexplained},
		{"answered late, killed before", 300 * time.Millisecond, 300 * time.Millisecond, OnItsWay},
		{"answered late, killed soon after", 300*time.Millisecond + pairMargin - 1, 300 * time.Millisecond, InHand},
		{"answered late, killed long after", 300*time.Millisecond + pairMargin, 300 * time.Millisecond, Unexplained},
	} {
		t.Run(tc.name, func(t *testing.T) {
			sent := time.Time{}
			if tc.sent > 0 {
				sent = committed.Add(tc.sent)
			}
			w := windowFor(0, false).sent(committed, sent)
			require.Equal(t, tc.want, w.causeAmid(committed, false, killed(tc.kill), amid{}))
		})
	}
}

// The line of an account: a consent, two rotations, a new consent, a rotation.
var (
	consents = []token.Fingerprint{of("a0"), of("b0")}
	events   = []authserver.Event{
		{Outcome: grant.Rotated, Presented: of("a0"), Issued: of("a1"), Generation: 1},
		{Outcome: grant.Rotated, Presented: of("a1"), Issued: of("a2"), Generation: 2},
		{Outcome: grant.Replayed, Presented: of("a1"), Issued: of("a2"), Generation: 2},
		{Outcome: grant.Reused, Presented: of("a1")},
		{Outcome: grant.Rotated, Presented: of("b0"), Issued: of("b1"), Generation: 1},
	}
)

func TestAnOlderTokenOnTopOfANewerOneIsARegression(t *testing.T) {
	for _, tc := range []struct {
		name     string
		versions []string
		want     bool
	}{
		{"nothing", nil, false},
		{"in order", []string{"a0", "a1", "a2", "b0", "b1"}, false},
		{"the same token twice", []string{"a0", "a1", "a1"}, false},
		{"a generation is missing", []string{"a0", "a2"}, false},
		{"an older generation on top", []string{"a0", "a2", "a1"}, true},
		{"an older generation was on top for a while", []string{"a0", "a2", "a1", "a2"}, false},
		{"a token of the old consent on the new one", []string{"a0", "a1", "b0", "a2"}, true},
		{"the new consent itself on its rotation", []string{"b0", "b1", "b0"}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var versions []keyvault.Version
			for _, value := range tc.versions {
				versions = append(versions, keyvault.Version{Value: value})
			}
			require.Equal(t, tc.want, regressed(versions, positions(consents, events)))
		})
	}
}

func TestTwoTokensThatClaimOneGenerationAreADuplicate(t *testing.T) {
	version := func(value string, generation int) keyvault.Version {
		return keyvault.Version{Value: value, Tags: map[string]string{"generation": strconv.Itoa(generation)}}
	}
	for _, tc := range []struct {
		name     string
		versions []keyvault.Version
		want     int
	}{
		{"nothing", nil, 0},
		{"a line", []keyvault.Version{version("a0", 0), version("a1", 1)}, 0},
		{"one token in two versions", []keyvault.Version{version("a1", 1), version("a1", 1)}, 0},
		{"not tagged yet", []keyvault.Version{version("a0", 0), {Value: "b0"}}, 0},
		{"a consent in a dead token's place", []keyvault.Version{version("a1", 1), {Value: "b0", Tags: map[string]string{"generation": "1", "promoted-for": "a1"}}}, 0},
		{"two tokens", []keyvault.Version{version("a1", 1), version("other", 1)}, 1},
		{"three tokens are still one generation", []keyvault.Version{version("a1", 1), version("b1", 1), version("c1", 1)}, 1},
	} {
		t.Run(tc.name, func(t *testing.T) { require.Equal(t, tc.want, duplicated(tc.versions)) })
	}
}

func of(value string) token.Fingerprint { return token.NewSecret(value).Fingerprint() }
