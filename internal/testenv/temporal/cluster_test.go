package temporal_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/testenv"
)

func TestClusterComesBackOnTheSameDatabase(t *testing.T) {
	c := testenv.OwnCluster(t)
	c.Postgres.Kill()
	c.Temporal.Kill()
	require.NoError(t, c.Postgres.Restart(t.Context()))
	require.NoError(t, c.Temporal.Restart(t.Context()))
	temporal, err := c.Temporal.Dial()
	require.NoError(t, err)
	defer temporal.Close()
	_, err = temporal.CheckHealth(t.Context(), &client.CheckHealthRequest{})
	require.NoError(t, err)
}
