package pace_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
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

// cutToTheLeast has the vault refuse for as long as it takes.
func cutToTheLeast(l *pace.Limiter) {
	for range 40 {
		l.Throttled(10 * time.Second)
		time.Sleep(10 * time.Second)
	}
}

func TestRefusalsThatGoOnSlowItFurther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := pace.New(32)
		cutToTheLeast(l)
		list := times(t, l, 40, 1)
		require.Greater(t, list[39], 15*time.Second, "it is slow: the whole share would take a second and a quarter")
		require.Less(t, list[39], 20*time.Second, "and grows back meanwhile")
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
		l.SetPart(0.1)
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

// stores is a process whose stores come again in their turns, until each has begun.
type stores struct {
	limiter *pace.Limiter
	began   time.Time
	mu      sync.Mutex
	begun   []time.Duration
	turns   int
	all     sync.WaitGroup
}

func (s *stores) come(n int, failed bool) {
	for range n {
		s.all.Go(func() {
			if failed {
				time.Sleep(s.limiter.Turn(2, time.Second))
			}
			for {
				pause := s.limiter.Store(2)
				s.mu.Lock()
				begins := pause <= pace.Brief
				if begins {
					s.begun = append(s.begun, time.Since(s.began)+pause)
				} else {
					s.turns++
				}
				s.mu.Unlock()
				if time.Sleep(pause); begins {
					return
				}
			}
		})
	}
	synctest.Wait()
}

// Something else than the vault has held up the stores, which then come in any numbers.
func TestNoTenSecondsHaveMoreStoresThanTheVaultTakes(t *testing.T) {
	for name, cut := range map[string]bool{"as it comes": false, "after a refusal": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &stores{limiter: pace.New(26), began: time.Now()}
				if cut {
					s.limiter.Throttled(10 * time.Second)
				}
				for second := range 20 {
					s.come(80, false)
					if second == 10 {
						s.come(200, true)
					}
					time.Sleep(time.Second)
				}
				s.all.Wait()
				require.Len(t, s.begun, 20*80+200)
				require.LessOrEqual(t, 2*most(s.begun), 286, "of Key Vault's 300")
				require.Less(t, slices.Max(s.begun), 5*time.Minute, "3,600 at 26 a second are 138 s, and at half of it more")
				require.Less(t, s.turns, 2*len(s.begun), "each is an attempt more")
				if cut {
					require.GreaterOrEqual(t, slices.Min(s.begun), 10*time.Second)
				}
			})
		})
	}
}

func TestAStoreWithoutRoomHasATurnWhenThereIsSome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := pace.New(26)
		time.Sleep(10 * time.Second) // since its start
		for range 143 {
			require.Zero(t, l.Store(2))
		}
		pause := l.Store(2)
		require.GreaterOrEqual(t, pause, 10*time.Second, "when the first ones count no more")
		require.Less(t, pause, 15*time.Second)
		require.GreaterOrEqual(t, times(t, l, 1, 2)[0], 10*time.Second, "a load that may wait comes after it")
		time.Sleep(5 * time.Second)
		require.Zero(t, l.Store(2))
		require.Zero(t, (*pace.Limiter)(nil).Store(2))
	})
}

// Killed workers leave no word of what they have begun.
func TestARestartLetsNoMoreBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var begun []time.Duration
		for range 6 {
			s := &stores{limiter: pace.New(26), began: began}
			defer s.all.Wait()
			time.Sleep(3 * time.Second)
			s.come(400, false)
			time.Sleep(500 * time.Millisecond) // and is killed
			s.mu.Lock()
			for _, at := range s.begun {
				if at <= time.Since(began) {
					begun = append(begun, at)
				}
			}
			s.mu.Unlock()
		}
		t.Logf("%d versions in the busiest ten seconds", 2*most(begun))
		require.LessOrEqual(t, 2*most(begun), 300, "what Key Vault takes")
	})
}

func TestAStoreAlwaysFitsIntoASmallShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := pace.New(0.01)
		require.Zero(t, l.Store(2))
		require.GreaterOrEqual(t, l.Store(2), 10*time.Second)
	})
}

// Temporal hands the loads out evenly, and to any of the workers.
func TestWorkersThatShareThePaceHoldUpFewStores(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const workers, n = 2, 3000
		random := rand.New(rand.NewPCG(1, 2))
		var all []*stores
		for range workers {
			s := &stores{limiter: pace.New(26), began: time.Now()}
			s.limiter.SetPart(1 / float64(workers))
			all = append(all, s)
		}
		for range n {
			all[random.IntN(workers)].come(1, false)
			time.Sleep(time.Second * 20 / 247)
		}
		turns := 0
		for _, s := range all {
			s.all.Wait()
			turns += s.turns
		}
		t.Logf("%d turns of %d stores", turns, n)
		require.Less(t, turns, n/20, "each is an attempt more")
	})
}

// Key Vault takes 4,000 calls in ten seconds that create nothing.
func TestPeeksLeaveRoomForWhatFollowsThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, began := pace.New(26), time.Now()
		l.Throttled(0) // of what creates versions: it has the pace of those cut
		var (
			mu    sync.Mutex
			begun []time.Duration
			again int
			all   sync.WaitGroup
		)
		for range 10_000 {
			all.Go(func() {
				for waited := false; ; waited = true {
					pause, ok := l.Peek(waited, 2*time.Minute)
					if !ok {
						pause = 90 * time.Second
					}
					begins := ok && pause <= pace.Brief
					mu.Lock()
					if begins {
						begun = append(begun, time.Since(began)+pause)
					} else {
						again++
					}
					mu.Unlock()
					if time.Sleep(pause); begins {
						return
					}
				}
			})
		}
		all.Wait()
		require.LessOrEqual(t, most(begun), 400, "six calls each")
		require.Less(t, slices.Max(begun), 6*time.Minute, "256 s at the least")
		require.Less(t, again, 30_000, "each is an attempt more")
		l.PeekNow()
		require.Zero(t, l.Store(2), "stores are counted by themselves")
		(*pace.Limiter)(nil).PeekNow()
		_, ok := (*pace.Limiter)(nil).Peek(false, 0)
		require.True(t, ok)
	})
}
