package main

import (
	"context"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"tokenkeeper/internal/telemetry"
	"tokenkeeper/workflows"
)

const (
	// fleetEvery is the least time between two readings of the fleet, and fleetJitter
	// what chance adds, so that many workers do not ask at once.
	fleetEvery, fleetJitter = 45 * time.Second, 30 * time.Second
	// fleetTimeout bounds one reading.
	fleetTimeout = 30 * time.Second
)

// fleetMonitor shows in the metrics what Temporal knows of the task queue's accounts. Every
// worker does, so that one that lives is enough, and each shows the same.
type fleetMonitor struct {
	temporal  workflows.Visibility
	taskQueue string
	metrics   interface {
		FleetRead(ctx context.Context, f telemetry.Fleet)
		FleetUnknown()
	}
	log *slog.Logger

	blind bool // the last reading failed
}

// start reads the fleet at once, and until stop is called or ctx ends.
func (m *fleetMonitor) start(ctx context.Context) (stop func()) {
	ctx, stop = context.WithCancel(ctx)
	go func() {
		for {
			m.check(ctx)
			select {
			case <-ctx.Done():
				return
			case <-time.After(fleetEvery + rand.N(fleetJitter)):
			}
		}
	}()
	return stop
}

// check reads the fleet once. Where that fails, the metrics are absent: an old value would
// look like one that holds.
func (m *fleetMonitor) check(ctx context.Context) {
	request, cancel := context.WithTimeout(ctx, fleetTimeout)
	defer cancel()
	read, err := workflows.ReadFleet(request, m.temporal, m.taskQueue, time.Now())
	switch {
	case ctx.Err() != nil:
	case err != nil:
		m.metrics.FleetUnknown()
		if !m.blind {
			m.log.WarnContext(ctx, "cannot read the fleet's health from Temporal; its metrics are absent meanwhile", "error", err)
		}
		m.blind = true
	default:
		m.blind = false
		m.metrics.FleetRead(ctx, measured(read))
	}
}

// measured is a fleet as the metrics show it.
func measured(f workflows.Fleet) telemetry.Fleet {
	m := telemetry.Fleet{Overdue: f.Overdue, OldestOverdue: f.OldestOverdue, NextConsent: f.NextConsent}
	for _, health := range slices.Sorted(maps.Keys(f.Health)) {
		m.Accounts = append(m.Accounts, telemetry.Accounts{Health: string(health), Count: f.Health[health]})
	}
	for _, i := range f.Incidents {
		m.Incidents = append(m.Incidents, telemetry.Incident{Provider: i.Provider, Reason: i.Reason, Accounts: i.Accounts})
	}
	return m
}
