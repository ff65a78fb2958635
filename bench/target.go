package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"tokenkeeper/bench/lab"
	"tokenkeeper/internal/testenv/process"
	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

// The targets, by the names that the report has for them.
const (
	product  = "tokenkeeper"
	floor    = "floor"
	baseline = "baseline"
)

// target is a program that is measured.
type target interface {
	// launch starts so many of its processes for a load.
	launch(ctx context.Context, workers int, l load) ([]*process.Process, error)
	// begin has the load come, spread over its period.
	begin(ctx context.Context, l load) error
	// settle waits until every account has had its first run.
	settle(ctx context.Context) error
	// took are the times at work of what ended well within a span, and how many did not.
	took(ctx context.Context, from, to time.Time) (done []time.Duration, failed int, err error)
	// end stops the load and the processes.
	end(ctx context.Context) error
}

// load is so many accounts, each due again a period after its last refresh.
type load struct {
	accounts int
	period   time.Duration
}

func (l load) expression() string { return "@every " + l.period.String() }

// fleet is a target whose runs are Temporal's.
type fleet struct {
	lab       *lab.Lab
	chains    []lab.Chain
	processes []*process.Process
	runs      []lab.Run // of the last span that was asked for
}

func (f *fleet) took(ctx context.Context, from, to time.Time) (done []time.Duration, failed int, err error) {
	f.runs, err = f.lab.Runs(ctx, f.chains, from, to)
	for _, r := range f.runs {
		if !r.Completed {
			failed++
			continue
		}
		done = append(done, r.Took())
	}
	return done, failed, err
}

func (f *fleet) settle(ctx context.Context) error { return f.lab.AwaitFirstRuns(ctx, f.chains) }

func (f *fleet) end(ctx context.Context) error {
	if err := f.lab.StopCrons(ctx, f.chains); err != nil {
		return err
	}
	return stopAll(f.processes)
}

func stopAll(processes []*process.Process) error {
	for _, p := range processes {
		if err := p.Stop(process.StopWithin); err != nil {
			return err
		}
	}
	return nil
}

// productTarget is Token Keeper's worker.
type productTarget struct {
	fleet
	urls  []string // of the workers' health and metrics
	paced bool     // it keeps the pace that it has by default
	pprof string   // where its first worker serves profiles; empty for none
}

func (p *productTarget) launch(ctx context.Context, workers int, _ load) ([]*process.Process, error) {
	p.processes, p.urls = nil, nil
	for i := range workers {
		env := p.environment(i)
		w, err := p.lab.StartWorker(ctx, nil, env...)
		if err != nil {
			return nil, err
		}
		p.processes, p.urls = append(p.processes, w.Process), append(p.urls, w.HTTP)
	}
	return p.processes, nil
}

// unpaced is a pace that nothing on one machine reaches, so that it is not the vault's
// quota that is measured.
const unpaced = "10000"

func (p *productTarget) environment(i int) (env []string) {
	env = append(env, "TOKENKEEPER_LOG_LEVEL=warn")
	if !p.paced {
		env = append(env, lab.PaceVariable+"="+unpaced)
	}
	if p.pprof != "" && i == 0 {
		env = append(env, "TOKENKEEPER_PPROF="+p.pprof)
	}
	return env
}

func (p *productTarget) begin(ctx context.Context, l load) (err error) {
	var crons []lab.Cron
	for i := range l.accounts {
		a := token.Account{Provider: token.DefaultProvider, Name: fmt.Sprintf("bench-%d", i)}
		crons = append(crons, lab.Cron{ID: workflows.ID(a), TaskQueue: p.lab.TaskQueue(), Workflow: workflows.Type,
			Expression: l.expression(), Input: workflows.Input{Account: a.Name}})
	}
	p.chains, err = p.lab.StartCrons(ctx, crons, l.period)
	return err
}

