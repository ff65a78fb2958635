package campaign

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
)

// Report is a campaign's result.
type Report struct {
	Target   Target `json:"target"`
	Seed     uint64 `json:"seed"`
	Accounts int    `json:"accounts"`
	IDs      int    `json:"ids,omitempty"` // workflow ids for each account; absent before there could be two
	Period   string `json:"period"`        // how often an account was due
	Replay   string `json:"replay"`        // how long the provider repeats a lost answer; "0s" for never

	// What the plan has in it, which a campaign that ends by itself has done.
	PlannedKills      int `json:"planned_kills,omitempty"`
	PlannedOperations int `json:"planned_operations,omitempty"`

	Kills     int `json:"kills"`
	Outages   int `json:"outages"`   // times in which the vault took no writes
	Refreshes int `json:"refreshes"` // rotations at the provider
	Repeated  int `json:"repeated"`  // answers that the provider gave once more

	// Of a campaign with an operator, who has nothing to command at the baseline.
	Operator      bool              `json:"operator,omitempty"`
	Operations    int               `json:"operations,omitempty"` // commands that were given
	Commands      map[Operation]int `json:"commands,omitempty"`   // of them, those that took effect, by kind
	Idle          map[Operation]int `json:"idle,omitempty"`       // and those that found nothing to do
	VaultKills    int               `json:"vault_kills,omitempty"`
	TemporalKills int               `json:"temporal_kills,omitempty"`
	LostAnswers   int               `json:"lost_answers,omitempty"` // withheld by the provider after its commit
	Waits         int               `json:"waits,omitempty"`        // 429 and 503 with a Retry-After
	Ends          map[string]int    `json:"ends,omitempty"`         // of all runs: completed, cancelled, terminated, or a failure type
	Stuck         int               `json:"stuck,omitempty"`        // runs that did not end when all faults had

	// Lost are the refresh tokens of which no usable copy was left: each costs a
	// consent. What they were lost to follows.
	Lost         int `json:"lost"`
	LostOnItsWay int `json:"lost_on_its_way"`
	LostInHand   int `json:"lost_in_hand"`
	LostInOutage int `json:"lost_in_outage"`
	Unexplained  int `json:"unexplained"`
	// Of a campaign with an operator: to an answer that a fault withheld, and to a
	// kill while what would have taken the pair was away.
	LostAnswer     int `json:"lost_answer,omitempty"`
	LostRunEnded   int `json:"lost_run_ended,omitempty"`
	LostServerAway int `json:"lost_server_away,omitempty"`

	Undetected  int            `json:"undetected"` // of Lost, those for which no consent was asked
	FalseAlarms int            `json:"false_alarms"`
	Duplicated  int            `json:"duplicated_generations"`
	Regressions int            `json:"regressions"`
	Failed      map[string]int `json:"failed,omitempty"` // runs that failed otherwise, by type

	FirstCopy *FirstCopy `json:"first_copy,omitempty"` // measured by the worker; absent for the baseline
	Losses    []Loss     `json:"losses,omitempty"`
	Seconds   int        `json:"seconds"`
}

// Details explain the numbers of Line, a line each.
func (r Report) Details() []string {
	var lines []string
	if r.Repeated > 0 {
		lines = append(lines, fmt.Sprintf("%d answers repeated by the provider", r.Repeated))
	}
	if r.Lost > 0 {
		lines = append(lines, fmt.Sprintf("of the lost, %d killed while the request or the answer was on its way, %d with the answer in hand, %d while the vault took no writes, %d unexplained; %d not detected",
			r.LostOnItsWay, r.LostInHand, r.LostInOutage, r.Unexplained, r.Undetected))
	}
	if n := r.LostAnswer + r.LostRunEnded + r.LostServerAway; n > 0 {
		lines = append(lines, fmt.Sprintf("and %d whose answer was withheld, %d killed in hand when an operator had ended the run, %d killed in hand while Temporal was away",
			r.LostAnswer, r.LostRunEnded, r.LostServerAway))
	}
	if r.Operations > 0 {
		lines = append(lines, fmt.Sprintf("beside them, %d vault outages, %d kills of the vault, %d of Temporal, %d answers withheld after the commit, %d refusals with a wait",
			r.Outages, r.VaultKills, r.TemporalKills, r.LostAnswers, r.Waits),
			"commands that took effect: "+inOrder(r.Commands))
	}
	if len(r.Ends) > 0 {
		lines = append(lines, "runs ended: "+inOrder(r.Ends))
	}
	if f := r.FirstCopy; f != nil {
		lines = append(lines, fmt.Sprintf("from the provider's answer to the first durable copy: median %.1f ms, p99 %.1f ms, none over %.0f ms, over %d pairs",
			f.MedianMS, f.P99MS, f.SlowestMS, f.Pairs))
	}
	return lines
}

