package campaign

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/testenv"
)

// Kill is one SIGKILL: from just before it was sent until the process was gone.
type Kill struct{ At, Gone time.Time }

// Outage is a time in which the vault answered reads and took no writes, as Key
// Vault does while it fails over to another region.
type Outage struct{ From, Until time.Time }

const (
	// How long a process lives before it is killed: from less than it takes to get
	// to work, up to several refreshes.
	shortestLife = 300 * time.Millisecond
	longestLife  = 3 * time.Second

	// outageLasts is longer than azsecrets goes on trying by itself, some ten seconds.
	outageLasts = 15 * time.Second
)

// schedule draws how long each process lives. The same seed gives the same lives
// for every target.
func schedule(seed uint64, kills int) []time.Duration {
	random := rand.New(rand.NewPCG(seed, seed))
	lives := make([]time.Duration, kills)
	for i := range lives {
		lives[i] = shortestLife + time.Duration(random.Int64N(int64(longestLife-shortestLife)))
	}
	return lives
}

func sum(lives []time.Duration) (total time.Duration) {
	for _, life := range lives {
		total += life
	}
	return total
}

// outages draws when the vault's outages begin: one at random in each of n equal
// parts of the campaign. There are fewer where the parts would be too short to
// hold as much time without an outage as with one.
func outages(seed uint64, n int, total time.Duration) []time.Duration {
	n = min(n, int(total/(2*outageLasts)))
	random := rand.New(rand.NewPCG(seed, ^seed))
	begin := make([]time.Duration, n)
	for i := range begin {
		part := total / time.Duration(n)
		begin[i] = part*time.Duration(i) + time.Duration(random.Int64N(int64(part-outageLasts)))
	}
	return begin
}

// clock is the provider's. It can run faster than the wall's, so that a cron of
// seconds stands for one of hours.
type clock struct {
	start time.Time
	speed int // provider's seconds per second
}

func (c clock) now() time.Time {
	return c.start.Add(time.Since(c.start) * time.Duration(c.speed))
}

// wall is when the provider's clock showed t.
func (c clock) wall(t time.Time) time.Time {
	return c.start.Add(t.Sub(c.start) / time.Duration(c.speed))
}

// killAll runs one process after another, each for as long as it is given, and
// leaves one that lives.
func (c *campaign) killAll(ctx context.Context, lives []time.Duration) error {
	for _, life := range lives {
		doomed, err := c.launch()
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-doomed.Ended():
			return fmt.Errorf("the process ended by itself:\n%s", doomed.Output())
		case <-time.After(life):
		}
		if err := c.measure(doomed); err != nil {
			return err
		}
		k := Kill{At: time.Now()}
		doomed.Kill()
		k.Gone = time.Now()
		c.mu.Lock()
		c.kills = append(c.kills, k)
		c.mu.Unlock()
	}
	var err error
	c.survivor, err = c.launch()
	c.logf("no more kills; waiting until everything is healed")
	return err
}

// measure asks a worker what it has measured, which dies with it.
func (c *campaign) measure(w *testenv.Worker) error {
	if c.options.Target == Baseline {
		return nil // it measures nothing
	}
	return c.copies.scrape(w.HTTP)
}

// launch runs the process that refreshes. The worker ignores what is the baseline's.
func (c *campaign) launch() (*testenv.Worker, error) {
	var names []string
	for _, a := range c.accounts {
		names = append(names, a.name)
	}
	return c.LaunchWorker(nil, "BASELINE_TOKEN_URL="+c.Provider.URL()+"/oauth2/token",
		"BASELINE_ACCOUNTS="+strings.Join(names, ","), "BASELINE_PERIOD="+c.options.period().String())
}

// failVault makes the vault fail at those times, counted from now.
func (c *campaign) failVault(ctx context.Context, begin []time.Duration) error {
	start := time.Now()
	for _, after := range begin {
		if err := sleepUntil(ctx, start.Add(after)); err != nil {
			return err
		}
		o := Outage{From: time.Now()}
		o.Until = o.From.Add(outageLasts)
		c.mu.Lock()
		c.outages = append(c.outages, o)
		c.mu.Unlock()
		c.logf("the vault takes no writes for %s", outageLasts)
		c.setVault(keyvault.Fault{Kind: keyvault.ReadOnly, DelayBefore: halfwayVault, DelayAfter: halfwayVault})
		if err := sleepUntil(ctx, o.Until); err != nil {
			return err
		}
		c.setVault()
	}
	return nil
}

// setVault gives the vault its distance and these faults, the first that matches
// first.
func (c *campaign) setVault(faults ...keyvault.Fault) {
	c.Vault.ClearFaults()
	for _, f := range append(faults, keyvault.Fault{Kind: keyvault.Delay, DelayBefore: halfwayVault, DelayAfter: halfwayVault}) {
		c.Vault.Inject(f)
	}
}

func sleepUntil(ctx context.Context, t time.Time) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Until(t)):
		return nil
	}
}