// firstCopies adds up the workers' histograms.
func (p *productTarget) firstCopies(ctx context.Context) (sum lab.FirstCopies, err error) {
	for _, url := range p.urls {
		f, err := lab.ScrapeFirstCopies(ctx, url)
		if err != nil {
			return sum, err
		}
		sum.Add(f, 1)
	}
	return sum, nil
}

// floorTarget is the workflow whose activities do nothing.
type floorTarget struct {
	fleet
	binary, queue string
}

func (f *floorTarget) launch(_ context.Context, workers int, _ load) ([]*process.Process, error) {
	f.processes = nil
	env := append(os.Environ(), "TEMPORAL_ADDRESS="+f.lab.Temporal.Address(), "TEMPORAL_CONFIG_FILE="+os.DevNull, "FLOOR_TASK_QUEUE="+f.queue)
	for range workers {
		w, err := process.Run("the floor's worker", f.binary, nil, env, nil)
		if err != nil {
			return nil, err
		}
		f.processes = append(f.processes, w)
	}
	return f.processes, nil
}

func (f *floorTarget) begin(ctx context.Context, l load) (err error) {
	var crons []lab.Cron
	for i := range l.accounts {
		crons = append(crons, lab.Cron{ID: fmt.Sprintf("floor-%d", i), TaskQueue: f.queue, Workflow: "Floor", Expression: l.expression()})
	}
	f.chains, err = f.lab.StartCrons(ctx, crons, l.period)
	return err
}

// baselineTarget is the article's way: a process with a timer for each account, that
// loads, calls and sets. It keeps nothing but what is in the vault.
type baselineTarget struct {
	lab       *lab.Lab
	binary    string
	processes []*process.Process
}

// launch divides the accounts among the processes: two that refresh one account would
// spend each other's token. Its users consent anew each time, because a process that is
// stopped may have lost a token.
func (b *baselineTarget) launch(_ context.Context, workers int, l load) ([]*process.Process, error) {
	b.processes = nil
	for w := range workers {
		var names []string
		for i := w; i < l.accounts; i += workers {
			names = append(names, fmt.Sprintf("base-%d", i))
			if err := b.lab.CreateAccount(names[len(names)-1]); err != nil {
				return nil, err
			}
		}
		env := b.lab.Environment("BASELINE_TOKEN_URL="+b.lab.Provider.URL()+b.lab.Provider.Imitates().TokenPath,
			"BASELINE_ACCOUNTS="+strings.Join(names, ","), "BASELINE_PERIOD="+l.period.String())
		p, err := process.Run("the baseline", b.binary, nil, env, nil)
		if err != nil {
			return nil, err
		}
		b.processes = append(b.processes, p)
	}
	return b.processes, nil
}

func (b *baselineTarget) begin(context.Context, load) error { return nil }
func (b *baselineTarget) settle(context.Context) error      { return nil }

func (b *baselineTarget) took(_ context.Context, from, to time.Time) (done []time.Duration, failed int, err error) {
	for _, p := range b.processes {
		lines := bufio.NewScanner(strings.NewReader(p.Output()))
		for lines.Scan() {
			d, ok, at := readBaseline(lines.Text())
			switch {
			case at.Before(from) || !at.Before(to):
			case ok:
				done = append(done, d)
			default:
				failed++
			}
		}
	}
	return done, failed, nil
}

func (b *baselineTarget) end(context.Context) error { return stopAll(b.processes) }

// readBaseline reads a line of the baseline's log; at is zero where it is none.
func readBaseline(line string) (took time.Duration, ok bool, at time.Time) {
	at, err := time.ParseInLocation("2006/01/02 15:04:05", line[:min(len(line), 19)], time.Local)
	if err != nil {
		return 0, false, time.Time{}
	}
	_, text, found := strings.Cut(line, " took=")
	if !found {
		return 0, false, at
	}
	took, err = time.ParseDuration(strings.Fields(text)[0])
	return took, err == nil, at
}
