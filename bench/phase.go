package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"tokenkeeper/bench/lab"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/testenv/process"
)

// phase is a load that is measured for a while.
type phase struct {
	name    string
	workers int
	load    load
	seconds float64
	// paced leaves Token Keeper's pace at its default, which keeps it below the vault's
	// quota. The others are measured without: else the quota is what is measured, and the
	// vault here has none.
	paced bool
}

// The phases of a round. An idle account's runs come one at a time, and long enough that a
// hundred pairs have a 99th percentile. At saturation each of
// the accounts is due a second after its last run, so that accounts / (1 s + a run) come:
// more than two cores finish. The steady load is what one vault takes.
func phases(o options) (all []phase) {
	if o.idle.accounts > 0 {
		all = append(all, phase{name: "idle", workers: 1, load: o.idle, seconds: 3 * o.seconds, paced: true})
	}
	for _, workers := range o.workers {
		all = append(all, phase{name: saturated(workers), workers: workers, load: load{o.accounts, time.Second}, seconds: o.seconds})
	}
	if o.steadySeconds > 0 {
		all = append(all, phase{name: steady, workers: 1, load: load{10 * steadyRate, 10 * time.Second}, seconds: o.steadySeconds})
	}
	return all
}

const (
	steady     = "steady"
	steadyRate = 15 // refreshes per second
)

func saturated(workers int) string { return fmt.Sprintf("saturation/%d", workers) }

// measured is what one phase of one round shows of one target.
type measured struct {
	Round   int    `json:"round"`
	Phase   string `json:"phase"`
	Target  string `json:"target"`
	Workers int    `json:"workers"`

	Refreshes int     `json:"refreshes"`
	Failed    int     `json:"failed"`
	PerSecond float64 `json:"per_second"`
	MedianMS  float64 `json:"median_ms"`
	P99MS     float64 `json:"p99_ms"`
	InFlight  float64 `json:"in_flight"` // on the average, by Little's law

	CPUPer1000 float64 `json:"cpu_seconds_per_1000"` // of its processes
	// Of everything else on the machine: Temporal's server with its database; and of this
	// program, which has the simulated vault and provider in it.
	ServerCPUPer1000 float64 `json:"server_cpu_seconds_per_1000"`
	LabCPUPer1000    float64 `json:"simulators_cpu_seconds_per_1000"`
	MemoryMB         float64 `json:"memory_mb"` // the median of the largest process
	MemoryMax        float64 `json:"memory_max_mb"`

	FirstCopyMedianMS float64 `json:"first_copy_median_ms,omitempty"`
	FirstCopyP99MS    float64 `json:"first_copy_p99_ms,omitempty"`

	VaultCalls float64 `json:"vault_calls,omitempty"` // per refresh, without those that only open a connection
	Events     int     `json:"events,omitempty"`      // medians, per refresh
	Bytes      int     `json:"history_bytes,omitempty"`
	Actions    int     `json:"actions,omitempty"`
	// Where a refresh's time goes: medians, by activity.
	WaitedMS map[string]float64 `json:"waited_ms,omitempty"` // for a worker
	WorkedMS map[string]float64 `json:"worked_ms,omitempty"`
	// WorkedP99MS is the same by the 99th percentile.
	WorkedP99MS map[string]float64 `json:"worked_p99_ms,omitempty"`
}

