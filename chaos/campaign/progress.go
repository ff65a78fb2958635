package campaign

import (
	"context"
	"fmt"
	"time"
)

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
	c.report.Kills, c.report.Outages = len(c.kills), len(c.outages)
	c.report.Refreshes, c.report.Repeated = answers.Refreshes, answers.Replays
	return c.report
}

func (c *campaign) saySometimes(ctx context.Context) {
	ticker := time.NewTicker(reportEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			r := c.tally()
			c.say("%d of %d kills, %d refreshes, %d answers repeated, %d tokens lost", r.Kills, c.options.Kills, r.Refreshes, r.Repeated, r.Lost)
		}
	}
}

func (c *campaign) say(format string, args ...any) {
	_, _ = fmt.Fprintf(c.options.Progress, "chaos: %s: "+format+"\n", append([]any{c.options.Target}, args...)...)
}
