package campaign

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheFirstCopiesOfAllWorkersAreAddedUp(t *testing.T) {
	var f firstCopies
	require.NoError(t, f.read(strings.NewReader(worker1)))
	require.NoError(t, f.read(strings.NewReader(worker2)))
	// 1 pair up to 5 ms, 8 from there to 10, and 1 that took longer than all bounds.
	got := f.summary()
	require.EqualValues(t, 10, got.Pairs)
	require.InDelta(t, 7.5, got.MedianMS, 0.001)
	require.InDelta(t, 10, got.P99MS, 0.001)
	require.InDelta(t, 10, got.SlowestMS, 0.001)
}

func TestWithoutAPairThereIsNoGap(t *testing.T) {
	var f firstCopies
	require.NoError(t, f.read(strings.NewReader("")))
	require.Equal(t, &FirstCopy{}, f.summary())
}

func TestAWorkerThatIsNotThereHasMeasuredNothing(t *testing.T) {
	var f firstCopies
	require.NoError(t, f.scrape("http://127.0.0.1:1"))
	require.Zero(t, f.pairs)
}

const (
	worker1 = `
# TYPE tokenkeeper_first_copy_seconds histogram
tokenkeeper_first_copy_seconds_bucket{where="history",le="0.005"} 1
tokenkeeper_first_copy_seconds_bucket{where="history",le="0.01"} 5
tokenkeeper_first_copy_seconds_bucket{where="history",le="+Inf"} 5
tokenkeeper_first_copy_seconds_sum{where="history"} 0.03
tokenkeeper_first_copy_seconds_count{where="history"} 5
tokenkeeper_first_copy_seconds_bucket{where="vault",le="0.005"} 0
tokenkeeper_first_copy_seconds_bucket{where="vault",le="0.01"} 0
tokenkeeper_first_copy_seconds_bucket{where="vault",le="+Inf"} 1
tokenkeeper_first_copy_seconds_sum{where="vault"} 9
tokenkeeper_first_copy_seconds_count{where="vault"} 1
`
	worker2 = `
# TYPE other_total counter
other_total 7
# TYPE tokenkeeper_first_copy_seconds histogram
tokenkeeper_first_copy_seconds_bucket{where="history",le="0.005"} 0
tokenkeeper_first_copy_seconds_bucket{where="history",le="0.01"} 4
tokenkeeper_first_copy_seconds_bucket{where="history",le="+Inf"} 4
tokenkeeper_first_copy_seconds_sum{where="history"} 0.03
tokenkeeper_first_copy_seconds_count{where="history"} 4
`
)