// measure runs a phase of a target.
func (b *bench) measure(ctx context.Context, round int, p phase, name string) (m measured, err error) {
	m = measured{Round: round, Phase: p.name, Target: name, Workers: p.workers}
	t := b.targets[name]
	if name == baseline && p.name != "idle" && p.name != steady {
		p.load.period = 50 * time.Millisecond // it has no server that slows it down
	}
	b.product.paced, b.product.pprof = p.paced, ""
	profiled := b.o.profiles != "" && name == product && p.name == saturated(b.o.workers[0])
	if profiled {
		ports, err := process.FreePorts(1)
		if err != nil {
			return m, err
		}
		b.product.pprof = fmt.Sprintf("127.0.0.1:%d", ports[0])
	}
	processes, err := t.launch(ctx, p.workers, p.load)
	if err != nil {
		return m, err
	}
	if err = t.begin(ctx, p.load); err != nil {
		return m, err
	}
	if err = lab.Sleep(ctx, p.load.period+b.o.warmUp); err != nil {
		return m, err
	}
	if err = t.settle(ctx); err != nil {
		return m, err
	}
	w, err := b.watch(ctx, name, processes, p, profiled)
	if err != nil {
		return m, err
	}
	if err = t.end(ctx); err != nil {
		return m, err
	}
	done, failed, err := t.took(ctx, w.from, w.to)
	if err != nil {
		return m, err
	}
	if len(done) == 0 {
		return m, fmt.Errorf("%s/%s: not one refresh in %s; its worker says:\n%s", name, p.name, w.to.Sub(w.from), tail(processes[0].Output()))
	}
	m.Refreshes, m.Failed = len(done), failed
	m.MedianMS, m.P99MS = milliseconds(lab.Median(done)), milliseconds(lab.Quantile(done, 0.99))
	m.PerSecond = lab.Round(float64(len(done))/w.to.Sub(w.from).Seconds(), 2)
	var sum time.Duration
	for _, d := range done {
		sum += d
	}
	m.InFlight = lab.Round(sum.Seconds()/w.to.Sub(w.from).Seconds(), 1)
	per1000 := func(cpu time.Duration) float64 { return lab.Round(cpu.Seconds()/float64(len(done))*1000, 2) }
	m.CPUPer1000, m.LabCPUPer1000, m.ServerCPUPer1000 = per1000(w.cpu), per1000(w.labCPU), per1000(w.busyCPU-w.cpu-w.labCPU)
	m.MemoryMB, m.MemoryMax = megabytes(lab.Median(w.memory)), megabytes(lab.Quantile(w.memory, 1))
	b.add(&m, w)
	return m, nil
}

// add adds what only some targets have.
func (b *bench) add(m *measured, w watched) {
	if m.Target != floor {
		m.VaultCalls = lab.Round(float64(w.vaultCalls)/float64(m.Refreshes), 1)
	}
	if m.Target == product {
		m.FirstCopyMedianMS, m.FirstCopyP99MS = lab.Round(w.copies.Quantile(0.5), 1), lab.Round(w.copies.Quantile(0.99), 1)
	}
	var runs []lab.Run
	switch m.Target {
	case product:
		runs = b.product.runs
	case floor:
		runs = b.floor.runs
	}
	var events, bytes, actions []int
	for _, r := range runs {
		if r.Completed {
			events, bytes, actions = append(events, r.Events), append(bytes, r.Bytes), append(actions, r.Actions)
		}
	}
	m.Events, m.Bytes, m.Actions = lab.Median(events), lab.Median(bytes), lab.Median(actions)
	m.WaitedMS = quantilesOf(runs, 0.5, func(r lab.Run) map[string]time.Duration { return r.Waited })
	worked := func(r lab.Run) map[string]time.Duration { return r.Worked }
	m.WorkedMS, m.WorkedP99MS = quantilesOf(runs, 0.5, worked), quantilesOf(runs, 0.99, worked)
}

// quantilesOf is a quantile of each step over the runs that ended well.
func quantilesOf(runs []lab.Run, q float64, steps func(lab.Run) map[string]time.Duration) map[string]float64 {
	all := map[string][]time.Duration{}
	for _, r := range runs {
		if r.Completed {
			for name, d := range steps(r) {
				all[name] = append(all[name], d)
			}
		}
	}
	quantiles := map[string]float64{}
	for name, values := range all {
		quantiles[name] = milliseconds(lab.Quantile(values, q))
	}
	return quantiles
}

