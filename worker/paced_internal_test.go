package main

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

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

// Nobody says how many workers there are, so that each keeps the share that it has.
func TestAShareWhoseWorkersCannotBeCountedStays(t *testing.T) {
	temporal, err := client.NewLazyClient(client.Options{HostPort: "127.0.0.1:1", Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	defer temporal.Close()
	limiter := pace.New(26)
	limiter.SetWorkers(10)
	q := &pacedQueues{temporal: temporal, namespace: "default", taskQueue: "q", acts: activities.New(activities.Dependencies{}),
		perSecond: 26, limiter: limiter, log: slog.New(slog.DiscardHandler)}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, q.adapt(gone))
	var pause time.Duration
	for range 60 {
		pause = limiter.Turn(2, 0)
	}
	require.Greater(t, pause, 30*time.Second, "120 versions at a tenth of the rate")
}
