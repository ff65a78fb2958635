package main

import (
	"context"

	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/incident"
	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/telemetry"
	"tokenkeeper/workflows"
)

// watched is what the monitors of a worker look at and report to.
type watched struct {
	setup
	client     client.Client
	attributes workflows.Attributes
	incidents  *incident.Reporter
	keyring    *seal.Keyring
	telemetry  *telemetry.Telemetry
	health     *health
}

// startMonitors starts what watches the worker's surroundings, none of which a run can do
// for itself. The returned function stops all of them.
func startMonitors(ctx context.Context, on watched) (stop func()) {
	namespace, taskQueue, log := on.Temporal.Namespace, on.TaskQueue, on.telemetry.Log
	fleetWide := func(reason string) *fleetIncident { return newFleetIncident(on.incidents, reason, log) }
	var stops []func()
	for _, monitor := range []interface{ start(context.Context) func() }{
		&deploymentMonitor{temporal: on.client, deployment: on.Deployment, namespace: namespace, taskQueue: taskQueue, incident: fleetWide(incident.RunsLeftBehind), log: log},
		&stallMonitor{temporal: on.client, deployment: on.Deployment, namespace: namespace, taskQueue: taskQueue, metrics: on.telemetry, incident: fleetWide(incident.RunsStandStill), log: log},
		&overdueMonitor{temporal: on.client, attributes: on.attributes, namespace: namespace, taskQueue: taskQueue, after: workflows.OverdueAfter, log: log},
		&keysetMonitor{keyring: on.keyring, metrics: on.telemetry, incident: fleetWide(incident.KeysetChanged), log: log},
		&reachMonitor{ask: askTemporal(on.client, on.Temporal.HostPort, namespace), health: on.health, log: log},
		&fleetMonitor{temporal: on.client, taskQueue: taskQueue, metrics: on.telemetry, log: log},
	} {
		stops = append(stops, monitor.start(ctx))
	}
	stops = append(stops, watchCertificate(ctx, on.Vault.CertificateEnds, log))
	return func() {
		for _, stop := range stops {
			stop()
		}
	}
}
