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

// calm is the report of a run in which all was well.
func calm() *report {
	r := &report{Accounts: 100, Outage: ofVault}
	for i := range 30 {
		x := sample{State: before, Seconds: float64(5 * i), Refreshed: 10 * i, Accounts: min(100, 10*i), RefreshesPerSecond: 2, RequestsPerSecond: 2, MemoryMB: 50, CPUSeconds: float64(i)}
		switch {
		case i >= 10 && i < 14:
			x.State, x.RefreshesPerSecond = away, 0
		case i >= 14:
			x.State = after
		}
		if i >= 12 && i < 18 {
			x.Behind, x.LagSeconds = 7, float64(60+i)
		}
		r.Samples = append(r.Samples, x)
	}
	return r
}

func TestARunIsGreenOnlyWhereAllWasWell(t *testing.T) {
	r := calm()
	r.judge()
	require.Empty(t, r.Problems)
	require.InDelta(t, 2, r.PerSecond, 0.01, "the outage does not count")
	require.InDelta(t, 20, r.RecoverySeconds, 0.01)
	require.InDelta(t, 77, r.LagMost, 0.01)
	for says, spoil := range map[string]func(*report){
		"1 refresh tokens are lost, such as scale-7": func(r *report) { r.Lost = []string{"scale-7"} },
		"429 to 3 calls":                  func(r *report) { r.Samples[29].Throttled = 3 },
		"2 accounts were still behind":    func(r *report) { r.Unsettled = 2 },
		"5 accounts were never refreshed": func(r *report) { r.Samples[29].Accounts = 95 },
		"memory grew from 50.0 to 70.0 MB": func(r *report) {
			for i := 20; i < 30; i++ {
				r.Samples[i].MemoryMB = 70
			}
		},
		"ended before it had begun": func(r *report) { r.Samples = nil },
	} {
		worse := calm()
		spoil(worse)
		worse.judge()
		require.Len(t, worse.Problems, 1, says)
		require.Contains(t, worse.Problems[0], says)
	}
}
