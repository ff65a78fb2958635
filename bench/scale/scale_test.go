package main

import (
	"testing"
	"time"

	"github.com/robfig/cron/v3"
	"github.com/stretchr/testify/require"
)

func TestThePlanIsThatOfItsCrons(t *testing.T) {
	started := time.Date(2026, 11, 26, 12, 7, 30, 0, time.UTC)
	for _, c := range []struct {
		accounts int
		burst    bool
		period   time.Duration
	}{{500, false, time.Minute}, {2_000, false, 4 * time.Minute}, {10_000, false, 20 * time.Minute}, {100_000, false, time.Hour}, {10_000, true, time.Hour}} {
		p := newPlan(options{accounts: c.accounts, burst: c.burst, rate: perSecond}, started)
		p.started = started
		require.Equal(t, c.period, p.period)
		for i := range 70 {
			schedule, err := cron.ParseStandard(p.expression(i))
			require.NoError(t, err)
			for _, after := range []time.Time{started, started.Add(31 * time.Second), started.Add(17 * time.Minute), started.Add(3 * time.Hour)} {
				require.Equal(t, schedule.Next(after), p.dueAfter(i, after), "%s after %s", p.expression(i), after)
			}
		}
		require.Equal(t, p.dueAfter(3, started), p.dueAfter(3, time.Time{}), "before the start none was due")
	}
}

func TestAnotherRateHasAnotherPeriod(t *testing.T) {
	require.Equal(t, 10*time.Minute, newPlan(options{accounts: 9_000, rate: 15}, time.Now()).period)
}

// calm is the report of a run in which all was well: half a minute between two samples,
// away from 5 to 7 minutes, and caught up after 9.
func calm(outage string) *report {
	r := &report{Accounts: 100, Outage: outage, PeriodSeconds: 600}
	for i := range 40 {
		x := sample{State: before, Seconds: float64(30 * i), Refreshed: 10 * i, Accounts: min(100, 10*i), RefreshesPerSecond: 2, RequestsPerSecond: 2, MemoryMB: 50, CPUSeconds: float64(i)}
		if outage != none {
			switch {
			case i >= 10 && i < 14:
				x.State, x.RefreshesPerSecond, x.RequestsPerSecond, x.MemoryMB = away, 0, 0.5, 100
			case i >= 14:
				x.State = after
			}
			if i == 10 {
				x.RequestsPerSecond = 9 // at first
			}
			if i >= 12 && i < 18 {
				x.Behind, x.LagSeconds = 7, float64(130-20*max(i-14, 14-i))
			}
		}
		r.Samples = append(r.Samples, x)
	}
	return r
}

func TestARunIsGreenOnlyWhereAllWasWell(t *testing.T) {
	for _, outage := range []string{ofVault, ofProvider, none} {
		r := calm(outage)
		r.judge()
		require.Empty(t, r.Problems, outage)
		require.InDelta(t, 2, r.PerSecond, 0.01, "the outage does not count")
		if outage == none {
			continue
		}
		require.InDelta(t, 120, r.RecoverySeconds, 0.01)
		require.InDelta(t, 90, r.ServedSeconds, 0.01, "the latest at 510 s is due since 440, and was back at 420")
		require.InDelta(t, 130, r.LagMost, 0.01)
		require.InDelta(t, 0.5, r.RequestsAway, 0.01, "the first minute aside")
		require.InDelta(t, 50, r.MemoryBack, 0.01)
	}
	type spoiling struct {
		outage string
		spoil  func(*report)
	}
	each := func(from, to int, spoil func(*sample)) func(*report) {
		return func(r *report) {
			for i := from; i < to; i++ {
				spoil(&r.Samples[i])
			}
		}
	}
	for says, c := range map[string]spoiling{
		"1 refresh tokens are lost, such as scale-7":                                             {ofVault, func(r *report) { r.Lost = []string{"scale-7"} }},
		"the vault answered 429 to 3 calls":                                                      {ofVault, func(r *report) { r.Samples[39].Throttled = 3 }},
		"the provider answered 429 to 4 requests":                                                {none, func(r *report) { r.Samples[39].Limited = 4 }},
		"2 accounts were still behind":                                                           {none, func(r *report) { r.Samples[39].Behind = 2 }},
		"5 accounts were never refreshed":                                                        {ofVault, func(r *report) { r.Samples[39].Accounts = 95 }},
		"memory grew from 50.0 to 70.0 MB":                                                       {none, each(27, 40, func(x *sample) { x.MemoryMB = 70 })},
		"memory grew from 50.0 to 80.0 MB":                                                       {ofProvider, each(25, 40, func(x *sample) { x.MemoryMB = 80 })},
		"5.00 requests a second went to the provider":                                            {ofProvider, each(13, 14, func(x *sample) { x.RequestsPerSecond = 5 })},
		"it took 90 s after the outage to refresh all that waited, more than the period of 80 s": {ofProvider, func(r *report) { r.PeriodSeconds = 80 }},
		"interrupted after 1170 s":                                                               {ofVault, func(r *report) { r.Interrupted = true }},
		"ended before it had begun":                                                              {ofVault, func(r *report) { r.Samples = nil }},
	} {
		worse := calm(c.outage)
		c.spoil(worse)
		worse.judge()
		require.Len(t, worse.Problems, 1, says)
		require.Contains(t, worse.Problems[0], says)
	}
	const unseen = "it ended too early to see what memory the workers have once all is caught up"
	never := calm(ofVault)
	each(14, 40, func(x *sample) { x.Behind, x.LagSeconds = 3, x.Seconds })(never)
	require.False(t, never.seenBack())
	never.judge()
	require.Equal(t, []string{"the accounts that waited were not all refreshed after the outage", "3 accounts were still behind at the end", unseen}, never.Problems)
	require.NotContains(t, never.table(), "until no account was behind again")
	short := calm(ofVault)
	require.True(t, short.seenBack())
	short.Samples = short.Samples[:24]
	require.False(t, short.seenBack())
	short.judge()
	require.Equal(t, []string{unseen}, short.Problems)
	again := calm(ofVault)
	each(20, 22, func(x *sample) { x.Behind = 1 })(again)
	again.judge()
	require.InDelta(t, 240, again.RecoverySeconds, 0.01, "the first moment was not the end of it")
}
