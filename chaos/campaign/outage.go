package campaign

import (
	"context"
	"math/rand/v2"
	"time"

	"tokenkeeper/internal/sim/keyvault"
)

// Outage is a time in which the vault answered reads and took no writes, as Key
// Vault does while it fails over to another region.
type Outage struct{ From, Until time.Time }

// outageLasts is longer than azsecrets goes on trying by itself, some ten seconds.
const outageLasts = 15 * time.Second

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
		c.say("the vault takes no writes for %s", outageLasts)
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
