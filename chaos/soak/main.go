// Command soak refreshes many accounts for a long time with one worker that is built with
// the race detector, while the provider, the vault and the link to Temporal misbehave in
// every way that their stand-ins know, and then says whether anything grew or was lost.
//
//	go run ./chaos/soak -minutes 30
//
// The worker's memory, goroutines and descriptors are sampled every few seconds; those of
// the last third are compared with those of the second, by their medians. The last line is
// the result; the exit code is 1 where something grew, was lost, or raced, or where too
// little happened to show that.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"tokenkeeper/internal/testenv/temporal"
)

func main() { os.Exit(start()) }

func start() int {
	var o options
	flag.Float64Var(&o.minutes, "minutes", 30, "how long")
	flag.IntVar(&o.accounts, "accounts", 60, "how many accounts to refresh")
	flag.Uint64Var(&o.seed, "seed", 1, "the same seed draws the same faults")
	flag.BoolVar(&o.race, "race", true, "build the worker with the race detector")
	flag.Parse()
	if flag.NArg() > 0 || o.minutes <= 0 || o.accounts < 1 {
		fmt.Fprintln(os.Stderr, "soak: it takes flags only, some minutes and at least one account; see -help")
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	report, err := run(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		return 1
	}
	problems := report.problems() // which also measures the growth
	line, err := json.Marshal(report)
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		return 1
	}
	for _, p := range problems {
		fmt.Fprintln(os.Stderr, "soak:", p)
	}
	fmt.Println(string(line))
	if len(problems) > 0 {
		return 1
	}
	return 0
}

func run(ctx context.Context, o options) (report report, err error) {
	cli, err := temporal.FindOrBuild(ctx, os.Stderr)
	if err != nil {
		return report, err
	}
	dir, err := os.MkdirTemp("", "tokenkeeper-soak-")
	if err != nil {
		return report, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	s, err := newSoak(ctx, o, cli, dir)
	if s != nil {
		defer func() { err = errors.Join(err, s.close()) }()
	}
	if err != nil {
		return report, err
	}
	return s.run(ctx, time.Duration(o.minutes*float64(time.Minute)))
}
