// Command chaos kills Token Keeper's worker with SIGKILL at random moments while
// it refreshes many accounts, and then counts what was lost.
//
//	go run ./chaos -kills 200                   a provider that repeats a lost answer for two minutes
//	go run ./chaos -kills 200 -replay 0         one that never does
//	go run ./chaos -kills 200 -target baseline  the same without Temporal
//
// Its last line is the result. It ends with 1 where Token Keeper lost what it
// promises to keep. Everything runs on this machine and nothing is left behind.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"tokenkeeper/chaos/campaign"
	"tokenkeeper/internal/sim/temporalcli"
)

func main() { os.Exit(start()) }

// start returns the exit code: 0 where the promise was kept, 1 where it was not
// or the campaign failed, 2 where the command line is wrong.
func start() int {
	o := campaign.Options{Target: campaign.TokenKeeper, TaskQueue: "chaos", Progress: os.Stderr}
	flag.IntVar(&o.Kills, "kills", 200, "how many processes to kill")
	flag.DurationVar(&o.Replay, "replay", 2*time.Minute, "how long the provider repeats a lost answer; 0 for never")
	flag.Uint64Var(&o.Seed, "seed", 1, "the same seed kills at the same times")
	flag.IntVar(&o.Accounts, "accounts", 60, "how many accounts to refresh")
	flag.Func("target", "what to kill: tokenkeeper or baseline (default tokenkeeper)", func(name string) (err error) {
		o.Target, err = campaign.ParseTarget(name)
		return err
	})
	file := flag.String("json", "", "write all numbers to this `file`")
	flag.Parse()
	if flag.NArg() > 0 || o.Kills < 0 || o.Accounts < 1 || o.Replay < 0 {
		_, _ = fmt.Fprintln(os.Stderr, "chaos: it takes flags only, at least one account, and nothing negative; see -help")
		return 2
	}
	// A second signal ends the campaign at once, and its children with it.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	defer stop()
	report, err := run(ctx, o)
	if err == nil && *file != "" {
		err = write(*file, report)
	}
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "chaos:", err)
		return 1
	}
	for _, line := range report.Details() {
		fmt.Println("chaos:", line)
	}
	verdict := report.Verdict()
	if verdict != nil {
		_, _ = fmt.Fprintln(os.Stderr, "chaos:", verdict)
	}
	fmt.Println(report.Line())
	if verdict != nil {
		return 1
	}
	return 0
}

func run(ctx context.Context, o campaign.Options) (report campaign.Report, err error) {
	if o.CLI, err = temporalcli.FindOrBuild(ctx, os.Stderr); err != nil {
		return report, err
	}
	if o.Dir, err = os.MkdirTemp("", "tokenkeeper-chaos-"); err != nil {
		return report, err
	}
	defer func() { _ = os.RemoveAll(o.Dir) }()
	if o.Binary, err = o.Target.Build(ctx, o.Dir); err != nil {
		return report, err
	}
	return campaign.Run(ctx, o)
}

func write(file string, report campaign.Report) error {
	text, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}
