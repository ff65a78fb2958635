package window_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/window"
)

var opened = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func TestLeft(t *testing.T) {
	w := window.Window{Opened: opened, Length: 2 * time.Minute}
	for _, c := range []struct {
		name string
		w    window.Window
		at   time.Duration
		left time.Duration
	}{
		{"just opened", w, 0, 2 * time.Minute},
		{"half of it", w, time.Minute, time.Minute},
		{"the last moment", w, 2*time.Minute - time.Nanosecond, time.Nanosecond},
		{"closed", w, 2 * time.Minute, 0},
		{"long closed", w, time.Hour, 0},
		{"a clock that is behind", w, -time.Hour, 2 * time.Minute},
		{"a provider that never repeats", window.Window{Opened: opened}, 0, 0},
		{"no request yet", window.Window{Length: time.Minute}, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := opened.Add(c.at)
			require.Equal(t, c.left, c.w.Left(now))
			require.Equal(t, c.left > 0, c.w.IsOpen(now))
		})
	}
}

func TestTheWindowThatCounts(t *testing.T) {
	const length = 2 * time.Minute
	now := opened
	ago := func(times ...time.Duration) (requests []time.Time) {
		for _, d := range times {
			requests = append(requests, now.Add(-d))
		}
		return requests
	}
	unknown := time.Time{}
	for _, c := range []struct {
		name            string
		requests        []time.Time
		first, earliest time.Time // strict, and elsewhere
	}{
		{"no request", nil, unknown, unknown},
		{"one that is repeated", ago(time.Minute), now.Add(-time.Minute), now.Add(-time.Minute)},
		{"several", ago(time.Second, time.Minute, 30*time.Second), now.Add(-time.Minute), now.Add(-time.Minute)},
		{"the first is past saving", ago(time.Hour, time.Minute), now.Add(-time.Hour), now.Add(-time.Minute)},
		{"the first is past saving, two are not", ago(time.Hour, time.Second, time.Minute), now.Add(-time.Hour), now.Add(-time.Minute)},
		{"all are", ago(time.Hour, 3*time.Minute), now.Add(-time.Hour), now.Add(-3 * time.Minute)},
		{"one at an unknown time", append(ago(time.Minute), unknown), unknown, now.Add(-time.Minute)},
		{"only unknown times", []time.Time{unknown}, unknown, unknown},
		{"a clock a little ahead", ago(-time.Second), now.Add(time.Second), now.Add(time.Second)},
		{"a clock far ahead", ago(-time.Hour), unknown, now.Add(time.Hour)},
		{"a clock far ahead, and an earlier request", ago(time.Minute, -time.Hour), unknown, now.Add(-time.Minute)},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := window.Window{Opened: now.Add(time.Hour), Length: length, LeastPause: time.Second}
			require.Equal(t, window.Window{Opened: c.first, Length: length, LeastPause: time.Second}, w.OpenedBy(c.requests, true, now))
			w = w.OpenedBy(c.requests, false, now)
			require.Equal(t, c.earliest, w.Opened)
			require.Equal(t, slices.MaxFunc(append(c.requests, unknown), time.Time.Compare), w.Last)
		})
	}
}

