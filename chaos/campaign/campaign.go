// Package campaign kills a refresher with SIGKILL at random moments, again and
// again, while many accounts are refreshed through it, and then counts what was
// lost: is the refresh token in the vault the one that the provider would take?
//
// The same provider, vault, accounts, load and schedule of kills serve for three
// targets: Token Keeper's worker, the same of a former revision, and a baseline that
// does it without Temporal. With an operator there is more: see [Options.Operations].
//
// All that is done is a plan, drawn from the seed before anything begins; the one
// thing decided later is which workflow a command meets. [Run] gives a [Report], and
// [Report.Verdict] says whether the promise was kept.
package campaign

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"time"

	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/internal/testenv/temporal"
)

// Options say what to do to what.
type Options struct {
	Target Target
	Kills  int
	// Replay is how long the provider repeats a lost answer; 0 for never.
	Replay   time.Duration
	Seed     uint64
	Accounts int
	// Outages is how often the vault takes no writes for a while; less often in a
	// campaign too short for it.
	Outages int
	// Operations is how many commands an operator gives. Where there are any, Temporal
	// and the vault are killed as well, and the provider loses answers and asks for waits.
	Operations int
	// IDs is how many workflow ids refresh each account. 0 means 1.
	IDs int

	Dir    string // for logs
	Binary string // the program to kill: the worker or the baseline
	// Temporal is a running server.
	Temporal *temporal.Server
	// TaskQueue also begins the accounts' names, so that campaigns can share a server.
	TaskQueue string
	// Progress gets a line every few seconds.
	Progress io.Writer
}

// period is how often an account is due.
func (o Options) period() time.Duration {
	perSecond := load
	if o.Operations > 0 {
		perSecond = loadBesideOperator
	}
	return time.Duration(float64(o.Accounts*o.IDs) / perSecond * float64(time.Second))
}

// patience is how long a run may go on once all faults have ended: as long as the
// longest wait that a provider has asked for, and a recovery after it.
func (o Options) patience() time.Duration {
	return max(o.window()*5/4, 2*time.Minute) + 30*time.Second
}

const (
	// load is how many accounts are due in a second, about half of what Temporal's
	// development server can take.
	load = 2.5
	// loadBesideOperator is less: an operator's commands start runs as well, and the
	// server has two workers' runs where the old worker is measured beside.
	loadBesideOperator = 1.5
	// inLife is the period that a campaign's period stands for.
	inLife = 6 * time.Hour

	// How far away the provider and the vault are: half of what a call takes,
	// before it has an effect and after.
	halfway      = 50 * time.Millisecond
	halfwayVault = 15 * time.Millisecond

	reportEvery = 10 * time.Second
	// settlesWithin bounds everything after the last kill. On an idle machine it
	// takes two minutes: an attempt that died with its worker times out after one.
	settlesWithin = 20 * time.Minute
)

// campaign is one that is going on.
type campaign struct {
	options Options
	*testenv.System
	temporal client.Client
	clock    clock
	vault    vaultServer
	killable *vaultProcess // the vault where it is killed; else nil
	// oldProviders is the providers file of the old worker.
	oldProviders string
	accounts     []*account
	target       target
	copies       firstCopies
	survivor     *testenv.Worker
	calm         <-chan struct{} // closed once the server that all campaigns share is killed no more

	mu           sync.Mutex
	kills        []Kill
	outages      []Outage // times in which the vault took no writes
	temporalAway []Outage
	alarms       []alarm // of runs that have asked for a consent
	report       Report
}

// Run runs campaigns at the same time, so that all of them meet the same machine.
// Those of one seed kill at the same moments, but for the milliseconds that a
// process takes to start and to die. The reports are in the order of the options;
// the error is the harness's, for a target's faults are in its report.
func Run(ctx context.Context, all ...Options) (reports []Report, err error) {
	var campaigns []*campaign
	defer func() {
		for _, c := range campaigns {
			err = errors.Join(err, c.stop())
		}
	}()
	for _, o := range all {
		o.IDs = max(o.IDs, 1)
		c, err := start(ctx, o)
		if err != nil {
			return nil, err
		}
		campaigns = append(campaigns, c)
	}
	group, ctx := errgroup.WithContext(ctx)
	calm := make(chan struct{})
	for _, c := range campaigns {
		c.calm = calm
		group.Go(func() error { return c.run(ctx) })
	}
	group.Go(func() error {
		defer close(calm)
		return killTemporal(ctx, all[0].Temporal, planFor(all[0]).temporal, campaigns)
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for _, c := range campaigns {
		reports = append(reports, c.report)
	}
	return reports, nil
}

// start runs what surrounds the target.
func start(ctx context.Context, o Options) (c *campaign, err error) {
	c = &campaign{options: o, clock: clock{start: time.Now(), speed: 1}}
	c.report = Report{
		Target: o.Target, Seed: o.Seed, Accounts: o.Accounts, IDs: o.IDs, Operator: o.Operations > 0, Failed: map[string]int{}, Commands: map[Operation]int{}, Idle: map[Operation]int{},
		Period: o.period().String(), Replay: o.Replay.String(), PlannedKills: o.Kills, PlannedOperations: o.Operations,
	}
	if o.Target == Baseline {
		// Its cron comes long after the provider's window has closed. Six hours
		// pass at the provider from one of its refreshes to the next.
		c.clock.speed = int(inLife / o.period())
		c.logf("the baseline refreshes every %s, which stands for %s, at the provider as well", o.period(), inLife)
	}
	replay := o.Replay
	if replay == 0 {
		replay = authserver.NoReplay
	}
	c.System, err = testenv.Start(ctx, testenv.Options{
		Dir: o.Dir, Temporal: o.Temporal, WorkerBinary: o.Binary, TaskQueue: o.TaskQueue,
		Provider: authserver.Options{ReplayWindow: replay, Now: c.clock.now},
	})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.stop())
		}
	}()
	if c.temporal, err = c.Temporal.Dial(); err != nil {
		return nil, err
	}
	if err = c.openVault(ctx); err != nil {
		return nil, err
	}
	if c.oldProviders, err = providersForOld(filepath.Join(o.Dir, "providers.yaml")); err != nil {
		return nil, err
	}
	for i := range o.Accounts {
		name := fmt.Sprintf("%s-%d", o.TaskQueue, i+1)
		a := &account{name: name, user: testenv.UserOf(name)}
		for i := range o.IDs {
			a.flows = append(a.flows, &flow{id: flowID(name, i)})
		}
		if err = c.consent(a); err != nil {
			return nil, err
		}
		c.accounts = append(c.accounts, a)
	}
	if err = c.setProvider(planFor(o).answers); err != nil {
		return nil, err
	}
	c.target = &workflowTarget{campaign: c}
	if o.Target == Baseline {
		c.target = &baselineTarget{c}
	}
	return c, nil
}

