package campaign

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheSameSeedGivesTheSameCommands(t *testing.T) {
	const total, pause = 210 * time.Second, 20 * time.Second
	drawn := commands(7, 300, total, pause)
	require.Equal(t, drawn, commands(7, 300, total, pause))
	require.NotEqual(t, drawn, commands(8, 300, total, pause))
	require.Empty(t, commands(7, 0, total, pause))
}

func TestEveryOperationIsDrawn(t *testing.T) {
	for seed := range uint64(20) {
		counts, every, last := map[Operation]int{}, 700*time.Millisecond, time.Duration(0)
		for _, c := range commands(seed, 300, 300*every, 20*time.Second) {
			counts[c.operation]++
			require.GreaterOrEqual(t, c.after-last, every/2)
			require.Less(t, c.after-last, every*3/2)
			last = c.after
			if c.operation != PauseActivity {
				require.Zero(t, c.lasts)
				continue
			}
			counts[UnpauseActivity]++
			require.GreaterOrEqual(t, c.lasts, shortestPause)
			require.Less(t, c.lasts, 20*time.Second)
		}
		all := 0
		for _, w := range weights {
			require.Positive(t, counts[w.operation], w.operation)
		}
		for _, n := range counts {
			all += n
		}
		require.Equal(t, 300, all, "a pause and its unpause are two")
	}
}

func TestALastPauseWouldHaveNoUnpause(t *testing.T) {
	for seed := range uint64(50) {
		require.NotEqual(t, PauseActivity, commands(seed, 1, time.Second, time.Minute)[0].operation)
	}
}

func TestAnOperatorMeetsWhatHangs(t *testing.T) {
	idle := view{rest: sparedFor}
	open := func(d time.Duration) view { return view{open: d, rest: sparedFor} }
	struck := view{open: time.Minute, rest: leastRest - 1, strikes: 1}
	worn := view{open: time.Minute, rest: leastRest, strikes: mostStrikes}
	paused := view{open: time.Minute, rest: sparedFor, paused: true}
	for _, tc := range []struct {
		name string
		c    command
		seen []view
		want int
	}{
		{"the one that has been open longest", command{operation: Terminate, hanging: true}, []view{open(1), open(9), open(5)}, 1},
		{"any that is open", command{operation: Terminate, pick: 1}, []view{idle, open(1), open(9)}, 2},
		{"the picks go round", command{operation: Terminate, pick: 2}, []view{idle, open(1), open(9)}, 1},
		{"one without a run for a start", command{operation: Start, pick: 5, hanging: true}, []view{open(1), idle}, 1},
		{"any at all for a start where all have one", command{operation: Start, pick: 1}, []view{open(9), open(1)}, 1},
		{"any at all for a reset", command{operation: ResetToLastTask, pick: 0}, []view{idle, open(1)}, 0},
		{"a reset of what hangs", command{operation: ResetToLastTask, hanging: true}, []view{idle, open(1)}, 1},
		{"any at all where none is open", command{operation: Terminate, pick: 1}, []view{idle, idle}, 1},
		{"not the one that was struck a moment ago", command{operation: Terminate, hanging: true}, []view{struck, open(1)}, 1},
		{"not the one that was struck again and again", command{operation: Cancel, hanging: true}, []view{worn, open(1)}, 1},
		{"a pause is no blow", command{operation: PauseActivity, hanging: true}, []view{worn, open(1)}, 0},
		{"no second pause in one window", command{operation: PauseActivity, hanging: true}, []view{paused, open(1)}, 1},
		{"a blow may follow a pause", command{operation: Terminate, hanging: true}, []view{paused, open(1)}, 0},
		{"none where all are spared", command{operation: Terminate}, []view{struck, worn}, -1},
		{"none where there is none", command{operation: Start}, nil, -1},
	} {
		t.Run(tc.name, func(t *testing.T) { require.Equal(t, tc.want, choose(tc.c, tc.seen)) })
	}
}

func TestAnOperatorRemembersWhatItDidToAnAccount(t *testing.T) {
	now := time.Now()
	one, two := &flow{id: "refresh-one"}, &flow{id: "refresh-one-2"}
	a := &account{flows: []*flow{one, two}}
	require.Equal(t, []view{{rest: sparedFor}, {rest: sparedFor}}, a.standings(now))
	one.struck(Terminate, now.Add(-sparedFor-1))
	one.struck(Cancel, now.Add(-time.Minute))
	two.struck(ResetActivity, now.Add(-10*time.Second))
	two.struck(SignalWithStart, now)
	two.struck(PauseActivity, now.Add(-time.Second))
	two.follow(now.Add(-5 * time.Second))
	require.Equal(t, []view{
		{rest: 10 * time.Second, strikes: 2, paused: true},
		{rest: 10 * time.Second, strikes: 2, paused: true, open: 5 * time.Second},
	}, a.standings(now))
}

func TestWhatHangsIsWhatHasNotEndedWell(t *testing.T) {
	now := time.Now()
	f := &flow{id: "refresh-one"}
	open := func(after time.Duration) time.Duration { return f.hangs(now.Add(after)) }

	terminated := f.follow(now)
	require.Equal(t, 10*time.Second, open(10*time.Second))
	terminated(false)
	require.Zero(t, open(10*time.Second), "no run is open")

	well := f.follow(now.Add(20 * time.Second))
	require.Equal(t, 30*time.Second, open(30*time.Second), "the next run goes on with the same trouble")
	well(true)

	f.follow(now.Add(time.Minute))
	require.Equal(t, time.Second, open(61*time.Second))
}
