// Command baseline refreshes tokens the plain way: load two secrets, call the
// provider, set the refresh token and then the access token, at every full period. It is what the fault
// campaign measures Token Keeper against, and is written as most people would
// write it, without mistakes and without Temporal.
//
// The environment configures it: KEY_VAULT_URL and TOKENKEEPER_KEY_VAULT_CA_FILE
// as for the worker, BASELINE_TOKEN_URL, BASELINE_ACCOUNTS (names between
// commas) and BASELINE_PERIOD.
package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	period, err := time.ParseDuration(os.Getenv("BASELINE_PERIOD"))
	if err != nil || period <= 0 {
		slog.Error("BASELINE_PERIOD is not a duration such as 5s")
		os.Exit(2)
	}
	r, err := refresherFrom(os.Getenv)
	if err != nil {
		slog.Error("cannot start", "error", err)
		os.Exit(2)
	}
	accounts := strings.Split(os.Getenv("BASELINE_ACCOUNTS"), ",")
	var all sync.WaitGroup
	for i, account := range accounts {
		offset := period * time.Duration(i) / time.Duration(len(accounts))
		all.Go(func() { every(ctx, period, offset, func() { r.refreshAndSay(ctx, account) }) })
	}
	all.Wait()
}

// every does something at every full period of the wall clock, plus an offset.
// Like a cron it does not catch up on what it missed while it did not run.
func every(ctx context.Context, period, offset time.Duration, do func()) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(untilNext(time.Now(), period, offset)):
			do()
		}
	}
}

func untilNext(now time.Time, period, offset time.Duration) time.Duration {
	next := now.Truncate(period).Add(offset)
	if !next.After(now) {
		next = next.Add(period)
	}
	return next.Sub(now)
}
