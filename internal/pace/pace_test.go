package pace_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
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

// creations has n versions asked for at once, and says when each was let through and how
// many were not.
func creations(t *testing.T, ctx context.Context, l *pace.Limiter, n int) (times []time.Duration, refused int) {
	t.Helper()
	began, all := time.Now(), make(chan time.Duration, n)
	for range n {
		go func() {
			pause, err := l.Create(ctx)
			if err != nil || pause > 0 {
				all <- -1
				return
			}
			all <- time.Since(began)
		}()
	}
	for range n {
		if at := <-all; at >= 0 {
			times = append(times, at)
		} else {
			refused++
		}
	}
	return times, refused
}

// Stores that a busy server has held up come at once, in any numbers.
func TestNoTenSecondsHaveMoreVersionsThanTheVaultTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, began := pace.New(26), time.Now()
		var all []time.Duration
		for range 30 {
			since := time.Since(began)
			times, _ := creations(t, t.Context(), l, 170)
			for _, at := range times {
				all = append(all, since+at)
			}
			time.Sleep(1700 * time.Millisecond)
		}
		require.LessOrEqual(t, most(all), 286, "of Key Vault's 300")
		require.Greater(t, len(all), 286*5, "and it is used up: fifty seconds have gone by")
	})
}

func TestAVersionThatHasNoRoomSoonIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := pace.New(1)
		_, refused := creations(t, t.Context(), l, 15)
		require.Equal(t, 4, refused)
		pause, err := l.Create(t.Context())
		require.NoError(t, err)
		require.Equal(t, 10*time.Second, pause, "until the first ones count no more")
		time.Sleep(8500 * time.Millisecond)
		times, refused := creations(t, t.Context(), l, 11)
		require.Zero(t, refused)
		require.Equal(t, 1500*time.Millisecond, times[0])
		_, refused = creations(t, t.Context(), l, 1)
		require.Equal(t, 1, refused, "what waits is counted")
	})
}

func TestAVersionWaitsForTheEndOfARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := pace.New(26)
		l.Throttled(time.Second)
		times, _ := creations(t, t.Context(), l, 1)
		require.Equal(t, []time.Duration{time.Second}, times)
		l.Throttled(time.Minute)
		_, refused := creations(t, t.Context(), l, 1)
		require.Equal(t, 1, refused)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		time.Sleep(58500 * time.Millisecond)
		_, err := l.Create(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

// Its value is in this process's memory alone.
func TestAnUrgentVersionNeverWaitsAndCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := pace.New(1)
		times, refused := creations(t, pace.Urgently(t.Context()), l, 20)
		require.Zero(t, refused)
		require.Zero(t, most(times)-20)
		_, refused = creations(t, t.Context(), l, 1)
		require.Equal(t, 1, refused)
		pause, err := (*pace.Limiter)(nil).Create(t.Context())
		require.NoError(t, err)
		require.Zero(t, pause)
	})
}

// Temporal hands the loads out evenly, and to any of the workers.
func TestWorkersThatShareThePaceRefuseFewStores(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const workers, stores = 8, 3000
		random := rand.New(rand.NewPCG(1, 2))
		var limiters []*pace.Limiter
		for range workers {
			limiters = append(limiters, pace.New(26./workers))
		}
		var refused atomic.Int64
		var all sync.WaitGroup
		for range stores {
			l := limiters[random.IntN(workers)]
			all.Go(func() {
				for range 2 {
					if pause, _ := l.Create(t.Context()); pause > 0 {
						refused.Add(1)
						return
					}
				}
			})
			time.Sleep(time.Second * 20 / 247)
		}
		all.Wait()
		require.Less(t, refused.Load(), int64(stores/10))
		t.Logf("%d of %d", refused.Load(), stores)
	})
}