// Line is the report in one line.
func (r Report) Line() string {
	operations := ""
	if r.Operations > 0 {
		operations = fmt.Sprintf(" %d operations,", r.Operations)
	}
	return fmt.Sprintf("chaos: %d kills,%s %d refreshes, %d tokens lost, %d duplicated generations, %d regressions",
		r.Kills, operations, r.Refreshes, r.Lost, r.Duplicated, r.Regressions)
}

// inOrder lists counts by name.
func inOrder[K ~string](counts map[K]int) string {
	var listed []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		listed = append(listed, fmt.Sprintf("%d %s", counts[name], name))
	}
	return strings.Join(listed, ", ")
}

// Explained is how many of the lost have a cause, of whatever kind.
func (r Report) Explained() int {
	return r.LostOnItsWay + r.LostInHand + r.LostInOutage + r.LostAnswer + r.LostRunEnded + r.LostServerAway + r.Unexplained
}

// Verdict is nil where Token Keeper kept its promise, and lists otherwise what it
// broke. The old worker and the baseline are there to be compared with, and promise nothing.
func (r Report) Verdict() error {
	if r.Target != TokenKeeper {
		return nil
	}
	var broken []error
	count := func(n int, what string) {
		if n > 0 {
			broken = append(broken, fmt.Errorf("%d %s", n, what))
		}
	}
	if r.Replay != time.Duration(0).String() {
		count(r.Lost, "tokens lost although the provider repeats its answers")
	}
	// Each loss has one cause, or explain was not called.
	count(r.Lost-r.Explained(), "tokens lost of which the campaign does not say how")
	count(r.Unexplained, "tokens lost outside the gap between the provider's commit and Temporal's acknowledgement")
	count(r.LostInOutage, "tokens lost because the vault took no writes for a while")
	count(r.Undetected, "tokens lost and not detected")
	count(r.FalseAlarms, "consents asked for although nothing was lost")
	count(r.Duplicated, "generations with two refresh tokens")
	count(r.Regressions, "accounts where an older refresh token lies on top of a newer one")
	count(r.Stuck, "runs that did not end although all faults had")
	for kind, n := range r.Failed {
		count(n, "runs failed as "+kind)
	}
	return errors.Join(append(broken, r.happened())...)
}

const (
	// fewCommands: in a campaign with fewer, chance may leave a kind of fault out.
	fewCommands = 50
	// manyKinds is how many kinds of commands take effect in one that is not so short.
	manyKinds = 6
)

// happened is nil where enough went on for the campaign to prove anything.
func (r Report) happened() error {
	var missing []error
	need := func(has, wanted int, what string) {
		if has < wanted {
			missing = append(missing, fmt.Errorf("the campaign proves nothing: %d %s, and at least %d are needed", has, what, wanted))
		}
	}
	need(r.Kills, r.PlannedKills, "kills")
	need(r.Refreshes, 1, "refreshes")
	if !r.Operator {
		return errors.Join(missing...)
	}
	need(r.Operations, max(r.PlannedOperations, 1), "operations")
	if r.PlannedOperations >= fewCommands {
		need(r.TemporalKills, 1, "kills of Temporal")
		need(r.VaultKills, 1, "kills of the vault")
		need(r.LostAnswers+r.Waits, 1, "calls that went wrong")
		need(len(r.Commands), manyKinds, "kinds of commands that took effect")
	}
	return errors.Join(missing...)
}

// WriteReports writes what ReadReports reads.
func WriteReports(file string, reports []Report) error {
	text, err := json.MarshalIndent(reports, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

// ReadReports reads a file of reports.
func ReadReports(file string) ([]Report, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var reports []Report
	if err := json.Unmarshal(text, &reports); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(reports) == 0 {
		return nil, fmt.Errorf("%s holds no report", file)
	}
	return reports, nil
}
