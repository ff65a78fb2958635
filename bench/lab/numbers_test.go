package lab

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestQuantilesAreOfTheNearestRank(t *testing.T) {
	var hundred []int
	for i := range 100 {
		hundred = append(hundred, 100-i)
	}
	require.Equal(t, 50, Median(hundred))
	require.Equal(t, 99, Quantile(hundred, 0.99))
	require.Equal(t, 100, Quantile(hundred, 1))
	require.Equal(t, 7, Quantile([]int{7}, 0.99))
	require.Zero(t, Median([]float64(nil)))
}

// The histogram's unit has been milliseconds and is seconds; a summary of either is in
// milliseconds.
func TestFirstCopiesOfAPhaseAreTheDifferenceOfTwoReadings(t *testing.T) {
	page := func(unit string, times float64, upTo5, upTo20, all int) string {
		return fmt.Sprintf("# TYPE tokenkeeper_first_copy_%[1]s histogram\n"+
			"tokenkeeper_first_copy_%[1]s_bucket{where=\"history\",le=\"%[2]g\"} %[4]d\n"+
			"tokenkeeper_first_copy_%[1]s_bucket{where=\"history\",le=\"%[3]g\"} %[5]d\n"+
			"tokenkeeper_first_copy_%[1]s_bucket{where=\"history\",le=\"+Inf\"} %[6]d\n"+
			"tokenkeeper_first_copy_%[1]s_sum{where=\"history\"} 1\n"+
			"tokenkeeper_first_copy_%[1]s_count{where=\"history\"} %[6]d\n", unit, 5*times, 20*times, upTo5, upTo20, all)
	}
	for unit, times := range map[string]float64{"milliseconds": 1, "seconds": 0.001} {
		before, err := parseFirstCopies(page(unit, times, 0, 100, 100))
		require.NoError(t, err)
		after, err := parseFirstCopies(page(unit, times, 100, 200, 200))
		require.NoError(t, err)
		var phase FirstCopies
		phase.Add(before, -1)
		phase.Add(after, 1)
		require.Equal(t, 100, phase.Pairs())
		require.InDelta(t, 2.5, phase.Quantile(0.5), 0.01)
		require.InDelta(t, 4.95, phase.Quantile(0.99), 0.01)
	}
	none, err := parseFirstCopies("")
	require.NoError(t, err)
	require.Zero(t, none.Quantile(0.99))
}

func TestUsageGrowsWithWork(t *testing.T) {
	if _, err := os.Stat("/proc/self/statm"); err != nil {
		t.Skip("this system has no /proc")
	}
	before, err := UsageOf(os.Getpid())
	require.NoError(t, err)
	require.Greater(t, before.Resident, 1<<20)
	for deadline := time.Now().Add(30 * time.Second); ; {
		now, err := UsageOf(os.Getpid())
		require.NoError(t, err)
		if now.CPU > before.CPU {
			return
		}
		require.True(t, time.Now().Before(deadline), "the time that this loop takes is counted")
	}
}

func TestTheWorkerHasAPaceThatMayBeRaised(t *testing.T) {
	name, err := PaceVariable()
	require.NoError(t, err)
	require.Contains(t, name, "TOKENKEEPER_")
}
