package campaign

import (
	"errors"
	"fmt"
	"time"

	"tokenkeeper/internal/token"
)

// Report is what a campaign came to.
type Report struct {
	Target   Target `json:"target"`
	Seed     uint64 `json:"seed"`
	Accounts int    `json:"accounts"`
	// Period is how often an account was due.
	Period string `json:"period"`
	// Replay is how long the provider repeats a lost answer; "0s" for never.
	Replay string `json:"replay"`

	Kills int `json:"kills"`
	// Outages is how often the vault took no writes for a while.
	Outages int `json:"outages"`
	// Refreshes are the rotations at the provider.
	Refreshes int `json:"refreshes"`
	// Repeated are the answers that the provider gave once more.
	Repeated int `json:"repeated"`
	// Lost are the refresh tokens that nobody had any more, each at the cost of
	// a person's consent.
	Lost int `json:"lost"`
	// What they were lost to: each of Lost is one of these.
	LostOnItsWay int `json:"lost_on_its_way"`
	LostInHand   int `json:"lost_in_hand"`
	LostInOutage int `json:"lost_in_outage"`
	Unexplained  int `json:"unexplained"`
	// Undetected are those of Lost of which nobody was told.
	Undetected  int `json:"undetected"`
	FalseAlarms int `json:"false_alarms"`
	Duplicated  int `json:"duplicated_generations"`
	Regressions int `json:"regressions"`
	// Failed counts the runs that failed otherwise, by type.
	Failed map[string]int `json:"failed,omitempty"`

	// FirstCopy is measured by the worker; absent for the baseline.
	FirstCopy *FirstCopy `json:"first_copy,omitempty"`
	Losses    []Loss     `json:"losses,omitempty"`
	Seconds   int        `json:"seconds"`
}

// Loss is one refresh token that was lost.
type Loss struct {
	Account string            `json:"account"`
	Issued  token.Fingerprint `json:"issued"`
	// KilledAfter is from the provider's commit to the next kill, in milliseconds;
	// negative where the request was still on its way.
	KilledAfter float64 `json:"killed_after_ms"`
	Cause       Cause   `json:"cause"`
	Detected    bool    `json:"detected"`

	committed time.Time
	kept      bool // somewhere other than in the vault
}

// Details are what a person wants to know beside the line, a line each.
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

// Verdict is nil where Token Keeper kept its promise, and says else what it
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
	// Each loss has one cause, or nobody has looked for it.
	count(r.Lost-r.LostOnItsWay-r.LostInHand-r.LostInOutage-r.Unexplained, "tokens lost of which the campaign does not say how")
	count(r.Unexplained, "tokens lost outside the gap between the provider's commit and Temporal's word")
	count(r.LostInOutage, "tokens lost because the vault took no writes for a while")
	count(r.Undetected, "tokens lost without anybody being told")
	count(r.FalseAlarms, "people asked to consent again although nothing was lost")
	count(r.Duplicated, "generations with two refresh tokens")
	count(r.Regressions, "accounts where an older refresh token lies on top of a newer one")
	for kind, n := range r.Failed {
		count(n, "runs failed as "+kind)
	}
	return errors.Join(broken...)
}
