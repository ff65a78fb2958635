package campaign

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"tokenkeeper/internal/token"
)

// Report is a campaign's result.
type Report struct {
	Target   Target `json:"target"`
	Seed     uint64 `json:"seed"`
	Accounts int    `json:"accounts"`
	Period   string `json:"period"` // how often an account was due
	Replay   string `json:"replay"` // how long the provider repeats a lost answer; "0s" for never

	Kills     int `json:"kills"`
	Outages   int `json:"outages"`   // times in which the vault took no writes
	Refreshes int `json:"refreshes"` // rotations at the provider
	Repeated  int `json:"repeated"`  // answers that the provider gave once more

	// Lost are the refresh tokens of which no usable copy was left: each costs a
	// consent. What they were lost to follows.
	Lost         int `json:"lost"`
	LostOnItsWay int `json:"lost_on_its_way"`
	LostInHand   int `json:"lost_in_hand"`
	LostInOutage int `json:"lost_in_outage"`
	Unexplained  int `json:"unexplained"`

	Undetected  int            `json:"undetected"` // of Lost, those for which no consent was asked
	FalseAlarms int            `json:"false_alarms"`
	Duplicated  int            `json:"duplicated_generations"`
	Regressions int            `json:"regressions"`
	Failed      map[string]int `json:"failed,omitempty"` // runs that failed otherwise, by type

	FirstCopy *FirstCopy `json:"first_copy,omitempty"` // measured by the worker; absent for the baseline
	Losses    []Loss     `json:"losses,omitempty"`
	Seconds   int        `json:"seconds"`
}

// Loss is one refresh token that was lost.
type Loss struct {
	Account     string            `json:"account"`
	Issued      token.Fingerprint `json:"issued"`
	KilledAfter float64           `json:"killed_after_ms"` // the provider's commit; negative for a request on its way
	Cause       Cause             `json:"cause"`
	Detected    bool              `json:"detected"`

	committed time.Time
	kept      bool // somewhere other than in the vault
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
	if f := r.FirstCopy; f != nil {
		lines = append(lines, fmt.Sprintf("from the provider's answer to the first durable copy: median %.1f ms, p99 %.1f ms, none over %.0f ms, over %d pairs",
			f.MedianMS, f.P99MS, f.SlowestMS, f.Pairs))
	}
	return lines
}

// Line is the report in one line.
func (r Report) Line() string {
	return fmt.Sprintf("chaos: %d kills, %d refreshes, %d tokens lost, %d duplicated generations, %d regressions",
		r.Kills, r.Refreshes, r.Lost, r.Duplicated, r.Regressions)
}

// Verdict is nil where Token Keeper kept its promise, and lists otherwise what it
// broke. The baseline promises nothing.
func (r Report) Verdict() error {
	if r.Target == Baseline {
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
	count(r.Lost-r.LostOnItsWay-r.LostInHand-r.LostInOutage-r.Unexplained, "tokens lost of which the campaign does not say how")
	count(r.Unexplained, "tokens lost outside the gap between the provider's commit and Temporal's acknowledgement")
	count(r.LostInOutage, "tokens lost because the vault took no writes for a while")
	count(r.Undetected, "tokens lost and not detected")
	count(r.FalseAlarms, "consents asked for although nothing was lost")
	count(r.Duplicated, "generations with two refresh tokens")
	count(r.Regressions, "accounts where an older refresh token lies on top of a newer one")
	for kind, n := range r.Failed {
		count(n, "runs failed as "+kind)
	}
	return errors.Join(broken...)
}

// Table is the reports side by side, in Markdown.
func Table(reports []Report) string {
	const absent = "–" // the baseline promises and measures nothing
	rows := []struct {
		heading string
		cell    func(Report) any
	}{
		{"", func(r Report) any { return string(r.Target) + ", " + r.repeats() }},
		{"---", func(Report) any { return "---" }},
		{"kills", func(r Report) any { return r.Kills }},
		{"vault outages", func(r Report) any { return r.Outages }},
		{"refreshes", func(r Report) any { return r.Refreshes }},
		{"answers repeated", func(r Report) any { return r.Repeated }},
		{"**tokens lost**", func(r Report) any { return fmt.Sprintf("**%d**", r.Lost) }},
		{"to a kill, request or answer on its way", func(r Report) any { return r.LostOnItsWay }},
		{"to a kill, answer in hand", func(r Report) any { return r.LostInHand }},
		{"to a vault outage", func(r Report) any { return r.LostInOutage }},
		{"unexplained", func(r Report) any { return r.Unexplained }},
		{"lost and not told", func(r Report) any {
			if r.Target == Baseline {
				return absent
			}
			return r.Undetected
		}},
		{"duplicated generations", func(r Report) any { return r.Duplicated }},
		{"regressions", func(r Report) any { return r.Regressions }},
		{"answer to first durable copy, median / p99", func(r Report) any {
			if r.Target == Baseline || r.FirstCopy == nil {
				return absent
			}
			return fmt.Sprintf("%.1f / %.1f ms", r.FirstCopy.MedianMS, r.FirstCopy.P99MS)
		}},
		{"seconds", func(r Report) any { return r.Seconds }},
	}
	var text strings.Builder
	for _, row := range rows {
		text.WriteString("| " + row.heading + " |")
		for _, r := range reports {
			_, _ = fmt.Fprintf(&text, " %v |", row.cell(r))
		}
		text.WriteString("\n")
	}
	return text.String()
}

// repeats is in words what the provider does about a lost answer.
func (r Report) repeats() string {
	if r.Replay == time.Duration(0).String() {
		return "never repeats"
	}
	return "repeats for " + strings.TrimSuffix(r.Replay, "0s")
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
