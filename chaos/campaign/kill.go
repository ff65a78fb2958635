package campaign

import (
	"context"
	"fmt"
	"time"

	"tokenkeeper/internal/testenv"
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
	c.say("no more kills; waiting until everything is healed")
	return err
}

// measure asks a worker what it has measured, which dies with it.
func (c *campaign) measure(w *testenv.Worker) error {
	if c.options.Target == Baseline {
		return nil // it measures nothing
	}
	return c.copies.scrape(w.HTTP)
}

// launch runs the process that refreshes.
func (c *campaign) launch() (*testenv.Worker, error) {
	return c.LaunchWorker(nil, c.target.environment()...)
}
