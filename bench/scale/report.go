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

	StartSeconds    float64   `json:"start_seconds"` // to start all crons
	PerSecond       float64   `json:"refreshes_per_second"`
	PerSecondBack   float64   `json:"refreshes_per_second_most"` // of any 10 s
	RequestsAway    float64   `json:"requests_per_second_away"`
	RequestsMost    float64   `json:"requests_per_second_most"`
	RecoverySeconds float64   `json:"recovery_seconds"` // from the end of the outage until no account is behind
	SettledSeconds  float64   `json:"settled_seconds"`  // after the end
	LagMost         float64   `json:"lag_seconds_most"`
	Unsettled       int       `json:"unsettled"`
	Throttled       int       `json:"throttled"`
	Lost            []string  `json:"lost"`
	MemoryMB        []float64 `json:"memory_mb"` // medians of the thirds
	MemoryMost      float64   `json:"memory_mb_most"`
	CPUPer1000      float64   `json:"cpu_seconds_per_1000"`

	Problems []string `json:"problems"`
	Samples  []sample `json:"samples"`
}

// The growth that a worker's memory may have from the second third to the last.
const (
	growthPart = 0.15
	growthMB   = 8
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
	r.Throttled = last.Throttled
	r.PerSecond = rate(r.Samples, func(x sample) bool { return x.State != away }, func(x sample) float64 { return x.RefreshesPerSecond })
	r.RequestsAway = rate(r.Samples, func(x sample) bool { return x.State == away }, func(x sample) float64 { return x.RequestsPerSecond })
	var memory [3][]float64
	back := -1.0
	for i, x := range r.Samples {
		memory[3*i/n] = append(memory[3*i/n], x.MemoryMB)
		r.MemoryMost = max(r.MemoryMost, x.MemoryMB)
		r.LagMost = max(r.LagMost, x.LagSeconds)
		r.RequestsMost = max(r.RequestsMost, x.RequestsPerSecond)
		r.PerSecondBack = max(r.PerSecondBack, x.RefreshesPerSecond)
		if x.State == after && back < 0 {
			back = x.Seconds
		}
		if back >= 0 && r.RecoverySeconds == 0 && x.Behind == 0 {
			r.RecoverySeconds = lab.Round(x.Seconds-back, 0)
		}
	}
	r.MemoryMB = []float64{lab.Median(memory[0]), lab.Median(memory[1]), lab.Median(memory[2])}
	if last.Refreshed > 0 {
		r.CPUPer1000 = lab.Round(last.CPUSeconds/float64(last.Refreshed)*1000, 1)
	}
	problem := func(wrong bool, format string, args ...any) {
		if wrong {
			r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
		}
	}
	problem(len(r.Lost) > 0, "%d refresh tokens are lost, such as %s", len(r.Lost), strings.Join(r.Lost[:min(3, len(r.Lost))], ", "))
	problem(r.Throttled > 0, "the vault answered 429 to %d calls", r.Throttled)
	problem(r.Unsettled > 0, "%d accounts were still behind at the end", r.Unsettled)
	problem(last.Accounts < r.Accounts, "%d accounts were never refreshed", r.Accounts-last.Accounts)
	problem(r.MemoryMB[2] > r.MemoryMB[1]*(1+growthPart)+growthMB, "memory grew from %.1f to %.1f MB, by the medians of the last two thirds", r.MemoryMB[1], r.MemoryMB[2])
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
	row("refreshes/s, the outage aside (most in one sample)", "%.2f (%.1f)", r.PerSecond, r.PerSecondBack)
	if r.Outage != none {
		row("requests/s at the provider while the "+r.Outage+" was away", "%.2f", r.RequestsAway)
		row("until no account was behind again", "%.0f s", r.RecoverySeconds)
	}
	row("requests/s at the provider, most in one sample", "%.1f", r.RequestsMost)
	row("lag of the latest account, most", "%.0f s", r.LagMost)
	row("after the end, until no account was behind", "%.0f s", r.SettledSeconds)
	row("answers 429 of the vault", "%d", r.Throttled)
	row("refresh tokens lost", "%d", len(r.Lost))
	row("memory of the largest worker: medians of the thirds", "%v MB, most %.1f", r.MemoryMB, r.MemoryMost)
	row("CPU seconds of the workers per 1,000 refreshes", "%.1f", r.CPUPer1000)
	for _, p := range r.Problems {
		b.WriteString("NOT AS IT SHOULD BE: " + p + "\n")
	}
	if r.Problems != nil && len(r.Problems) == 0 { // and it was judged
		b.WriteString("all as it should be\n")
	}
	return b.String()
}
