// Command bench measures Token Keeper beside two others in one run: the floor, a
// workflow of the same server whose three activities do nothing, and the baseline, the
// article's way without Temporal.
//
//	go run ./bench
//	go run ./bench -cluster -json bench.json -svg docs/images/bench.svg
//
// The targets take turns in each phase of each round, so the result is ratios and
// medians. Everything runs on this machine: a real server, real worker processes, and
// the simulated vault and provider, which answer at once. The phases are in phase.go.
//
// It ends with 1 where something could not be measured, and with 3 where it was, and one
// of the goals is missed.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"tokenkeeper/bench/lab"
)

func main() { os.Exit(start(os.Args[1:])) }

func start(args []string) int {
	o := options{progress: os.Stderr, warmUp: 3 * time.Second, idle: load{5, 3 * time.Second}, starts: 5}
	o.lab.BuildFlags = lab.AsReleased
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.BoolVar(&o.lab.Cluster, "cluster", false, "a Temporal server on PostgreSQL, from the folder that "+lab.EnvServers+" names (default .bin)")
	flags.IntVar(&o.rounds, "rounds", 3, "how often each phase of each target comes")
	flags.Float64Var(&o.seconds, "seconds", 20, "how long a phase is measured")
	flags.Float64Var(&o.steadySeconds, "steady", 40, "how long the steady load is measured, in seconds; 0 leaves it out")
	flags.IntVar(&o.accounts, "accounts", 75, "accounts at saturation, each due a second after its last refresh")
	workers := flags.String("workers", "1,2,4", "worker processes at saturation, one phase for each number")
	jsonFile := flags.String("json", "", "file for the whole result")
	svgFile := flags.String("svg", "", "file for the picture")
	flags.StringVar(&o.profiles, "profiles", "", "folder for profiles at saturation: CPU and heap of Token Keeper's worker, CPU of the cluster's Temporal server")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	for _, n := range strings.Split(*workers, ",") {
		count, err := strconv.Atoi(n)
		if err != nil || count < 1 || count > 16 {
			_, _ = fmt.Fprintln(os.Stderr, "bench: -workers is a list of numbers from 1 to 16, such as 1,2,4")
			return 2
		}
		o.workers = append(o.workers, count)
	}
	if flags.NArg() > 0 || o.rounds < 1 || o.rounds > 20 || o.seconds < 1 || o.seconds > 600 || o.accounts < 1 || o.accounts > 1000 || o.steadySeconds > 3600 {
		_, _ = fmt.Fprintln(os.Stderr, "bench: it takes flags only, up to 20 rounds, 600 seconds, 1000 accounts and 3600 steady seconds; see -help")
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r, err := run(ctx, o)
	if err == nil {
		err = r.write(*jsonFile, *svgFile)
	}
	if len(r.Measured) > 0 {
		r.sum()
		fmt.Print(r.table())
	}
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	for _, g := range r.Goals {
		if !g.Met {
			return 3
		}
	}
	return 0
}

// write writes the result's files; an empty name means none.
func (r *report) write(jsonFile, svgFile string) error {
	r.sum()
	if jsonFile != "" {
		text, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(jsonFile, append(text, '\n'), 0o644); err != nil {
			return err
		}
	}
	if svgFile != "" {
		return os.WriteFile(svgFile, []byte(r.picture()), 0o644)
	}
	return nil
}
