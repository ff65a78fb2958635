package main

import (
	"context"
	"log/slog"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"tokenkeeper/activities"
	"tokenkeeper/internal/pace"
)

// Temporal is away for the moment in which the pollers are changed.
func TestAQueueWhosePollersDidNotStartIsPolledAgain(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := closed.Addr().String()
	require.NoError(t, closed.Close())
	temporal, err := client.NewLazyClient(client.Options{HostPort: address, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	defer temporal.Close()
	q := &pacedQueues{temporal: temporal, namespace: "default", taskQueue: "q", acts: activities.New(activities.Dependencies{}),
		perSecond: 26, limiter: pace.New(26), log: slog.New(slog.DiscardHandler)}
	counted, cancel := context.WithCancel(t.Context())
	cancel() // what is counted does not matter
	for range 2 {
		require.ErrorContains(t, q.adapt(counted), "start polling q-paced")
	}
}
