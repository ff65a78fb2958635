// Package incident names what is told to the operator: an incident is one reason at one
// provider, however many accounts have it, from the first account's alert until the last
// one is well again. Temporal holds each open one as a workflow (see [Type]), so that it
// is known after every worker's restart.
//
// A [Report] says that one account has an incident, or has it no longer; [Reporter] brings
// it to the incident's workflow. A [Tally] keeps count and decides when an [Event] is due.
package incident

import (
	"slices"
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

// The reasons that are not an account's, but the fleet's. Workers watch for them.
const (
	KeysetChanged  = "KeysetChanged"  // the keyset in the vault is not to be believed, or not there
	RunsStandStill = "RunsStandStill" // workflow code cannot run
	RunsLeftBehind = "RunsLeftBehind" // runs of a version that has no worker any more
)

const (
	// ConsentEnds is the reason of an account whose consent ends within days.
	ConsentEnds = "ConsentEnds"
	// needsConsent is the failure type of a run whose account needs a consent.
	needsConsent = "ReauthorizationRequired"
)

// byAccount are the reasons that each account has for itself, as a consent, a secret, an input
// or a second workflow of its own, so that what mends one account mends no other. Of any other
// reason all accounts are mended at one place: at the provider, its client or its entry, in
// the vault, the keyset or the program.
var byAccount = []string{
	needsConsent, ConsentEnds,
	"MissingSecret", "MalformedSecret", "ForeignSecret", // those of a client are mended at one place, but told alike
	"WrongUser", "InvalidInput",
	"GenerationConflict", "GrantInDoubt", "GrantOutdated",
	"UnexpectedResult", "Unexplained", // what was done to one run, or befell it
}

// ByAccount reports whether each account of an incident has to be mended by itself, so that
// each has to be told of.
func ByAccount(reason string) bool { return slices.Contains(byAccount, reason) }

// Report says that one account has an incident, or has it no longer.
type Report struct {
	// Account is "fitbit/will"; empty for an incident of the fleet itself, such as a
	// changed keyset.
	Account string `json:"account,omitempty"`
	// SecretsOf is the other provider whose names the account's secrets have, after a move.
	SecretsOf string    `json:"secretsOf,omitempty"`
	Healed    bool      `json:"healed,omitempty"`
	Message   string    `json:"message"` // cause and fix, without secrets
	At        time.Time `json:"at"`
	Run       string    `json:"run,omitempty"` // the run that reports
	// Workflow is the id of the workflow that reports, and Schedule that of the Schedule
	// which has started it, if one has. As long as one of them goes on, the account can heal.
	Workflow string `json:"workflow,omitempty"`
	Schedule string `json:"schedule,omitempty"`
	// Urgency makes a report of an account that is known news again where it grows, as
	// the end of a consent comes nearer.
	Urgency int `json:"urgency,omitempty"`
	// Others are further accounts that have it no longer, where Healed.
	Others []string `json:"others,omitempty"`
	// Perhaps: the accounts of the end may never have had it, so that one that is not known
	// by name counts as another one.
	Perhaps bool `json:"perhaps,omitempty"`
}

// State is an open incident as its workflow's memo has it.
type State struct {
	Provider string    `json:"provider,omitempty"` // empty for an incident of the fleet itself
	Reason   string    `json:"reason"`             // a failure type, or a reason such as "CallStuck"
	Accounts int       `json:"accounts"`           // that have it now
	Since    time.Time `json:"since"`
	Message  string    `json:"message"` // of the first report
}

// Input is what the workflow starts with, and what it carries on where its history has
// become long.
type Input struct {
	Provider string `json:"provider,omitempty"`
	Reason   string `json:"reason"`
	// Receivers are the names of those who get this incident's events. Their addresses
	// and secrets are the workers' configuration, and never in a history.
	Receivers []string           `json:"receivers,omitempty"`
	Tally     Tally              `json:"tally"`
	Unsent    map[string][]Event `json:"unsent,omitempty"` // by receiver, in their order
	Checked   string             `json:"checked,omitempty"`
}

// ID is the workflow id of an incident. A task queue, which is one vault, has its own.
func ID(taskQueue, provider, reason string) string {
	return strings.Join([]string{taskQueue, "incident", provider, reason}, "--")
}
