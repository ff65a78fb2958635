package activities

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) time.Time { return noon.Add(-d) }

// An account that was held back for an hour would else ask for its first lost answer late.
func TestAttemptsThatWereHeldBackDoNotLengthenThePause(t *testing.T) {
	now := time.Now()
	told := progress{Attempt: 11, Unsent: true, Held: 11, Said: now}
	for held, want := range map[int32]time.Duration{11: time.Second, 10: 1500 * time.Millisecond, 0: 60 * time.Second} {
		told.Held = held
		lost := newTiming(LoadResult{ReplayWindow: 2 * time.Minute}, 12, now.Add(-time.Hour), told, now)
		lost.requests = []time.Time{now}
		require.Equal(t, want, lost.retryDelay(0, now), held)
	}
	require.EqualValues(t, 1, newTiming(LoadResult{}, 1, now, progress{Held: 3}, now).tries, "an operator's reset counts from 1")
}

func TestTheRequestsThatMayHaveSpentAToken(t *testing.T) {
	scheduled, first, last := ago(5*time.Minute), ago(4*time.Minute), ago(3*time.Minute)
	latest := ago(CallTimeout)
	known := progress{Attempt: 2, First: first, Last: last, Said: last}
	for _, c := range []struct {
		name      string
		attempt   int32
		scheduled time.Time
		told      progress
		want      []time.Time
	}{
		{"a first attempt at once", 1, noon, progress{}, nil},
		{"a first attempt that waited, or was reset", 1, scheduled, progress{}, []time.Time{scheduled, latest}},
		{"an attempt before it left no word", 2, scheduled, progress{}, []time.Time{scheduled, latest}},
		{"it left none, a moment ago", 2, ago(5 * time.Second), progress{}, []time.Time{ago(5 * time.Second)}},
		{"no attempt before it has sent anything", 3, scheduled, progress{Attempt: 2, Said: last}, nil},
		{"only older attempts have left word", 4, scheduled, progress{Attempt: 2, Said: last}, []time.Time{last, latest}},
		{"only older ones of another version have", 4, scheduled, progress{Attempt: 2}, []time.Time{scheduled, latest}},
		{"requests are known", 3, scheduled, known, []time.Time{first, last}},
		{"requests are known, and an attempt left no word since", 4, scheduled, known, []time.Time{first, last, last, latest}},
		{"one has beaten, and not ended", 3, scheduled, progress{Attempt: 1, First: first, Last: ago(30 * time.Second), Said: ago(10 * time.Second)}, []time.Time{first, ago(30 * time.Second), ago(10 * time.Second)}},
		{"a reset knows them too", 1, noon, progress{Attempt: 7, First: first, Last: last, Said: last}, []time.Time{first, last, last, latest}},
		{"a reset after attempts that sent nothing", 1, noon, progress{Attempt: 7, Said: last}, []time.Time{last, latest}},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, c.told.requests(c.attempt, c.scheduled, noon)) })
	}
}

// A worker was killed before its first heartbeat, after attempts whose window has closed.
func TestAnAttemptThatLeftNoWordMayHaveOpenedAWindow(t *testing.T) {
	told := progress{Attempt: 8, First: ago(5 * time.Minute), Last: ago(3 * time.Minute), Said: ago(3 * time.Minute)}
	in := LoadResult{ReplayWindow: 2 * time.Minute}
	require.True(t, newTiming(in, 10, ago(5*time.Minute), told, noon).window(noon).IsOpen(noon))
	require.False(t, newTiming(in, 9, ago(5*time.Minute), told, noon).window(noon).IsOpen(noon), "the eighth has left word")
}

func TestARunThatMayHaveSpentTheTokenHasOpenedTheWindow(t *testing.T) {
	in := LoadResult{ReplayWindow: 2 * time.Minute, RepeatPause: 10 * time.Second,
		MayHaveSpent: []vault.Intent{{RunID: "unknown time"}, {RunID: "long ago", At: ago(time.Hour)}, {RunID: "just now", At: ago(30 * time.Second)}}}
	w := newTiming(in, 1, noon, progress{}, noon).window(noon)
	require.Equal(t, ago(30*time.Second), w.Opened)
	require.Equal(t, 90*time.Second, w.Left(noon))
	require.Equal(t, 10*time.Second, w.LeastPause)
}

