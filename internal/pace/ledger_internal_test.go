package pace

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestALedgerHasRoomWhenWhatWasBeforeCountsNoMore(t *testing.T) {
	const part = counted / parts
	seconds := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
	var l ledger
	l.add(6, seconds(1))
	l.add(2, seconds(1.1)) // in the same part
	l.add(2, seconds(4))
	require.Len(t, l, 2)
	for _, c := range []struct {
		n         int
		now, want float64
	}{
		{2, 5, 5}, // 12 of 12
		{3, 5, 11.25},
		{10, 5, 11.25},
		{11, 5, 14.25},
		{99, 5, 14.25}, // more than there ever is begins alone
		{10, 11.25, 11.25},
		{12, 14.25, 14.25},
	} {
		require.Equal(t, seconds(c.want), l.room(c.n, 1.2, seconds(c.now)), c)
	}
	require.Empty(t, l, "what counts no more is forgotten")

	l = presumed(1.2)
	require.Equal(t, part, l.room(1, 1.2, 0), "as the first part counts no more")
	require.Equal(t, seconds(9.25), l.room(12, 1.2, 0), "less than a whole one is left")
	l.add(3, seconds(1))
	l.scalePresumed(0.5)
	require.Equal(t, seconds(1), l.room(3, 1.2, seconds(1)), "6 less what counts no more, 3, and 3")
	require.Equal(t, seconds(11.25), l.room(12, 1.2, seconds(1)), "what has begun here is not scaled")
}

// Each peek is the first one of somebody's.
func TestWorkersShareOutThePeeks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(26)
		l.SetPart(1. / 3)
		atOnce := func() (n int) {
			for {
				if pause, ok := l.Peek(false, time.Minute); !ok || pause > 0 {
					return n
				}
				n++
			}
		}
		require.Equal(t, 130, atOnce(), "a third of 390; nothing is presumed")
		time.Sleep(counted + counted/parts)
		l.looks = newTurns()
		l.SetPart(1)
		require.Equal(t, 390, atOnce())
	})
}

// Many windows end at the same moment.
func TestLastPeeksUseUpNoMoreThanTheVaultAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(26)
		for range 390 {
			l.Peek(true, time.Minute)
		}
		n := 0
		for l.PeekLast() {
			n++
		}
		require.Equal(t, 250, n)
		require.True(t, (*Limiter)(nil).PeekLast())
	})
}

// A peek that is given a turn in a moment counts like one that begins.
func TestAPeekWithATurnInAMomentCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(26)
		l.looks.give(1, 0) // somebody waits
		pause, ok := l.Peek(false, time.Minute)
		require.True(t, ok)
		require.LessOrEqual(t, pause, Brief)
		require.Len(t, l.peeks, 1)
	})
}

// What waits for nothing has its place in the count.
func TestAStoreThatDoesNotWaitIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(26)
		time.Sleep(counted + counted/parts)
		for range 143 {
			l.StoreNow(2)
		}
		require.Greater(t, l.Store(2), 9*time.Second)
		(*Limiter)(nil).StoreNow(2)
	})
}
