// Command chaos kills Token Keeper's worker with SIGKILL at random moments while
// it refreshes many accounts, and then counts what was lost.
//
//	go run ./chaos -kills 200                   a provider that repeats a lost answer for two minutes
//	go run ./chaos -kills 200 -replay 0         one that never does
//	go run ./chaos -kills 200 -target baseline  the same without Temporal
//	go run ./chaos -kills 200 -target both      the two side by side, killed at the same moments
//	go run ./chaos -kills 60 -operator          beside the kills, the commands of an impatient operator
//
// Now and then the vault takes no writes for a while as well. With an operator, Temporal
// and the vault are killed too, the provider withholds answers and asks for waits, and
// -target all has a former revision's worker beside today's. The last line is the
// result; the exit code is 1 where Token Keeper lost what it promises to keep, or
// where too little happened to prove that.
// Everything runs on this machine. What is left behind is, after a second signal or
// a kill, a directory tokenkeeper-chaos-* among the temporary files.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"tokenkeeper/chaos/campaign"
	"tokenkeeper/internal/testenv/temporal"
)

func main() { os.Exit(start()) }

// start returns the exit code: 0 where the promise was kept, 1 where it was not
// or the campaign failed, 2 where the command line is wrong.
func start() int {
	o := campaign.Options{Progress: os.Stderr}
	flag.IntVar(&o.Kills, "kills", 200, "how many processes to kill")
	flag.DurationVar(&o.Replay, "replay", 2*time.Minute, "how long the provider repeats a lost answer; 0 for never")
	flag.Uint64Var(&o.Seed, "seed", 1, "the same seed kills at the same times")
	flag.IntVar(&o.Accounts, "accounts", 60, "how many accounts to refresh")
	flag.IntVar(&o.Outages, "outages", 3, "how often the vault takes no writes for a while")
	operator := flag.Bool("operator", false, "give an operator's commands as well, kill Temporal and the vault, withhold answers")
	operations := flag.Int("operations", 300, "how many commands the operator gives")
	flag.IntVar(&o.IDs, "ids", 1, "how many workflow ids refresh each account: 1 or 2")
	target := flag.String("target", string(campaign.TokenKeeper), "what to kill: tokenkeeper, old, baseline, both or all")
	file := flag.String("json", "", "write all numbers to this `file`, a report for each target")
	flag.Parse()
	targets, err := campaign.ParseTargets(*target)
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "chaos: -target:", err)
		return 2
	}
	if flag.NArg() > 0 || o.Kills < 0 || o.Accounts < 1 || o.Outages < 0 || o.Replay < 0 || *operations < 1 || o.IDs < 1 || o.IDs > 2 {
		_, _ = fmt.Fprintln(os.Stderr, "chaos: it takes flags only, at least one account and operation, one or two ids, and nothing negative; see -help")
		return 2
	}
	if *operator {
		o.Operations = *operations
	}
	// A second signal ends the campaign at once, and its children with it: only its
	// directory stays.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	defer stop()
	reports, err := run(ctx, o, targets)
	if err == nil && *file != "" {
		err = campaign.WriteReports(*file, reports)
	}
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "chaos:", err)
		return 1
	}
	report := reports[0] // with both, the one that promises something
	if len(reports) > 1 {
		fmt.Print(campaign.Table(reports))
	}
	for _, line := range report.Details() {
		fmt.Println("chaos:", line)
	}
	code := 0
	if err := report.Verdict(); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "chaos:", err)
		code = 1
	}
	fmt.Println(report.Line())
	return code
}

func run(ctx context.Context, o campaign.Options, targets []campaign.Target) (reports []campaign.Report, err error) {
	cli, err := temporal.FindOrBuild(ctx, os.Stderr)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "tokenkeeper-chaos-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if o.Temporal, err = temporal.StartTemporal(ctx, cli, dir, 0, 0); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, o.Temporal.Stop()) }()
	var all []campaign.Options
	for _, target := range targets {
		o.Target, o.TaskQueue, o.Dir = target, string(target), filepath.Join(dir, string(target))
		if err := os.Mkdir(o.Dir, 0o700); err != nil {
			return nil, err
		}
		if o.Binary, err = target.Build(ctx, o.Dir); err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	return campaign.Run(ctx, all...)
}
