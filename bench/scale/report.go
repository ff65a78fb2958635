package main

import (
	"fmt"
	"strings"
	"time"

	"tokenkeeper/bench/lab"
)

// The states of a run.
const (
	before = "before"
	away   = "away"
	after  = "after"
)

// sample is what is seen at a moment.
type sample struct {
	State              string  `json:"state"`
	Seconds            float64 `json:"seconds"`
	Refreshed          int     `json:"refreshed"` // so far
	Accounts           int     `json:"accounts"`  // that have been refreshed at least once
	Behind             int     `json:"behind"`    // accounts that are due for over a minute
	LagSeconds         float64 `json:"lag_seconds"`
	Requests           int     `json:"requests"` // at the token endpoint, so far
	RequestsPerSecond  float64 `json:"requests_per_second"`
	RefreshesPerSecond float64 `json:"refreshes_per_second"`
	Writes             int     `json:"secret_writes"` // so far, refused ones as well
	Throttled          int     `json:"throttled"`     // so far
	Limited            int     `json:"limited"`       // requests beyond the provider's limit, so far
	MemoryMB           float64 `json:"memory_mb"`     // of the largest worker
	CPUSeconds         float64 `json:"cpu_seconds"`   // of all workers, so far
}

// report is the result.
type report struct {
	Began    time.Time `json:"began"`
	Accounts int       `json:"accounts"`
	Provider string    `json:"provider"`
	Workers  int       `json:"workers"`
	Period   string    `json:"period"`
	Outage   string    `json:"outage"`
	Burst    bool      `json:"burst"`

	PeriodSeconds   float64   `json:"period_seconds"`
	Interrupted     bool      `json:"interrupted"`
	StartSeconds    float64   `json:"start_seconds"` // to start all crons
	PerSecond       float64   `json:"refreshes_per_second"`
	PerSecondMost   float64   `json:"refreshes_per_second_most"` // in one sample
	RequestsAway    float64   `json:"requests_per_second_away"`  // without the first minute
	RequestsMost    float64   `json:"requests_per_second_most"`
	ServedSeconds   float64   `json:"served_seconds"`   // from the end of the outage until all that waited then are refreshed; below 0: not seen
	RecoverySeconds float64   `json:"recovery_seconds"` // the same until no account is behind, also of those that came due since
	SettledSeconds  float64   `json:"settled_seconds"`  // after the end
	LagMost         float64   `json:"lag_seconds_most"`
	Unsettled       int       `json:"unsettled"` // accounts behind at the end
	Throttled       int       `json:"throttled"`
	Limited         int       `json:"limited"`
	Lost            []string  `json:"lost"`
	MemoryMB        []float64 `json:"memory_mb"`      // medians of the thirds
	MemoryBack      float64   `json:"memory_mb_back"` // three minutes after the catch-up and later; 0: not seen
	MemoryMost      float64   `json:"memory_mb_most"`
	CPUPer1000      float64   `json:"cpu_seconds_per_1000"`

	Problems []string `json:"problems"`
	Samples  []sample `json:"samples"`
}

const (
	// The growth that a worker's memory may have from the second third to the last, or
	// from before an outage to what it has once all is caught up.
	growthPart = 0.15
	growthMB   = 8
	// settled is how long after the catch-up memory is looked at again: Go gives it back to
	// the system over some minutes.
	settled = 3 * time.Minute
	// fewRequests are what a provider that is away may be asked per second.
	fewRequests = 1
	// noticed is how long workers may take until they ask it no more than that.
	noticed = time.Minute
)

// judge computes what follows from the samples, and what is not as it should be.
func (r *report) judge() {
	r.Problems = []string{}
	n := len(r.Samples)
	if n < 3 {
		r.Problems = append(r.Problems, "it ended before it had begun")
		return
	}
	last := r.Samples[n-1]
	r.Throttled, r.Limited, r.Unsettled = last.Throttled, last.Limited, last.Behind
	r.PerSecond = rate(r.Samples, func(x sample) bool { return x.State != away }, func(x sample) float64 { return x.RefreshesPerSecond })
	out, back, served, caughtUp := r.moments()
	for _, x := range r.Samples {
		r.MemoryMost = max(r.MemoryMost, x.MemoryMB)
		r.LagMost = max(r.LagMost, x.LagSeconds)
		r.RequestsMost = max(r.RequestsMost, x.RequestsPerSecond)
		r.PerSecondMost = max(r.PerSecondMost, x.RefreshesPerSecond)
	}
	noticedAt := out + min(noticed.Seconds(), (back-out)/2)
	r.RequestsAway = rate(r.Samples, func(x sample) bool { return x.State == away && x.Seconds > noticedAt }, func(x sample) float64 { return x.RequestsPerSecond })
	since := func(t float64) float64 {
		if t < 0 {
			return -1
		}
		return lab.Round(t-back, 0)
	}
	r.ServedSeconds, r.RecoverySeconds = since(served), since(caughtUp)
	then, now, seen := r.memory(caughtUp)
	if last.Refreshed > 0 {
		r.CPUPer1000 = lab.Round(last.CPUSeconds/float64(last.Refreshed)*1000, 1)
	}
	problem := func(wrong bool, format string, args ...any) {
		if wrong {
			r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
		}
	}
	problem(r.Interrupted, "it was interrupted after %.0f s, and says nothing of the rest", last.Seconds)
	problem(len(r.Lost) > 0, "%d refresh tokens are lost, such as %s", len(r.Lost), strings.Join(r.Lost[:min(3, len(r.Lost))], ", "))
	problem(r.Throttled > 0, "the vault answered 429 to %d calls", r.Throttled)
	problem(r.Limited > 0, "the provider answered 429 to %d requests beyond its limit", r.Limited)
	problem(r.Outage == ofProvider && r.RequestsAway > fewRequests, "%.2f requests a second went to the provider while it was away, where %d is enough", r.RequestsAway, fewRequests)
	problem(back >= 0 && served < 0, "the accounts that waited were not all refreshed after the outage")
	problem(r.ServedSeconds > r.PeriodSeconds, "it took %.0f s after the outage to refresh all that waited, more than the period of %.0f s", r.ServedSeconds, r.PeriodSeconds)
	problem(r.Unsettled > 0, "%d accounts were still behind at the end", r.Unsettled)
	problem(last.Accounts < r.Accounts, "%d accounts were never refreshed", r.Accounts-last.Accounts)
	problem(!seen, "it ended too early to see what memory the workers have once all is caught up")
	problem(now > then*(1+growthPart)+growthMB, "memory grew from %.1f to %.1f MB by its medians", then, now)
}

