package pace_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/pace"
)

// times is when each of n concurrent loads begins, after the start.
func times(t *testing.T, l *pace.Limiter, n, versions int) []time.Duration {
	t.Helper()
	began, all := time.Now(), make(chan time.Duration, n)
	for range n {
		go func() {
			if l.Wait(t.Context(), nil, versions) == nil {
				all <- time.Since(began)
			}
		}()
	}
	list := make([]time.Duration, n)
	for i := range list {
		list[i] = <-all
	}
	return list
}

// most is the largest number of the given times in any ten seconds.
func most(times []time.Duration) (most int) {
	for _, from := range times {
		n := 0
		for _, at := range times {
			if at >= from && at < from+10*time.Second {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

func TestNothingWaitsForAVaultThatTakesAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, l := range []*pace.Limiter{nil, pace.New(2)} {
			for _, waited := range times(t, l, 1000, 2) {
				require.Zero(t, waited)
			}
		}
	})
}

func TestARefusalIsObeyedAndHalvesTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := pace.New(20)
		l.Throttled(7 * time.Second)
		l.Throttled(7 * time.Second) // of the same overload
		list := times(t, l, 200, 2)
		for _, waited := range list {
			require.GreaterOrEqual(t, waited, 7*time.Second)
		}
		require.LessOrEqual(t, 2*most(list), 2*150, "10 per second, growing slowly")
		require.Less(t, list[199], 50*time.Second)
	})
}

func TestTheRateRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := pace.New(20)
		l.Throttled(time.Second)
		time.Sleep(time.Second + time.Minute)
		for _, waited := range times(t, l, 1000, 2) {
			require.Zero(t, waited)
		}
	})
}

func TestRefusalsThatGoOnSlowItFurther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := pace.New(32)
		for range 40 {
			l.Throttled(10 * time.Second)
			time.Sleep(10 * time.Second)
		}
		list := times(t, l, 40, 1)
		require.Greater(t, list[39], 20*time.Second, "it is slow")
		require.Less(t, list[39], time.Minute, "and goes on")
	})
}

// The vault was away, and thousands of pairs wait in the history.
func TestStoresThatFailedComeBackOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := pace.New(26)
		var turns []time.Duration
		for range 2000 {
			pause := l.Turn(2, time.Second)
			require.GreaterOrEqual(t, pause, time.Second)
			turns = append(turns, pause)
		}
		require.LessOrEqual(t, 2*most(turns), 300, "of Key Vault's quota")
		require.Less(t, turns[1999], 3*time.Minute)
		require.Positive(t, times(t, l, 1, 2)[0], "a load that may wait comes after them")
	})
}

func TestAStoreAloneComesBackAfterItsPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := pace.New(26)
		require.Equal(t, time.Minute, l.Turn(2, time.Minute))
		require.Equal(t, time.Second, (*pace.Limiter)(nil).Turn(2, time.Second))
		l.Throttled(time.Hour)
		require.GreaterOrEqual(t, l.Turn(2, time.Second), time.Hour)
	})
}

func TestAShareBelowOneStoreASecondMakesProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := pace.New(1)
		l.SetShare(0.1)
		l.Throttled(time.Second)
		list := times(t, l, 5, 2)
		require.Less(t, list[4], 2*time.Minute)
	})
}

func TestAWaitEndsWithItsWorkerAndItsAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := pace.New(1)
		l.Throttled(time.Hour)
		stopping := make(chan struct{})
		time.AfterFunc(time.Second, func() { close(stopping) })
		require.ErrorIs(t, l.Wait(t.Context(), stopping, 2), pace.ErrStopping)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, l.Wait(ctx, nil, 2), context.DeadlineExceeded)
	})
}
