package campaign

import (
	"context"
	"fmt"
	"strings"
	"time"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/internal/testenv/temporal"
)

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
	c.logf("no more kills")
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
	environment := []string{"BASELINE_TOKEN_URL=" + c.Provider.URL() + "/oauth2/token",
		"BASELINE_ACCOUNTS=" + strings.Join(names, ","), "BASELINE_PERIOD=" + c.options.period().String()}
	if c.killable != nil {
		environment = append(environment, c.killable.environment()...)
	}
	if c.options.Target == Old {
		environment = append(environment, "TOKENKEEPER_PROVIDERS="+c.oldProviders)
	}
	return c.LaunchWorker(nil, environment...)
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
		c.report.Outages++
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
	c.vault.ClearFaults()
	for _, f := range append(faults, keyvault.Fault{Kind: keyvault.Delay, DelayBefore: halfwayVault, DelayAfter: halfwayVault}) {
		c.vault.Inject(f)
	}
}

// killVault kills the vault with SIGKILL, and starts it again on its data and port.
func (c *campaign) killVault(ctx context.Context, absences []absence) error {
	if c.killable == nil {
		return nil
	}
	return eachAbsence(ctx, absences, c.killable.kill, c.killable.restart, func(o Outage) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.outages = append(c.outages, o)
		c.report.VaultKills++
	})
}

// killTemporal kills the Temporal server that all campaigns share, and starts it again
// on the same database and port.
func killTemporal(ctx context.Context, server *temporal.Server, absences []absence, campaigns []*campaign) error {
	return eachAbsence(ctx, absences, server.Kill, server.Restart, func(o Outage) {
		for _, c := range campaigns {
			c.mu.Lock()
			c.temporalAway = append(c.temporalAway, o)
			c.report.TemporalKills++
			c.mu.Unlock()
		}
	})
}

// eachAbsence kills a server at each of its times, counted from now, and starts it again.
func eachAbsence(ctx context.Context, absences []absence, kill func(), restart func(context.Context) error, record func(Outage)) error {
	start := time.Now()
	for _, a := range absences {
		if err := sleepUntil(ctx, start.Add(a.after)); err != nil {
			return err
		}
		o := Outage{From: time.Now()}
		kill()
		if err := sleepUntil(ctx, o.From.Add(a.lasts)); err != nil {
			return err
		}
		if err := restart(ctx); err != nil {
			return fmt.Errorf("start a server again that was killed: %w", err)
		}
		o.Until = time.Now()
		record(o)
	}
	return nil
}

// setProvider has the provider answer as the plan says, and moves it as far away as
// a real one is.
func (c *campaign) setProvider(answers []answer) error {
	c.Provider.ClearFaults()
	for _, a := range answers {
		a.fault.User = c.accounts[a.account].user
		if err := c.Provider.Inject(a.fault); err != nil {
			return err
		}
	}
	return c.Provider.Inject(authserver.Fault{
		Endpoint: authserver.Token, Times: authserver.EveryTime,
		DelayBefore: authserver.Duration(halfway), DelayAfter: authserver.Duration(halfway),
	})
}

// countAnswers counts the answers of the plan that were given: an account's nth call
// has met its fault once there were so many calls.
func (c *campaign) countAnswers(answers []answer) {
	calls := c.Provider.Stats().Users
	c.count(func(r *Report) {
		for _, a := range answers {
			switch {
			case calls[c.accounts[a.account].user].Calls[authserver.Token] < a.fault.Nth:
			case a.waits():
				r.Waits++
			default:
				r.LostAnswers++
			}
		}
	})
}

func sleepUntil(ctx context.Context, t time.Time) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Until(t)):
		return nil
	}
}