// memory gives two medians that are to be alike: of the second third and of the last one, or
// where something was away, of before and of the time after the catch-up.
func (r *report) memory(caughtUp float64) (then, now float64, seen bool) {
	var thirds [3][]float64
	var earlier, later []float64
	for i, x := range r.Samples {
		third := 3 * i / len(r.Samples)
		thirds[third] = append(thirds[third], x.MemoryMB)
		switch {
		case x.State == before:
			earlier = append(earlier, x.MemoryMB)
		case caughtUp >= 0 && x.Seconds > caughtUp+settled.Seconds():
			later = append(later, x.MemoryMB)
		}
	}
	r.MemoryMB = []float64{lab.Median(thirds[0]), lab.Median(thirds[1]), lab.Median(thirds[2])}
	switch {
	case r.Outage == none:
		return r.MemoryMB[1], r.MemoryMB[2], true
	case len(earlier) == 0 || len(later) == 0:
		return 0, 0, false
	}
	r.MemoryBack = lab.Median(later)
	return lab.Median(earlier), r.MemoryBack, true
}

// moments are when something was away first and back first, from when on no account has
// waited since before that, and from when on none has been behind; below 0 what was not seen.
func (r *report) moments() (out, back, served, caughtUp float64) {
	out, back, served, caughtUp = -1, -1, -1, -1
	for _, x := range r.Samples {
		switch {
		case x.State == away && out < 0:
			out = x.Seconds
		case x.State == after && back < 0:
			back = x.Seconds
		}
		if x.State == after && served < 0 && (x.Behind == 0 || x.LagSeconds < x.Seconds-back) {
			served = x.Seconds
		}
		switch {
		case x.State != after || x.Behind > 0:
			caughtUp = -1
		case caughtUp < 0:
			caughtUp = x.Seconds
		}
	}
	return out, back, served, caughtUp
}

// seenBack reports whether it has been seen what memory the workers have once all is caught
// up with, as far as something was away.
func (r *report) seenBack() bool {
	_, _, _, caughtUp := r.moments()
	return r.Outage == none || caughtUp >= 0 && r.Samples[len(r.Samples)-1].Seconds > caughtUp+settled.Seconds()+30
}

// rate is the mean of a rate over the samples that count, by their length.
func rate(samples []sample, counts func(sample) bool, value func(sample) float64) float64 {
	sum, seconds := 0.0, 0.0
	for i := 1; i < len(samples); i++ {
		if x := samples[i]; counts(x) {
			length := x.Seconds - samples[i-1].Seconds
			sum, seconds = sum+value(x)*length, seconds+length
		}
	}
	if seconds == 0 {
		return 0
	}
	return lab.Round(sum/seconds, 2)
}

// table is the result for a terminal.
func (r *report) table() string {
	var b strings.Builder
	row := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-52s "+format+"\n", append([]any{name}, args...)...)
	}
	row("accounts, provider, period, workers", "%d, %s, %s, %d", r.Accounts, r.Provider, r.Period, r.Workers)
	row("started in", "%.0f s", r.StartSeconds)
	row("refreshes/s, the outage aside (most in one sample)", "%.2f (%.1f)", r.PerSecond, r.PerSecondMost)
	if r.Outage != none {
		row("requests/s at the provider while the "+r.Outage+" was away", "%.2f", r.RequestsAway)
		if r.ServedSeconds >= 0 {
			row("until all that waited then were refreshed", "%.0f s", r.ServedSeconds)
		}
		if r.RecoverySeconds >= 0 {
			row("until no account was behind again", "%.0f s", r.RecoverySeconds)
		}
	}
	row("requests/s at the provider, most in one sample", "%.1f", r.RequestsMost)
	row("lag of the latest account, most", "%.0f s", r.LagMost)
	row("after the end, until no account was behind", "%.0f s", r.SettledSeconds)
	row("answers 429 of the vault, of the provider", "%d, %d", r.Throttled, r.Limited)
	row("refresh tokens lost", "%d", len(r.Lost))
	row("memory of the largest worker: medians of the thirds", "%v MB, most %.1f", r.MemoryMB, r.MemoryMost)
	if r.MemoryBack > 0 {
		row("the same once all was caught up", "%.1f MB", r.MemoryBack)
	}
	row("CPU seconds of the workers per 1,000 refreshes", "%.1f", r.CPUPer1000)
	for _, p := range r.Problems {
		b.WriteString("NOT AS IT SHOULD BE: " + p + "\n")
	}
	if r.Problems != nil && len(r.Problems) == 0 { // and it was judged
		b.WriteString("all as it should be\n")
	}
	return b.String()
}
