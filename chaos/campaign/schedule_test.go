package campaign

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheSameSeedKillsAtTheSameTimes(t *testing.T) {
	lives := schedule(7, 100)
	require.Equal(t, lives, schedule(7, 100))
	require.Equal(t, lives[:50], schedule(7, 50), "a shorter campaign is the beginning of a longer one")
	require.NotEqual(t, lives, schedule(8, 100))
	for _, life := range lives {
		require.GreaterOrEqual(t, life, shortestLife)
		require.Less(t, life, longestLife)
	}
}

func TestTheProvidersClockCanRunFaster(t *testing.T) {
	start := time.Now().Add(-10 * time.Second)
	c := clock{start, 360}
	require.WithinDuration(t, start.Add(time.Hour), c.now(), 10*time.Minute)
	require.Equal(t, start.Add(10*time.Second), c.wall(start.Add(time.Hour)))
}
