package main

import (
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"tokenkeeper/bench/lab"
)

// report is the result. Sum adds the medians over all rounds, and the goals.
type report struct {
	At          time.Time            `json:"at"`
	Machine     string               `json:"machine"`
	Server      string               `json:"server"`
	Rounds      int                  `json:"rounds"`
	Accounts    int                  `json:"accounts_at_saturation"`
	Sizes       map[string]int       `json:"binary_bytes"`
	FirstPollMS map[string][]float64 `json:"first_poll_ms"`
	Summary     []measured           `json:"summary"` // medians over the rounds, and sums of what is counted
	Goals       []goal               `json:"goals"`
	Measured    []measured           `json:"measured"`
}

// goal is one that the report passes or misses.
type goal struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Most  float64 `json:"most,omitempty"`
	Least float64 `json:"least,omitempty"`
	Unit  string  `json:"unit,omitempty"`
	Met   bool    `json:"met"`
}

// of is the median over all rounds of one figure of a phase and target.
func (r *report) of(phase, target string, figure func(measured) float64) (float64, bool) {
	var values []float64
	for _, m := range r.Measured {
		if m.Phase == phase && m.Target == target {
			values = append(values, figure(m))
		}
	}
	return lab.Median(values), len(values) > 0
}

// ratio is the median over the rounds of a figure beside the floor's of the same round.
func (r *report) ratio(phase string, figure func(measured) float64) (float64, bool) {
	var values []float64
	for _, m := range r.Measured {
		for _, f := range r.Measured {
			if m.Phase == phase && f.Phase == phase && m.Round == f.Round && m.Target == product && f.Target == floor {
				values = append(values, figure(m)/figure(f))
			}
		}
	}
	return lab.Median(values), len(values) > 0
}

func median(m measured) float64    { return m.MedianMS }
func perSecond(m measured) float64 { return m.PerSecond }
func copyP99(m measured) float64   { return m.FirstCopyP99MS }
func memory(m measured) float64    { return m.MemoryMB }

// sum computes what follows from what was measured.
func (r *report) sum() {
	r.Summary, r.Goals = nil, nil
	var names []string
	for _, m := range r.Measured {
		if !slices.Contains(names, m.Phase) {
			names = append(names, m.Phase)
		}
	}
	for _, phase := range names {
		for _, target := range order {
			if s, ok := r.summaryOf(phase, target); ok {
				r.Summary = append(r.Summary, s)
			}
		}
	}
	at := func(name, unit string, value float64, known bool, most, least float64) {
		if known {
			met := (most == 0 || value <= most) && value >= least
			r.Goals = append(r.Goals, goal{name, lab.Round(value, 3), most, least, unit, met})
		}
	}
	v, ok := r.ratio("idle", median)
	at("median of one refresh, beside the floor's", "times", v, ok, 1.3, 0)
	for _, phase := range names {
		if workers, found := strings.CutPrefix(phase, "saturation/"); found {
			v, ok = r.ratio(phase, perSecond)
			at("refreshes/s at saturation, beside the floor's, workers: "+workers, "times", v, ok, 0, 0.9)
		}
	}
	v, ok = r.of("idle", product, copyP99)
	at("first durable copy, p99, idle", "ms", v, ok, 20, 0)
	for _, phase := range names {
		if workers, found := strings.CutPrefix(phase, "saturation/"); found {
			v, ok = r.of(phase, product, copyP99)
			at("first durable copy, p99, saturation, workers: "+workers, "ms", v, ok, 50, 0)
		}
	}
	v, ok = r.of(steady, product, memory)
	at("memory of a worker at the steady load", "MB", v, ok, 60, 0)
	v, ok = r.of(steady, product, perSecond)
	at("refreshes/s at the steady load", "", v, ok, 0, steadyRate*0.98)
	v, ok = r.of(steady, product, func(m measured) float64 { return m.VaultCalls })
	at("vault calls for one refresh", "", v, ok, 7, 0)
	v, ok = r.of(steady, product, func(m measured) float64 { return float64(m.Actions) })
	at("actions for one refresh", "", v, ok, 5, 0)
	for _, s := range r.Summary {
		if s.Target == product {
			r.Goals = append(r.Goals, goal{Name: "failed refreshes, " + s.Phase, Value: float64(s.Failed), Met: s.Failed == 0})
		}
	}
	polls := r.FirstPollMS[product]
	at("start to first poll", "ms", lab.Median(polls), len(polls) > 0, 500, 0)
}

