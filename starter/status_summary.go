package main

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/api/workflowservice/v1"

	"tokenkeeper/internal/incident"
	"tokenkeeper/workflows"
)

const (
	// wholeFleet is up to how many accounts status reads each: a call or more for every one.
	wholeFleet = 1000
	// pageOfMany is how many accounts a filter shows of a larger fleet, and shownOfMany how
	// many that need attention are shown below the counts.
	pageOfMany, shownOfMany = 100, 20
)

// fleetSummary is what --summary prints as JSON. Its counts are Temporal's own, and from the
// open incidents: it reads no account.
type fleetSummary struct {
	AsOf          time.Time                `json:"asOf"`
	Accounts      int                      `json:"accounts"`
	Health        map[workflows.Health]int `json:"health"`
	Overdue       int                      `json:"overdue"`
	OldestOverdue time.Time                `json:"oldestOverdue,omitzero"`
	NextConsent   time.Time                `json:"nextConsent,omitzero"`
	Incidents     []incident.State         `json:"incidents"`
}

// needy counts the accounts that need attention.
func (s fleetSummary) needy() (n int) {
	for health, count := range s.Health {
		if Health(health).needsAttention() {
			n += count
		}
	}
	return max(n, s.Overdue)
}

func (app *temporalApp) readSummary(ctx context.Context) (*fleetSummary, error) {
	now := time.Now()
	fleet, err := workflows.ReadFleet(ctx, app.temporal, app.taskQueue, now)
	if err != nil {
		return nil, fmt.Errorf("count the accounts: %w", err)
	}
	s := &fleetSummary{now.UTC(), fleet.Accounts, fleet.Health, fleet.Overdue, fleet.OldestOverdue, fleet.NextConsent, fleet.Incidents}
	if s.Incidents == nil {
		s.Incidents = []incident.State{} // [] in JSON
	}
	if s.Health == nil {
		s.Health = map[workflows.Health]int{}
	}
	return s, nil
}

func (app *temporalApp) printSummary(s fleetSummary, now time.Time) {
	app.say("%s accounts on task queue %s:", grouped(s.Accounts), app.taskQueue)
	for _, h := range healths {
		if n := s.Health[workflows.Health(h)]; n > 0 || h.needsAttention() || h == healthy {
			app.say("  %-14s %s", h, grouped(n))
		}
	}
	if s.Overdue > 0 {
		app.say("  At work for more than %s: %s, the oldest should have begun %s.", span(workflows.OverdueAfter), grouped(s.Overdue), when(s.OldestOverdue, now))
	}
	if !s.NextConsent.IsZero() {
		app.say("  The next consent ends %s. All: %s", when(s.NextConsent, now), command("forecast"))
	}
	for _, i := range s.Incidents {
		app.say("Open since %s: %s", when(i.Since, now), incidentLine(i))
	}
}

func incidentLine(i incident.State) string {
	what := i.Reason
	if i.Provider != "" {
		what += " at " + i.Provider
	}
	if i.Accounts > 0 {
		what += fmt.Sprintf(", %s accounts", grouped(i.Accounts))
	}
	return what + ": " + i.Message
}

// isLarge reports whether there are more accounts than are looked at each.
func (app *temporalApp) isLarge(ctx context.Context, most int) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	running, err := app.temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Query: runningRefreshes})
	if err != nil || running.GetCount() > int64(most) {
		return err == nil, err
	}
	schedules, err := app.temporal.WorkflowService().CountSchedules(ctx, &workflowservice.CountSchedulesRequest{Namespace: app.namespace})
	return err == nil && running.GetCount()+schedules.GetCount() > int64(most), nil // an older server does not count Schedules
}
