package lab

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/config"
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

func TestFirstCopiesOfAPhaseAreTheDifferenceOfTwoReadings(t *testing.T) {
	page := func(upTo5, upTo20, all int) string {
		return fmt.Sprintf(`# TYPE tokenkeeper_first_copy_seconds histogram
tokenkeeper_first_copy_seconds_bucket{where="history",le="0.005"} %[1]d
tokenkeeper_first_copy_seconds_bucket{where="history",le="0.02"} %[2]d
tokenkeeper_first_copy_seconds_bucket{where="history",le="+Inf"} %[3]d
tokenkeeper_first_copy_seconds_sum{where="history"} 1
tokenkeeper_first_copy_seconds_count{where="history"} %[3]d
`, upTo5, upTo20, all)
	}
	before, err := parseFirstCopies(page(0, 100, 100))
	require.NoError(t, err)
	after, err := parseFirstCopies(page(100, 200, 200))
	require.NoError(t, err)
	var phase FirstCopies
	phase.Add(before, -1)
	phase.Add(after, 1)
	require.InDelta(t, 2.5, phase.Quantile(0.5), 0.01, "milliseconds")
	require.InDelta(t, 4.95, phase.Quantile(0.99), 0.01)
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
	require.True(t, slices.ContainsFunc(config.WorkerVariables(), func(v config.Variable) bool { return v.Name == PaceVariable }))
}
