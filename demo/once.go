package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"tokenkeeper/demo/system"
	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/token"
)

// onceWithin bounds everything but getting hold of the Temporal CLI, most of it the
// build of the worker on an empty cache.
const onceWithin = 10 * time.Minute

// summary is the result of two refreshes. Each number comes from another source:
// Temporal, the vault, the vault beside the provider, the provider.
type summary struct {
	Refreshes     int              `json:"refreshes"`
	Generation    token.Generation `json:"generation"`
	TokensLost    int              `json:"tokens_lost"`
	ProviderCalls int              `json:"provider_calls"`
	WebUI         string           `json:"web_ui"`
}

// once refreshes by the cron and by hand, and measures.
func once(ctx context.Context, cli, keep string) (sum summary, err error) {
	ctx, cancel := context.WithTimeout(ctx, onceWithin)
	defer cancel()
	s, err := system.Start(ctx, system.Options{CLI: cli, Keep: keep, Cron: "@every 15s", Progress: os.Stderr})
	if err != nil {
		return sum, whyStopped(ctx, err)
	}
	defer func() { err = errors.Join(whyStopped(ctx, err), s.Stop()) }()

	tell("%s", s.CronCommand())
	if err := s.StartCron(ctx); err != nil {
		return sum, err
	}
	tell("waiting for the cron")
	byCron, err := s.Run(ctx, "")
	if err != nil {
		return sum, err
	}
	if err := count(ctx, s, byCron.ID, &sum); err != nil {
		return sum, err
	}
	tell("%s", s.RefreshCommand())
	byHand, err := s.RefreshNow(ctx)
	if err != nil {
		return sum, err
	}
	if err := count(ctx, s, byHand, &sum); err != nil {
		return sum, err
	}

	held := s.Audit()
	sum.Generation = held.Generation
	sum.ProviderCalls = s.Provider.Stats().Total.Calls[authserver.Token]
	sum.WebUI = s.PageURL()
	if !held.Live {
		sum.TokensLost = 1
		return sum, fmt.Errorf("the vault holds generation %d, which is not the provider's live token", held.Generation)
	}
	tell("stopping")
	return sum, nil
}

// count waits for a run and counts it.
func count(ctx context.Context, s *system.System, id string, sum *summary) error {
	run, err := s.AwaitRefresh(ctx, id)
	if err != nil {
		return err
	}
	sum.Refreshes++
	tell("%s: generation %d, in %s", run.Outcome, run.Generation, run.Ended.Sub(run.Began).Round(time.Millisecond))
	return nil
}

func tell(format string, args ...any) { _, _ = fmt.Fprintf(os.Stderr, "demo: "+format+"\n", args...) }
