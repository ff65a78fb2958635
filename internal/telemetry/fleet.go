package telemetry

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/metric"
)

// Fleet is the health of a task queue's accounts, as Temporal knows it.
type Fleet struct {
	Accounts      []Accounts
	Overdue       int
	OldestOverdue time.Time // zero for none
	NextConsent   time.Time // zero for none that is known
	Incidents     []Incident
}

// Accounts are those of one health.
type Accounts struct {
	Health string
	Count  int
}

// Incident is an open one. Provider is empty for one of the fleet itself.
type Incident struct {
	Provider, Reason string
	Accounts         int
}

// fleet holds what was read last; nil where it could not be read, because a value that is
// not known any more must not look like one that is.
type fleet struct {
	mu   sync.Mutex
	last *Fleet
}

// FleetRead shows the fleet until it is read again.
func (m *Metrics) FleetRead(_ context.Context, f Fleet) { m.fleet.set(&f) }

// FleetUnknown shows nothing of the fleet, because it cannot be read.
func (m *Metrics) FleetUnknown() { m.fleet.set(nil) }

func (f *fleet) set(read *Fleet) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last = read
}

func (f *fleet) get() (read Fleet, known bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.last == nil {
		return Fleet{}, false
	}
	return *f.last, true
}

func (f *fleet) observeAccounts(_ context.Context, o metric.Float64Observer) error {
	read, _ := f.get()
	for _, a := range read.Accounts {
		o.Observe(float64(a.Count), labels("health", a.Health))
	}
	return nil
}

func (f *fleet) observeOverdue(_ context.Context, o metric.Float64Observer) error {
	if read, known := f.get(); known {
		o.Observe(float64(read.Overdue))
	}
	return nil
}

func (f *fleet) observeOldest(_ context.Context, o metric.Float64Observer) error {
	read, _ := f.get()
	return observeTime(o, read.OldestOverdue)
}

func (f *fleet) observeConsent(_ context.Context, o metric.Float64Observer) error {
	read, _ := f.get()
	return observeTime(o, read.NextConsent)
}

func observeTime(o metric.Float64Observer, at time.Time) error {
	if !at.IsZero() {
		o.Observe(float64(at.Unix()))
	}
	return nil
}

func (f *fleet) observeIncidents(_ context.Context, o metric.Float64Observer) error {
	read, _ := f.get()
	for _, i := range read.Incidents {
		o.Observe(1, labels("provider", i.Provider, "reason", i.Reason))
	}
	return nil
}

func (f *fleet) observeAffected(_ context.Context, o metric.Float64Observer) error {
	read, _ := f.get()
	for _, i := range read.Incidents {
		o.Observe(float64(i.Accounts), labels("provider", i.Provider, "reason", i.Reason))
	}
	return nil
}