// watched is what is seen of a target from outside while it is measured.
type watched struct {
	from, to   time.Time
	cpu        time.Duration // of the target's processes
	labCPU     time.Duration // of this one
	busyCPU    time.Duration // of the whole machine
	memory     []int
	copies     lab.FirstCopies
	vaultCalls int
}

const sampleEvery = 500 * time.Millisecond

// watch looks at a target's processes for as long as the phase lasts.
func (b *bench) watch(ctx context.Context, name string, processes []*process.Process, p phase, profiled bool) (w watched, err error) {
	total := func() (sum lab.Usage, err error) {
		for _, p := range processes {
			u, err := lab.UsageOf(p.PID())
			if err != nil {
				return sum, fmt.Errorf("%w; it says:\n%s", err, tail(p.Output()))
			}
			sum.CPU += u.CPU
			sum.Resident = max(sum.Resident, u.Resident)
		}
		return sum, nil
	}
	copies := func(times float64) error {
		if name != product {
			return nil
		}
		f, err := b.product.firstCopies(ctx)
		w.copies.Add(f, times)
		return err
	}
	before, err := total()
	if err != nil {
		return w, err
	}
	if err = copies(-1); err != nil {
		return w, err
	}
	around := func(times time.Duration) error {
		own, err := lab.UsageOf(os.Getpid())
		if err != nil {
			return err
		}
		busy, err := lab.BusyCPU()
		w.labCPU, w.busyCPU = w.labCPU+times*own.CPU, w.busyCPU+times*busy
		return err
	}
	if err = around(-1); err != nil {
		return w, err
	}
	w.vaultCalls = -calls(b.lab.Vault)
	w.from = time.Now()
	profile := make(chan error, 1)
	if profiled {
		go func() { profile <- b.profile(ctx, p.seconds) }()
	} else {
		profile <- nil
	}
	for end := w.from.Add(time.Duration(p.seconds * float64(time.Second))); time.Now().Before(end); {
		if err = lab.Sleep(ctx, min(sampleEvery, time.Until(end))); err != nil {
			return w, err
		}
		u, err := total()
		if err != nil {
			return w, err
		}
		w.memory = append(w.memory, u.Resident)
		w.cpu = u.CPU - before.CPU
	}
	w.to = time.Now()
	if err = around(1); err != nil {
		return w, err
	}
	w.vaultCalls += calls(b.lab.Vault)
	if err = copies(1); err != nil {
		return w, err
	}
	return w, <-profile
}

// calls counts the vault's authenticated calls.
func calls(v *keyvault.Server) (n int) {
	for op, times := range v.Counts().ByOperation {
		if op != keyvault.OpChallenge {
			n += times
		}
	}
	return n
}

// profile writes a CPU profile of the Temporal server, where it serves any, and of Token
// Keeper's first worker a CPU and then a heap profile.
func (b *bench) profile(ctx context.Context, seconds float64) error {
	write := func(name, url string) error {
		page, err := lab.Get(ctx, url)
		if err != nil {
			return fmt.Errorf("profile %s: %w", name, err)
		}
		return os.WriteFile(filepath.Join(b.o.profiles, name), []byte(page), 0o600)
	}
	cpu := fmt.Sprintf("/profile?seconds=%d", max(1, int(seconds)-1))
	ofServer := make(chan error, 1)
	go func() {
		if server := b.lab.Temporal.Profiles(); server != "" {
			ofServer <- write("server-cpu.pprof", server+cpu)
			return
		}
		ofServer <- nil
	}()
	worker := "http://" + b.product.pprof + "/debug/pprof"
	err := write("cpu.pprof", worker+cpu)
	if err == nil {
		err = write("heap.pprof", worker+"/heap")
	}
	return errors.Join(err, <-ofServer)
}

func milliseconds(d time.Duration) float64 { return lab.Round(d.Seconds()*1000, 1) }
func megabytes(bytes int) float64          { return lab.Round(float64(bytes)/(1<<20), 1) }

func tail(text string) string { return text[max(0, len(text)-2000):] }
