package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"tokenkeeper/bench/lab"
	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/testenv/process"
)

// options say what to measure.
type options struct {
	lab           lab.Options
	rounds        int
	seconds       float64 // of each phase, the steady one aside
	steadySeconds float64 // 0 leaves it out
	warmUp        time.Duration
	idle          load  // the zero value leaves it out
	accounts      int   // at saturation
	workers       []int // at saturation, one phase for each
	starts        int   // how often the time to the first poll is taken
	profiles      string
	progress      io.Writer
}

// bench is one that is going on.
type bench struct {
	o       options
	lab     *lab.Lab
	product *productTarget
	floor   *floorTarget
	targets map[string]target
	sizes   map[string]int // of the programs, bytes
}

// order is how the targets alternate in each phase of a round, so that what a machine
// does meanwhile meets all of them.
var order = []string{product, floor, baseline}

// run measures all targets and returns what it has found, also where it ends early.
func run(ctx context.Context, o options) (r report, err error) {
	b := &bench{o: o, sizes: map[string]int{}}
	if o.profiles != "" {
		if err := os.MkdirAll(o.profiles, 0o700); err != nil {
			return r, err
		}
	}
	o.lab.TaskQueue, o.lab.Progress = "bench", o.progress
	o.lab.Provider = authserver.Options{ReplayWindow: 2 * time.Minute}
	if b.lab, err = lab.Open(ctx, o.lab); err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, b.lab.Close()) }()
	if err = b.prepare(ctx); err != nil {
		return r, err
	}
	r = report{At: time.Now().UTC().Truncate(time.Second), Machine: machine(), Server: serverName(o.lab), Rounds: o.rounds, Accounts: o.accounts, Sizes: b.sizes}
	if r.FirstPollMS, err = b.firstPolls(ctx); err != nil {
		return r, err
	}
	for round := 1; round <= o.rounds; round++ {
		for _, p := range phases(o) {
			for i := range order {
				name := order[(i+round-1)%len(order)]
				m, err := b.measure(ctx, round, p, name)
				if err != nil {
					return r, fmt.Errorf("round %d, %s, %s: %w", round, p.name, name, err)
				}
				b.say("round %d %-13s %-11s %5d refreshes, %6.2f/s, median %7.1f ms, p99 %7.1f ms, CPU %5.1f s per 1,000, %5.1f MB, %d failed",
					round, p.name, name, m.Refreshes, m.PerSecond, m.MedianMS, m.P99MS, m.CPUPer1000, m.MemoryMB, m.Failed)
				r.Measured = append(r.Measured, m)
			}
		}
	}
	return r, nil
}

// prepare builds the programs and has the users consent.
func (b *bench) prepare(ctx context.Context) error {
	b.product = &productTarget{fleet: fleet{lab: b.lab}}
	b.floor = &floorTarget{fleet: fleet{lab: b.lab}, queue: "bench-floor"}
	other := &baselineTarget{lab: b.lab}
	b.targets = map[string]target{product: b.product, floor: b.floor, baseline: other}
	var err error
	b.say("building the floor and the baseline")
	if b.floor.binary, err = b.lab.Build(ctx, "tokenkeeper/bench/floor"); err != nil {
		return err
	}
	if other.binary, err = b.lab.Build(ctx, "tokenkeeper/chaos/baseline"); err != nil {
		return err
	}
	for name, path := range map[string]string{product: b.lab.Worker, floor: b.floor.binary, baseline: other.binary} {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		b.sizes[name] = int(info.Size())
	}
	most := 0
	for _, p := range phases(b.o) {
		most = max(most, p.load.accounts)
	}
	for i := range most {
		if err := b.lab.CreateAccount(fmt.Sprintf("bench-%d", i)); err != nil {
			return err
		}
	}
	return nil
}

// firstPolls takes the time from the start of a worker to its first poll, some times;
// the first of Token Keeper's also makes the keyset.
func (b *bench) firstPolls(ctx context.Context) (map[string][]float64, error) {
	all := map[string][]float64{}
	for range b.o.starts {
		for name, queue := range map[string]string{product: b.lab.TaskQueue(), floor: b.floor.queue} {
			began := time.Now()
			var p *process.Process
			switch name {
			case product:
				w, err := b.lab.LaunchWorker(nil)
				if err != nil {
					return nil, err
				}
				p = w.Process
			case floor:
				started, err := b.floor.launch(ctx, 1, load{})
				if err != nil {
					return nil, err
				}
				p = started[0]
			}
			polled, err := b.lab.FirstPoll(ctx, queue, p.PID())
			if err != nil {
				return nil, fmt.Errorf("%w; it says:\n%s", err, tail(p.Output()))
			}
			all[name] = append(all[name], milliseconds(polled.Sub(began)))
			if err := p.Stop(process.StopWithin); err != nil {
				return nil, err
			}
		}
	}
	b.say("start to first poll, ms: %v", all)
	return all, nil
}

func (b *bench) say(format string, args ...any) {
	_, _ = fmt.Fprintf(b.o.progress, "bench: "+format+"\n", args...)
}

func serverName(o lab.Options) string {
	if o.Cluster {
		return "Temporal server on PostgreSQL"
	}
	return "Temporal development server"
}
