package main

import (
	"context"
	"log/slog"

	"tokenkeeper/internal/incident"
)

// incidents takes what a worker's monitors see; [incident.Reporter] implements it.
type incidents interface {
	Report(ctx context.Context, provider, reason string, report incident.Report) error
}

// fleetIncident reports one incident of the fleet, which every worker sees. A worker that
// starts does not know what the one before it has reported, so that its first look reports
// what is well too; that begins nothing.
type fleetIncident struct {
	incidents incidents
	reason    string
	log       *slog.Logger

	healed bool // reported last, and nothing since
}

func newFleetIncident(to incidents, reason string, log *slog.Logger) *fleetIncident {
	return &fleetIncident{incidents: to, reason: reason, log: log}
}

// raise reports that it has begun or goes on. Monitors do so as often as they log it: an
// incident that no worker reports any more is over.
func (f *fleetIncident) raise(ctx context.Context, message string) {
	f.healed = false
	f.report(ctx, incident.Report{Message: message})
}

// heal reports, once, that it is over.
func (f *fleetIncident) heal(ctx context.Context, message string) {
	if !f.healed {
		f.healed = f.report(ctx, incident.Report{Healed: true, Message: message})
	}
}

// report has its own bound: what the monitor has read may have taken the time of its own.
func (f *fleetIncident) report(ctx context.Context, r incident.Report) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTimeout)
	defer cancel()
	err := f.incidents.Report(ctx, "", f.reason, r)
	if err != nil {
		f.log.WarnContext(ctx, "cannot report an incident; the log has it", "reason", f.reason, "error", err)
	}
	return err == nil
}
