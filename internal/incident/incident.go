// Package incident names what is told to the operator: an incident is one reason at one
// provider, however many accounts have it, from the first account's alert until the last
// one is well again. Temporal holds each open one as a workflow (see [Type]), so that it
// is known after every worker's restart.
package incident

import (
	"strings"
	"time"
)

const (
	// Type is the registered name of the workflow that holds one open incident.
	Type = "TokenIncident"
	// Change is the signal of a [Report], sent with start.
	Change = "change"
	// Memo is the key of the memo that has the incident's [State].
	Memo = "incident"
)

// Report says that one account has an incident, or has it no longer.
type Report struct {
	// Account is "fitbit/will"; empty for an incident of the fleet itself, such as a
	// changed keyset.
	Account string    `json:"account,omitempty"`
	Healed  bool      `json:"healed,omitempty"`
	Message string    `json:"message"` // cause and fix, without secrets
	At      time.Time `json:"at"`
	Run     string    `json:"run,omitempty"` // the run that reports
}

// State is an open incident as its workflow's memo has it.
type State struct {
	Provider string    `json:"provider,omitempty"` // empty for an incident of the fleet itself
	Reason   string    `json:"reason"`             // a failure type, or a reason such as "CallStuck"
	Accounts int       `json:"accounts"`           // that have it now
	Since    time.Time `json:"since"`
	Message  string    `json:"message"` // of the first report
}

// ID is the workflow id of an incident. A task queue, which is one vault, has its own.
func ID(taskQueue, provider, reason string) string {
	return strings.Join([]string{taskQueue, "incident", provider, reason}, "--")
}
