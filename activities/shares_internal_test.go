package activities

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

const urgent = true

// took enters, demands that it is let in or not, and returns how long that took.
func took(t *testing.T, s *shares, provider string, urgent, in bool) (leave func(), waited time.Duration) {
	t.Helper()
	began := time.Now()
	leave, ok := s.enter(t.Context(), provider, urgent)
	require.Equal(t, in, ok)
	return leave, time.Since(began)
}

func TestEachProviderHasAQuarterOfAWorkersActivities(t *testing.T) {
	for activities, want := range map[int]int{1: 1, 3: 1, 8: 2, 200: 50} {
		require.Equal(t, want, newShares(activities).each)
	}
	synctest.Test(t, func(t *testing.T) {
		s := newShares(8)
		for range 2 {
			_, waited := took(t, s, "fitbit", !urgent, true)
			require.Zero(t, waited)
		}
		_, waited := took(t, s, "fitbit", !urgent, false)
		require.Equal(t, slotWait, waited, "not for longer: it holds an activity meanwhile")
		_, waited = took(t, s, "xero", !urgent, true)
		require.Zero(t, waited, "another provider has a share of its own")
	})
}

func TestWithoutABoundEachCallBeginsAtOnce(t *testing.T) {
	s := newShares(0)
	for range 1000 {
		took(t, s, "fitbit", !urgent, true)
	}
}

// Its answer waits at the provider only for as long as the window is open.
func TestACallWhoseTokenMayBeSpentGoesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShares(8)
		var leave func()
		for range 2 {
			leave, _ = took(t, s, "fitbit", !urgent, true)
		}
		for range 2 {
			_, waited := took(t, s, "fitbit", urgent, true)
			require.Zero(t, waited)
		}
		took(t, s, "fitbit", urgent, false)
		leave()
		took(t, s, "fitbit", !urgent, false) // what is spent already needs the slots
		_, waited := took(t, s, "fitbit", urgent, true)
		require.Zero(t, waited)
	})
}

func TestACallThatEndsLetsOneInThatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShares(4)
		leave, _ := took(t, s, "fitbit", !urgent, true)
		time.AfterFunc(slotWait/2, leave)
		again, waited := took(t, s, "fitbit", !urgent, true)
		require.Equal(t, slotWait/2, waited)
		leave() // a second time frees nothing
		took(t, s, "fitbit", !urgent, false)
		again()
		took(t, s, "fitbit", !urgent, true)
	})
}

func TestNoMoreCallsWaitThanMayCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShares(8)
		for range 2 {
			took(t, s, "fitbit", !urgent, true)
		}
		var waiting sync.WaitGroup
		for range 2 {
			waiting.Go(func() { s.enter(context.Background(), "fitbit", !urgent) })
		}
		synctest.Wait()
		for _, urgency := range []bool{!urgent, urgent} {
			if urgency {
				took(t, s, "fitbit", urgent, true)
				took(t, s, "fitbit", urgent, true)
			}
			_, waited := took(t, s, "fitbit", urgency, false)
			require.Zero(t, waited)
		}
		waiting.Wait()
	})
}

func TestACancelledAttemptDoesNotWait(t *testing.T) {
	s := newShares(4)
	took(t, s, "fitbit", !urgent, true)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, ok := s.enter(ctx, "fitbit", urgent)
	_ = ok // it is urgent, and the first of twice the share
	_, ok = s.enter(ctx, "fitbit", urgent)
	require.False(t, ok)
}

func TestPausesAreSpread(t *testing.T) {
	seen := map[time.Duration]bool{}
	for range 100 {
		pause := spread(time.Second)
		require.GreaterOrEqual(t, pause, time.Second/2)
		require.LessOrEqual(t, pause, time.Second)
		seen[pause] = true
	}
	require.Greater(t, len(seen), 50)
}