func TestWait(t *testing.T) {
	const length = 2 * time.Minute
	for _, c := range []struct {
		name  string
		kind  window.Kind
		least time.Duration
		left  time.Duration // zero: closed
		asked time.Duration
		want  time.Duration
	}{
		{"the retry policy's pause", window.Retry, 0, length, time.Second, time.Second},
		{"a Retry-After beyond the window", window.Retry, 0, length, time.Hour, time.Minute},
		{"one beyond half of what is left", window.Retry, 0, time.Minute, 40 * time.Second, 30 * time.Second},
		{"one within half of what is left", window.Retry, 0, length, 30 * time.Second, 30 * time.Second},
		{"the last second", window.Retry, 0, time.Second, time.Hour, time.Second},
		{"a Retry-After without a window", window.Retry, 0, 0, time.Hour, time.Hour},
		{"the provider's least pause", window.Retry, 10 * time.Second, length, time.Second, 10 * time.Second},
		{"a least pause that no longer fits twice", window.Retry, 10 * time.Second, 15 * time.Second, time.Minute, 10 * time.Second},
		{"a least pause that no longer fits", window.Retry, 10 * time.Second, 8 * time.Second, time.Minute, 4 * time.Second},
		{"a least pause without a window", window.Retry, 10 * time.Second, 0, time.Second, 10 * time.Second},
		{"a dead worker", window.Silence, 0, length, 5 * time.Second, 5 * time.Second},
		{"a dead worker, little left", window.Silence, 0, 12 * time.Second, 5 * time.Second, 3 * time.Second},
		{"a dead worker, next to nothing left", window.Silence, 0, time.Second, 5 * time.Second, 2 * time.Second},
		{"a dead worker without a window", window.Silence, 0, 0, 5 * time.Second, 5 * time.Second},
		{"an earlier run's token", window.Search, 0, length, 30 * time.Second, 0},
		{"an earlier run's token, closed", window.Search, 0, 0, 30 * time.Second, 30 * time.Second},
		{"a cancelled run", window.Grace, 0, length, 30 * time.Second, length},
		{"a cancelled run, little left", window.Grace, 0, time.Second, 30 * time.Second, 30 * time.Second},
		{"a cancelled run without a window", window.Grace, 0, 0, 30 * time.Second, 30 * time.Second},
		{"an answer", window.Answer, 0, length, 12 * time.Second, 12 * time.Second},
		{"an answer, of which another try must come in time", window.Answer, 0, 16 * time.Second, 12 * time.Second, 8 * time.Second},
		{"an answer to the last request that fits", window.Answer, 0, 5 * time.Second, 12 * time.Second, 12 * time.Second},
		{"an answer without a window", window.Answer, 0, 0, 12 * time.Second, 12 * time.Second},
		{"a look", window.Look, 0, length, 4 * time.Second, 4 * time.Second},
		{"a look, little left", window.Look, 0, 4 * time.Second, 4 * time.Second, time.Second},
		{"a look without a window", window.Look, 0, 0, 4 * time.Second, 4 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := window.Window{Opened: opened, Length: length, LeastPause: c.least}
			require.Equal(t, c.want, w.Wait(c.kind, c.asked, opened.Add(length-c.left)))
		})
	}
}

// What a cancelled run gives up is had by nothing else, so that it goes on until the last
// request's answer is beyond reach.
func TestAGraceIsTheLastRequests(t *testing.T) {
	w := window.Window{Length: 2 * time.Minute}.OpenedBy([]time.Time{opened, opened.Add(100 * time.Second)}, false, opened.Add(110*time.Second))
	require.Equal(t, 10*time.Second, w.Left(opened.Add(110*time.Second)))
	require.Equal(t, 110*time.Second, w.Wait(window.Grace, 30*time.Second, opened.Add(110*time.Second)))
	require.Equal(t, 90*time.Second, w.Wait(window.Grace, 30*time.Second, opened.Add(130*time.Second)), "the first one's is over")
	w.Opened = opened.Add(300 * time.Second) // by a call that began then
	require.Equal(t, 2*time.Minute, w.Wait(window.Grace, 30*time.Second, w.Opened))
}

// A window of hours does not keep a cancelled run for as long.
func TestAGraceIsBounded(t *testing.T) {
	w := window.Window{Opened: opened, Length: 8 * time.Hour}
	require.Equal(t, 5*time.Minute, w.Wait(window.Grace, 30*time.Second, opened))
}

// After any wait inside the window two more attempts fit, but at its very end.
func TestTwoMoreAttemptsFit(t *testing.T) {
	w := window.Window{Opened: opened, Length: 2 * time.Minute}
	now, attempts := opened, 0
	for w.Left(now) > 4*time.Second {
		wait := w.Wait(window.Retry, time.Hour, now)
		require.LessOrEqual(t, wait, w.Left(now)/2)
		now = now.Add(wait)
		attempts++
	}
	require.GreaterOrEqual(t, attempts, 5)
}