// summaryOf is the medians of a phase of a target over all rounds.
func (r *report) summaryOf(phase, target string) (s measured, ok bool) {
	figure := func(f func(measured) float64) (v float64) {
		v, ok = r.of(phase, target, f)
		return v
	}
	s = measured{
		Phase: phase, Target: target,
		PerSecond: figure(perSecond), MedianMS: figure(median), P99MS: figure(func(m measured) float64 { return m.P99MS }),
		InFlight:         figure(func(m measured) float64 { return m.InFlight }),
		CPUPer1000:       figure(func(m measured) float64 { return m.CPUPer1000 }),
		ServerCPUPer1000: figure(func(m measured) float64 { return m.ServerCPUPer1000 }), LabCPUPer1000: figure(func(m measured) float64 { return m.LabCPUPer1000 }),
		MemoryMB: figure(memory), MemoryMax: figure(func(m measured) float64 { return m.MemoryMax }),
		FirstCopyMedianMS: figure(func(m measured) float64 { return m.FirstCopyMedianMS }), FirstCopyP99MS: figure(copyP99),
		VaultCalls: figure(func(m measured) float64 { return m.VaultCalls }),
		Events:     int(figure(func(m measured) float64 { return float64(m.Events) })),
		Bytes:      int(figure(func(m measured) float64 { return float64(m.Bytes) })),
		Actions:    int(figure(func(m measured) float64 { return float64(m.Actions) })),
	}
	for _, m := range r.Measured {
		if m.Phase == phase && m.Target == target {
			s.Workers = m.Workers
			s.Refreshes += m.Refreshes
			s.Failed += m.Failed
		}
	}
	return s, ok
}

// steps says where the time of a refresh goes, by the medians of the last round.
func (r *report) steps() string {
	var b strings.Builder
	b.WriteString("\nmedians of the last round, ms: waited for a worker + worked (p99 of the latter)\n")
	for _, m := range r.Measured {
		if m.Round != r.Rounds || len(m.WorkedMS) == 0 {
			continue
		}
		fmt.Fprintf(&b, "%-13s %-11s", m.Phase, m.Target)
		for _, name := range slices.Sorted(maps.Keys(m.WorkedMS)) {
			fmt.Fprintf(&b, "  %s %.0f + %.0f (%.0f)", name, m.WaitedMS[name], m.WorkedMS[name], m.WorkedP99MS[name])
		}
		b.WriteString("\n")
	}
	return b.String() + "\n"
}

// table is the result for a terminal.
func (r *report) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s, %s, %s; medians of %d rounds\n\n", r.At.Format(time.DateOnly), r.Server, r.Machine, r.Rounds)
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(cells ...string) { _, _ = fmt.Fprintln(t, strings.Join(cells, "\t")+"\t") }
	row("phase/workers", "", "refreshes", "failed", "per s", "median ms", "p99 ms", "in flight", "CPU s/1,000", "server's", "simulators'", "MB", "first copy p50", "p99 ms", "events", "bytes", "actions", "vault calls")
	number := func(v float64) string {
		if v == 0 {
			return "–"
		}
		return fmt.Sprintf("%.1f", v)
	}
	whole := func(v int) string { return strings.TrimSuffix(number(float64(v)), ".0") }
	for _, s := range r.Summary {
		row(s.Phase, s.Target, fmt.Sprint(s.Refreshes), fmt.Sprint(s.Failed), number(s.PerSecond), number(s.MedianMS), number(s.P99MS), number(s.InFlight), number(s.CPUPer1000), number(s.ServerCPUPer1000), number(s.LabCPUPer1000), number(s.MemoryMB),
			number(s.FirstCopyMedianMS), number(s.FirstCopyP99MS), whole(s.Events), whole(s.Bytes), whole(s.Actions), number(s.VaultCalls))
	}
	_ = t.Flush()
	b.WriteString("\n")
	for _, name := range order {
		fmt.Fprintf(&b, "%-11s program %.1f MB", name, megabytes(r.Sizes[name]))
		if polls := r.FirstPollMS[name]; len(polls) > 0 {
			fmt.Fprintf(&b, ", start to first poll %.0f ms", lab.Median(polls))
		}
		b.WriteString("\n")
	}
	b.WriteString(r.steps())
	for _, g := range r.Goals {
		verdict := "pass"
		if !g.Met {
			verdict = "MISS"
		}
		bound := fmt.Sprintf("at most %g", g.Most)
		if g.Least > 0 {
			bound = fmt.Sprintf("at least %g", g.Least)
		}
		fmt.Fprintf(&b, "%s  %-62s %9.3f %-5s (%s)\n", verdict, g.Name, g.Value, g.Unit, bound)
	}
	return b.String()
}

// machine says what it was measured on, without its name.
func machine() string {
	model := ""
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
				model = " of " + strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%d cores%s, %s, %s", runtime.NumCPU(), model, runtime.GOOS+"/"+runtime.GOARCH, runtime.Version())
}