func TestThePauseBeforeTheNextAttempt(t *testing.T) {
	const hour = time.Hour
	lost := &provider.Failure{Kind: provider.Unreachable, MaybeSpent: true}
	limited := &provider.Failure{Kind: provider.RateLimited, MaybeSpent: true, RetryAfter: hour}
	down := &provider.Failure{Kind: provider.Unavailable, MaybeSpent: true, RetryAfter: hour}
	refused := &provider.Failure{Kind: provider.Unreachable}
	unreadable := &provider.Failure{Kind: provider.Malformed, MaybeSpent: true, Issued: true, RetryAfter: hour}
	fitbit, none, forgiving := LoadResult{ReplayWindow: 2 * time.Minute}, LoadResult{}, LoadResult{NonRotating: true}
	for _, c := range []struct {
		name    string
		in      LoadResult
		attempt int32
		earlier []time.Time
		failure *provider.Failure
		want    time.Duration
	}{
		{"no answer", fitbit, 1, nil, lost, time.Second},
		{"no answer, three times", fitbit, 3, []time.Time{ago(5 * time.Second)}, lost, 2250 * time.Millisecond},
		{"a first 429, which a gateway may have given after the commit", fitbit, 1, nil, limited, time.Minute},
		{"a first 503", fitbit, 1, nil, down, time.Minute},
		{"a 503 in the window", fitbit, 3, []time.Time{ago(time.Minute)}, down, 30 * time.Second},
		{"a 503 at its end", fitbit, 9, []time.Time{ago(119 * time.Second)}, down, time.Second},
		{"a 503 after it, which a gateway may have given after a commit", fitbit, 9, []time.Time{ago(3 * time.Minute)}, down, 30 * time.Second},
		{"a 429 after it", fitbit, 9, []time.Time{ago(3 * time.Minute)}, limited, hour},
		{"no answer after it, which opens another one", fitbit, 20, []time.Time{ago(hour)}, lost, 30 * time.Second},
		{"an unreadable pair after it", fitbit, 9, []time.Time{ago(hour)}, unreadable, 30 * time.Second},
		{"nothing was sent", fitbit, 20, nil, refused, 5 * time.Minute},
		{"nothing was sent, an earlier request may wait for its answer", fitbit, 20, []time.Time{ago(time.Minute)}, refused, 30 * time.Second},
		{"a provider that never repeats", none, 1, nil, lost, MaxInFlight},
		{"a provider that never repeats, again", none, 2, []time.Time{ago(time.Minute)}, lost, MaxInFlight * 3 / 2},
		{"a provider that never repeats, and asks for a wait", none, 1, nil, down, hour},
		{"one that does not rotate", forgiving, 1, nil, lost, time.Second},
		{"the longest", forgiving, 1000, nil, lost, 5 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := timing{loaded: c.in, tries: c.attempt, requests: c.earlier}
			require.Equal(t, c.want, before.answered(c.failure, noon, noon).retryDelay(c.failure.RetryAfter, noon))
			require.Equal(t, c.earlier, before.requests, "is left as it was")
		})
	}
}

// A call that has gone on for longer than half a window has sent requests between its
// first and its last one, and any of them may be the one that was answered.
func TestOfALongCallAnyRequestMayBeTheOneThatWasAnswered(t *testing.T) {
	const length = 2 * time.Minute
	noon := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	down := &provider.Failure{Kind: provider.Unavailable, MaybeSpent: true}
	for _, c := range []struct {
		name        string
		first, last time.Duration // before noon
		pause       time.Duration // the least between two requests
		want        time.Duration
	}{
		{"begun a moment ago", 50 * time.Second, 20 * time.Second, 0, 35 * time.Second},
		{"begun more than half a window ago", 70 * time.Second, 20 * time.Second, 0, 25 * time.Second},
		{"begun more than a window ago", 121 * time.Second, time.Second, 0, 30 * time.Second},
		{"begun hours ago", 5 * time.Hour, time.Second, 0, 30 * time.Second},
		{"with a longer pause of the provider's", 5 * time.Hour, time.Second, 40 * time.Second, 40 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := LoadResult{ReplayWindow: length, RepeatPause: c.pause}
			call := timing{loaded: in, tries: 20, requests: []time.Time{noon.Add(-c.first), noon.Add(-c.last)}}
			require.Equal(t, c.want, call.answered(down, noon, noon).retryDelay(0, noon))
		})
	}
}

