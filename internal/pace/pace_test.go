package pace_test

import (
	"context"
	"math/rand/v2"
	"slices"
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
			pause := l.StoreAgain(2, time.Second)
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
		require.Equal(t, time.Second, (*pace.Limiter)(nil).StoreAgain(2, time.Second))
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

// Something else than the vault has held up the stores, which then come in any numbers.
func TestNoTenSecondsHaveMoreStoresThanTheVaultTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, began := pace.New(26), time.Now()
		var begun []time.Duration
		for second := range 20 {
			for range 80 {
				begun = append(begun, time.Since(began)+l.Store(2))
			}
			if second == 10 { // the vault refuses as many
				for range 80 {
					begun = append(begun, time.Since(began)+l.StoreAgain(2, time.Second))
				}
			}
			time.Sleep(time.Second)
		}
		require.Less(t, slices.Max(begun), 150*time.Second, "it goes on at 26 a second")
		require.Greater(t, slices.Max(begun), 100*time.Second)
		begun = slices.DeleteFunc(begun, func(at time.Duration) bool { return at > 10*time.Second && at < 40*time.Second })
		require.LessOrEqual(t, 2*most(begun), 286, "of Key Vault's 300, but for those that it has refused")
	})
}

func TestAStoreWithoutRoomBeginsWhenThereIsSome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := pace.New(26)
		for range 143 {
			require.Zero(t, l.Store(2))
		}
		pause := l.Store(2)
		require.Greater(t, pause, 10*time.Second, "when the first ones count no more")
		require.LessOrEqual(t, pause, 11*time.Second)
		time.Sleep(pause)
		require.Zero(t, l.Store(2))
		require.Zero(t, (*pace.Limiter)(nil).Store(2))
	})
}

func TestAStoreAlwaysFitsIntoASmallShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := pace.New(0.01)
		require.Zero(t, l.Store(2))
		require.Greater(t, l.Store(2), 10*time.Second)
	})
}

// Temporal hands the loads out evenly, and to any of the workers.
func TestWorkersThatShareThePaceHoldUpFewStores(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const workers, stores = 2, 3000
		random := rand.New(rand.NewPCG(1, 2))
		var limiters []*pace.Limiter
		for range workers {
			limiters = append(limiters, pace.New(26./workers))
		}
		briefly, long := 0, 0
		for range stores {
			switch pause := limiters[random.IntN(workers)].Store(2); {
			case pause > 2*time.Second:
				long++
			case pause > 0:
				briefly++
			}
			time.Sleep(time.Second * 20 / 247)
		}
		t.Logf("of %d, %d briefly and %d for longer", stores, briefly, long)
		require.Less(t, long, stores/20, "each is an attempt more")
	})
}

// Key Vault takes 4,000 calls in ten seconds that create nothing.
func TestPeeksLeaveRoomForWhatFollowsThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, began := pace.New(26), time.Now()
		var begun []time.Duration
		for range 2000 {
			begun = append(begun, time.Since(began)+l.Peek())
			time.Sleep(time.Millisecond)
		}
		require.InDelta(t, 390, most(begun), 10, "six calls each")
		require.Less(t, slices.Max(begun), 55*time.Second)
		require.Zero(t, l.Store(2), "stores are counted by themselves")
		require.Zero(t, (*pace.Limiter)(nil).Peek())
	})
}
