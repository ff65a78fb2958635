package campaign

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/authserver"
)

func TestACampaignWithoutAnOperatorIsKillsAndOutagesAlone(t *testing.T) {
	lives := schedule(7, 200, longestLife)
	require.Equal(t,
		plan{lasts: sum(lives), lives: lives, outages: outages(7, 3, sum(lives))},
		planFor(Options{Seed: 7, Kills: 200, Outages: 3, Accounts: 60, IDs: 1, Replay: 2 * time.Minute}))
}

func TestAnOperatorsCampaignIsDrawnFromTheSeed(t *testing.T) {
	o := Options{Seed: 7, Kills: 60, Operations: 300, Outages: 3, Accounts: 30, IDs: 1, Replay: 2 * time.Minute}
	p := planFor(o)
	require.Equal(t, p, planFor(o))
	o.Seed = 8
	other := planFor(o)
	require.NotEqual(t, p.lives, other.lives)
	require.NotEqual(t, p.commands, other.commands)
	require.NotEqual(t, p.answers, other.answers)
	require.NotEqual(t, p.vault, other.vault)
	require.NotEqual(t, p.temporal, other.temporal)

	require.Equal(t, 300*commandEvery, p.lasts)
	require.Len(t, p.lives, 60)
	require.InDelta(t, p.lasts.Seconds(), sum(p.lives).Seconds(), 30, "the kills fill the same time as the commands")
	require.Len(t, p.outages, 3)
	require.Len(t, p.vault, 6)
	require.Len(t, p.temporal, 4)
}

func TestManyKillsStretchAnOperatorsCampaign(t *testing.T) {
	p := planFor(Options{Seed: 1, Kills: 200, Operations: 10, Accounts: 30, IDs: 1})
	require.Equal(t, 200*(shortestLife+longestLife)/2, p.lasts)
	require.Greater(t, p.commands[len(p.commands)-1].after, p.lasts/2, "the commands fill the same time as the kills")
	require.Empty(t, planFor(Options{Seed: 1, Operations: 10, Accounts: 30, IDs: 1}).lives, "no kill is asked for")
}

func TestAServerIsKilledOnceInEachPart(t *testing.T) {
	const total = 4 * time.Minute
	drawn := absences(7, 4, total)
	require.Equal(t, drawn, absences(7, 4, total))
	require.NotEqual(t, drawn, absences(8, 4, total))
	require.Len(t, drawn, 4)
	for i, a := range drawn {
		part := total / 4
		require.GreaterOrEqual(t, a.after, part*time.Duration(i))
		require.LessOrEqual(t, a.after+a.lasts, part*time.Duration(i+1), "back before the next part begins")
		require.GreaterOrEqual(t, a.lasts, shortestAbsence)
		require.Less(t, a.lasts, longestAbsence)
	}
	require.Empty(t, absences(7, 0, total))
}

func TestTheAnswersThatGoWrongAreDrawnFromTheSeed(t *testing.T) {
	const accounts, window = 30, 2 * time.Minute
	drawn := answers(7, 300, accounts, window)
	require.Equal(t, drawn, answers(7, 300, accounts, window))
	require.NotEqual(t, drawn, answers(8, 300, accounts, window))

	lost, committed, refused := 0, 0, 0
	met := map[[2]int]bool{}
	for _, a := range drawn {
		require.Less(t, a.account, accounts)
		require.False(t, met[[2]int{a.account, a.fault.Nth}], "one call goes wrong in one way")
		met[[2]int{a.account, a.fault.Nth}] = true
		switch {
		case !a.waits():
			lost++
			require.Equal(t, authserver.Reset, a.fault.Answer)
			require.True(t, a.fault.Commit, "the provider has committed")
			continue
		case a.fault.Commit:
			committed++
		default:
			refused++
		}
		require.Contains(t, []int{429, 503}, a.fault.Status)
		wait := time.Duration(a.fault.RetryAfter)
		require.GreaterOrEqual(t, wait, window/2)
		require.LessOrEqual(t, wait, window+window/4)
		require.Zero(t, wait%time.Second, "the header has whole seconds")
	}
	require.InDelta(t, 30, lost, 6)
	require.InDelta(t, 10, committed, 4)
	require.InDelta(t, 10, refused, 4)
}

func TestWaitsAndPausesAreMeasuredByTheWindow(t *testing.T) {
	longest := func(replay time.Duration) (wait, pause time.Duration) {
		p := planFor(Options{Seed: 7, Kills: 60, Operations: 300, Accounts: 30, IDs: 1, Replay: replay})
		for _, a := range p.answers {
			wait = max(wait, time.Duration(a.fault.RetryAfter))
		}
		for _, c := range p.commands {
			pause = max(pause, c.lasts)
		}
		return wait, pause
	}
	for _, tc := range []struct{ replay, wait, pause time.Duration }{
		{2 * time.Minute, 150 * time.Second, 20 * time.Second},
		{time.Hour, 150 * time.Second, 20 * time.Second}, // so that a campaign ends
		{time.Minute, 75 * time.Second, 10 * time.Second},
		{0, 25 * time.Second, 20 * time.Second}, // nothing to keep within
	} {
		wait, pause := longest(tc.replay)
		require.LessOrEqual(t, wait, tc.wait)
		require.Greater(t, wait, tc.wait*3/5)
		require.LessOrEqual(t, pause, tc.pause)
		require.Greater(t, pause, tc.pause/2)
	}
}
