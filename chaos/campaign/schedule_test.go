package campaign

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheSameSeedKillsAtTheSameTimes(t *testing.T) {
	lives := schedule(7, 100, longestLife)
	require.Equal(t, lives, schedule(7, 100, longestLife))
	require.Equal(t, lives[:50], schedule(7, 50, longestLife), "a shorter campaign is the beginning of a longer one")
	require.NotEqual(t, lives, schedule(8, 100, longestLife))
	for _, life := range lives {
		require.GreaterOrEqual(t, life, shortestLife)
		require.Less(t, life, longestLife)
	}
}

func TestTheSameSeedFailsTheVaultAtTheSameTimes(t *testing.T) {
	const total = 5 * time.Minute
	begin := outages(7, 3, total)
	require.Equal(t, begin, outages(7, 3, total))
	require.NotEqual(t, begin, outages(8, 3, total))
	require.Len(t, begin, 3)
	for i, after := range begin {
		part := total / 3
		require.GreaterOrEqual(t, after, part*time.Duration(i))
		require.LessOrEqual(t, after+outageLasts, part*time.Duration(i+1), "over before the next part begins")
	}
	require.Len(t, outages(7, 3, 4*outageLasts), 2, "a short campaign has fewer")
	require.Empty(t, outages(7, 3, outageLasts))
	require.Empty(t, outages(7, 0, total))
}

func TestTheProvidersClockCanRunFaster(t *testing.T) {
	start := time.Now().Add(-10 * time.Second)
	c := clock{start, 360}
	require.WithinDuration(t, start.Add(time.Hour), c.now(), 10*time.Minute)
	require.Equal(t, start.Add(10*time.Second), c.wall(start.Add(time.Hour)))
}
