package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/telemetry"
)

// blindTemporal refuses to count, as a server does whose visibility is away.
type blindTemporal struct{ client.Client }

func (blindTemporal) CountWorkflow(context.Context, *workflowservice.CountWorkflowExecutionsRequest) (*workflowservice.CountWorkflowExecutionsResponse, error) {
	return nil, errors.New("visibility is away")
}

// shown is what the metrics show of the fleet.
type shown struct {
	known bool
	fleet telemetry.Fleet
}

func (s *shown) FleetRead(_ context.Context, f telemetry.Fleet) { *s = shown{true, f} }
func (s *shown) FleetUnknown()                                  { *s = shown{} }

func TestAFleetThatCannotBeReadIsNotShownAndLoggedOnce(t *testing.T) {
	var out bytes.Buffer
	metrics := &shown{known: true}
	m := &fleetMonitor{temporal: blindTemporal{}, taskQueue: "token-refresh", metrics: metrics, log: slog.New(slog.NewTextHandler(&out, nil))}
	m.check(t.Context())
	m.check(t.Context())
	require.False(t, metrics.known)
	require.Equal(t, 1, strings.Count(out.String(), "cannot read the fleet's health from Temporal"))
	require.Contains(t, out.String(), "visibility is away")
}

func TestAWorkerThatStopsShowsWhatItShowedLast(t *testing.T) {
	metrics := &shown{known: true}
	m := &fleetMonitor{temporal: blindTemporal{}, taskQueue: "token-refresh", metrics: metrics, log: slog.New(slog.DiscardHandler)}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	m.check(ctx)
	require.True(t, metrics.known)
}