// openVault has the vault in this process, or in one of its own where it is killed,
// as far away as a real one is.
func (c *campaign) openVault(ctx context.Context) error {
	c.vault = c.Vault
	if c.options.Operations > 0 {
		process, err := startVault(ctx, c.options.Dir)
		if err != nil {
			return err
		}
		c.vault, c.killable = process, process
		const credentials = "FitbitCredentials"
		if _, err := c.vault.Put(credentials, c.Vault.Versions(credentials)[0].Value); err != nil {
			return err
		}
	}
	c.setVault()
	return nil
}

// flowID is an account's first or second workflow id.
func flowID(account string, i int) string {
	if i == 0 {
		return "refresh-" + account
	}
	return fmt.Sprintf("refresh-%s-%d", account, i+1)
}

// run kills, heals and audits.
func (c *campaign) run(ctx context.Context) error {
	began, todo := time.Now(), planFor(c.options)
	ctx, cancel := context.WithTimeout(ctx, todo.lasts+settlesWithin)
	var reporting sync.WaitGroup
	reporting.Go(func() { c.reportProgress(ctx) })
	defer reporting.Wait()
	defer cancel()

	enough := make(chan struct{})
	group, atWork := errgroup.WithContext(ctx)
	group.Go(func() error { return c.target.work(atWork, enough) })
	group.Go(func() error {
		defer close(enough)
		return c.doHarm(atWork, todo)
	})
	if err := group.Wait(); err != nil {
		return fmt.Errorf("refresh %d accounts: %w", len(c.accounts), err)
	}
	c.logf("healed; refreshing every account once more")
	if err := c.target.settle(ctx); err != nil {
		return fmt.Errorf("refresh every account once more: %w", err)
	}
	if err := c.audit(ctx); err != nil {
		return err
	}
	c.judgeAlarms()
	var slowest time.Duration
	if c.options.Target != Baseline {
		c.report.FirstCopy = c.copies.summary()
		slowest = time.Duration(c.report.FirstCopy.SlowestMS * float64(time.Millisecond))
	}
	c.explain(slowest)
	c.report.Seconds = int(time.Since(began).Seconds())
	return nil
}

// doHarm carries out the plan. When it returns, all faults have ended.
func (c *campaign) doHarm(ctx context.Context, todo plan) error {
	harm, atWork := errgroup.WithContext(ctx)
	harm.Go(func() error { return c.killAll(atWork, todo.lives) })
	harm.Go(func() error { return c.failVault(atWork, todo.outages) })
	harm.Go(func() error { return c.killVault(atWork, todo.vault) })
	harm.Go(func() error { return c.target.operate(atWork, todo.commands) })
	if err := harm.Wait(); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-c.calm:
	}
	c.countAnswers(todo.answers)
	c.logf("no more faults; waiting until everything is healed")
	return c.setProvider(nil)
}

func (c *campaign) stop() error {
	if c.temporal != nil {
		c.temporal.Close()
	}
	err := c.System.Stop() // the worker first: it may still hold a pair for the vault
	if c.killable != nil {
		err = errors.Join(err, c.killable.stop())
	}
	return err
}

// count changes the report.
func (c *campaign) count(change func(*Report)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.report)
}

// tally brings the report's counts up to date and returns it as it is now.
func (c *campaign) tally() Report {
	answers := c.Provider.Stats().Total
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report.Kills = len(c.kills)
	c.report.Refreshes, c.report.Repeated = answers.Refreshes, answers.Replays
	return c.report
}

func (c *campaign) reportProgress(ctx context.Context) {
	ticker := time.NewTicker(reportEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			r := c.tally()
			c.logf("%d of %d kills, %d refreshes, %d answers repeated, %d tokens lost", r.Kills, c.options.Kills, r.Refreshes, r.Repeated, r.Lost)
		}
	}
}

func (c *campaign) logf(format string, args ...any) {
	_, _ = fmt.Fprintf(c.options.Progress, "chaos: %s: "+format+"\n", append([]any{c.options.Target}, args...)...)
}
