package pace_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/pace"
)

// A thousand pairs whose turns are given while the rate is a thirty-second of the share would
// have the last one wait for 40 minutes, 38 of them after the rate is back.
func TestTurnsCountOnTheRateThatTheyMeet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := pace.New(26)
		cutToTheLeast(l)
		var turns []time.Duration
		soon := 0
		for range 1000 {
			turn := l.Turn(2, time.Second)
			turns = append(turns, turn)
			if turn < 20*time.Second {
				soon++
			}
		}
		require.Less(t, turns[999], 150*time.Second)
		require.Less(t, 2*soon, 60, "few at first: a thirty-second and a sixth of the share at the end of 20 s")
		require.LessOrEqual(t, 2*most(turns), 300, "of Key Vault's quota")
	})
}

// A provider is back, and thousands of calls have their turns. Loads of other providers come
// all the time, at most twenty of which wait at once.
func TestThousandsOfTurnsLeaveRoomForLoads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := pace.New(26)
		for range 200 { // before the first load comes
			l.Turn(2, 0)
		}
		begun := make(chan time.Duration, 1000)
		ctx := t.Context()
		from := time.Now()
		for range 20 {
			go func() {
				for l.Wait(ctx, nil, 2) == nil && time.Since(from) < 2*time.Minute {
					begun <- time.Since(from)
					time.Sleep(time.Second) // until Temporal hands out the next one
				}
			}()
		}
		time.Sleep(time.Second)
		var turns []time.Duration
		for range 5000 {
			turns = append(turns, time.Since(from)+l.Turn(2, 0))
		}
		time.Sleep(3 * time.Minute)
		loads := len(begun)
		require.Greater(t, loads, 200, "of the 390 that a quarter of two minutes is; without it there were 20")
		require.Less(t, turns[4999], 9*time.Minute, "385 s by themselves, and a third more")
		all := turns
		for range loads {
			all = append(all, <-begun)
		}
		require.LessOrEqual(t, 2*most(all), 300, "of Key Vault's quota")
	})
}

// Calls come back over minutes, more than the vault takes, and all loads wait meanwhile.
func TestLoadsKeepTheirSpansWhileCallsComeBackForMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := pace.New(26)
		begun := make(chan time.Duration, 2000)
		from := time.Now()
		const span = 6 * time.Minute
		for range 20 {
			go func() {
				for l.Wait(t.Context(), nil, 2) == nil && time.Since(from) < span {
					begun <- time.Since(from)
					time.Sleep(time.Second)
				}
			}()
		}
		for time.Since(from) < 5*time.Minute {
			l.TurnWithin(2, 10*time.Minute)
			time.Sleep(time.Second / 30)
		}
		time.Sleep(time.Until(from.Add(span + 2*time.Minute)))
		loads := 0
		for range len(begun) {
			if at := <-begun; at > time.Minute && at < 5*time.Minute {
				loads++
			}
		}
		require.Greater(t, loads, 600, "of the 780 that a quarter of four minutes is")
	})
}

// It may never come to its turn, and would keep others from it.
func TestATurnBeyondTheHorizonIsNotBooked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := pace.New(26)
		given := 0
		for range 2000 {
			if pause, ok := l.TurnWithin(2, time.Minute); ok {
				require.LessOrEqual(t, pause, time.Minute)
				given++
			}
		}
		require.InDelta(t, 26./2*60, given, 26./2*5)
		require.LessOrEqual(t, l.Turn(2, 0), time.Minute+5*time.Second, "the next place is that after them")
		_, ok := (*pace.Limiter)(nil).TurnWithin(2, 0)
		require.True(t, ok)
	})
}

// The loads had their places when the vault answered 429 once more.
func TestALoadThatWaitsObeysAFurtherRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := pace.New(26)
		l.Throttled(time.Second)
		go func() {
			time.Sleep(500 * time.Millisecond)
			l.Throttled(10 * time.Second)
		}()
		for _, waited := range times(t, l, 40, 2) {
			require.GreaterOrEqual(t, waited, 10500*time.Millisecond)
		}
	})
}
