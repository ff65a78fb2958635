package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
)

// maxConcurrent bounds the calls to Temporal that are under way at a time.
const maxConcurrent = 16

// startMany starts the crons of many accounts, spread over the cron's period,
// which is each provider's own where none is given. A
// conflictError of one account leaves the others alone. Any other error would meet
// them all and ends the start, which can be repeated.
func (o *temporalApp) startMany(ctx context.Context, targets []target, cron string) error {
	var (
		mu               sync.Mutex
		started, running int
		conflicts        []error
	)
	crons := make(map[string]string) // by provider
	for _, t := range targets {
		crons[t.Provider.Name] = cmp.Or(cron, cronOf(t.Provider.Period()))
	}
	bar := newProgress(o.warnings, len(targets))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(maxConcurrent)
	for _, t := range targets {
		if groupCtx.Err() != nil {
			break
		}
		group.Go(func() error {
			ctx, cancel := context.WithTimeout(groupCtx, callTimeout)
			defer cancel()
			isNew, err := o.startCron(ctx, t, stagger(crons[t.Provider.Name], t.Account))
			mu.Lock()
			defer mu.Unlock()
			var own conflictError
			switch {
			case errors.As(err, &own):
				conflicts = append(conflicts, own)
			case err != nil:
				return fmt.Errorf("start %s: %w", t, err)
			case isNew:
				started++
			default:
				running++
			}
			bar.step()
			return nil
		})
	}
	err := group.Wait()
	bar.done()
	o.say("Accounts: %s started, %s already running, %s failed, %s in all.",
		grouped(started), grouped(running), grouped(len(conflicts)), grouped(len(targets)))
	for _, provider := range slices.Sorted(maps.Keys(crons)) {
		what := "Cron"
		if len(crons) > 1 {
			what += " at " + provider
		}
		o.field(what, cronInWords(crons[provider])+", at minutes of its own for each account")
	}
	o.field("Web UI", o.link("workflows"))
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		o.warn("%s accounts were not tried; repeat the command when what follows is mended, and it goes on with them", grouped(len(targets)-started-running-len(conflicts)))
		return err
	}
	o.warnOfIdleQueue(ctx)
	if len(conflicts) > 0 {
		return fmt.Errorf("%d of %d accounts were not started:\n%w", len(conflicts), len(targets), errors.Join(conflicts...))
	}
	return nil
}