func TestMayPresent(t *testing.T) {
	own := token.Provenance{Generation: 3, Fingerprint: "f3", Consent: "f0"}
	next := token.Provenance{Generation: 4, Fingerprint: "f4", Parent: "f3", Consent: "f0"}
	older := token.Provenance{Generation: 2, Fingerprint: "f2", Consent: "f0"}
	other := token.Provenance{Generation: 3, Fingerprint: "e3", Consent: "e3"}
	const (
		closed = iota
		maybe  // it is open of some requests
		open
	)
	const issued = true
	mine := []vault.Intent{{RunID: "earlier"}, {RunID: "run-1"}}
	others := []vault.Intent{{RunID: "run-1"}, {RunID: "run-2"}}
	for _, c := range []struct {
		name    string
		held    token.Provenance
		reuse   provider.Reuse
		intents []vault.Intent
		open    int
		issued  bool
		want    string
	}{
		{"nothing has changed", own, provider.RevokesGrant, mine, closed, !issued, ""},
		{"an older token is on top", older, provider.RevokesGrant, others, closed, !issued, ""},
		{"its pair is in the vault", next, provider.Harmless, mine, closed, !issued, GrantAdvanced},
		{"its pair is in the vault, inside the window", next, "", mine, open, !issued, GrantAdvanced},
		{"a consent of its generation", other, "", mine, closed, !issued, GrantAdvanced},
		{"another run has loaded it since", own, provider.RevokesGrant, others, closed, !issued, GrantInDoubt},
		{"another run, what a reuse does is unknown", own, "", others, closed, !issued, GrantInDoubt},
		{"another run, inside the window", own, provider.RevokesGrant, others, open, !issued, ""},
		{"another run, inside a window of some requests", own, provider.RevokesGrant, others, maybe, !issued, GrantInDoubt},
		{"another run, inside one, what a reuse does is unknown", own, "", others, maybe, !issued, GrantInDoubt},
		{"another run, inside one, a reuse is harmless", own, provider.Harmless, others, maybe, !issued, ""},
		{"an answer had tokens, inside a window of some requests", own, provider.RevokesGrant, mine, maybe, issued, AnswerLost},
		{"another run, a reuse is refused", own, provider.Refused, others, closed, !issued, ""},
		{"another run, a reuse is harmless", own, provider.Harmless, others, closed, !issued, ""},
		{"the last run was known at the load", own, provider.RevokesGrant, mine[:1], closed, !issued, ""},
		{"no record", own, provider.RevokesGrant, nil, closed, !issued, ""},
		{"an answer had tokens", own, provider.RevokesGrant, mine, closed, issued, AnswerLost},
		{"an answer had tokens, inside the window", own, provider.RevokesGrant, mine, open, issued, ""},
		{"an answer had tokens, a reuse is refused", own, provider.Refused, mine, closed, issued, ""},
		{"an answer had tokens, and its successor was stored", next, provider.RevokesGrant, mine, closed, issued, GrantAdvanced},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := LoadResult{Provenance: own, RunID: "run-1", Reuse: c.reuse, MayHaveSpent: []vault.Intent{{RunID: "earlier"}}}
			requireType(t, c.want, mayPresent(in, c.held, c.intents, c.open == open, c.issued))
			in.NonRotating = true
			if c.want != GrantAdvanced {
				require.NoError(t, mayPresent(in, c.held, c.intents, c.open == open, c.issued))
			}
		})
	}
}

// requireType demands a final failure of a type, or none.
func requireType(t *testing.T, want string, err error) {
	t.Helper()
	if want == "" {
		require.NoError(t, err)
		return
	}
	failure, ok := errors.AsType[*temporal.ApplicationError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, want, failure.Type())
	require.True(t, failure.NonRetryable())
}
