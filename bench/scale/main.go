// Command scale keeps many accounts alive for some minutes on this machine and says what
// became of them: refreshes per second, tokens lost, answers 429, the lag of the account
// that is furthest behind, and the worker's memory over time.
//
//	go run ./bench/scale -cluster -accounts 10000 -minutes 10
//	go run ./bench/scale -cluster -outage provider -away 10m
//	go run ./bench/scale -cluster -burst
//	go run ./bench/scale -cluster -provider google-health -rate 15 -accounts 9000 -outage none
//
// The vault has the real one's limits. The crons are those that an operator would have,
// with a short period: each account has a minute of its own, and all of a minute are due
// at once. In the middle the vault (or the provider) is away. With -burst all accounts
// are due at the same moment.
//
// It ends by itself; interrupted, it reports what it has seen until then. The exit code is 1
// where it could not go on and 3 where a token was lost, the vault or the provider answered
// 429, a provider that was away was asked by many, memory grew, or an account was not
// refreshed in time.
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

	"tokenkeeper/bench/lab"
	"tokenkeeper/internal/sim/authserver"
)

// options say what to run.
type options struct {
	lab      lab.Options
	accounts int
	provider authserver.Provider
	rate     float64 // refreshes per second, on the average
	length   time.Duration
	outage   string // vault, provider or none
	away     time.Duration
	limit    int // of the provider's token endpoint, in ten seconds
	burst    bool
	workers  int
	pace     float64 // 0 is the worker's own
	every    time.Duration
}

func main() { os.Exit(start(os.Args[1:])) }

func start(args []string) int {
	o := options{every: 5 * time.Second}
	o.lab.Progress, o.lab.BuildFlags = os.Stderr, lab.AsReleased
	flags := flag.NewFlagSet("scale", flag.ContinueOnError)
	flags.BoolVar(&o.lab.Cluster, "cluster", false, "a Temporal server on PostgreSQL, from the folder that "+lab.EnvServers+" names (default .bin)")
	flags.IntVar(&o.accounts, "accounts", 10_000, "accounts to keep alive")
	called := flags.String("provider", authserver.Fitbit().Name, "whose accounts they are; one that does not rotate has one secret written, not two")
	flags.Float64Var(&o.rate, "rate", perSecond, "refreshes per second on the average, which the period of the crons is chosen for")
	minutes := flags.Float64("minutes", 10, "how long, after all have been started")
	flags.StringVar(&o.outage, "outage", "vault", "what is away in the middle: vault, provider or none")
	flags.DurationVar(&o.away, "away", 2*time.Minute, "for how long")
	flags.IntVar(&o.limit, "limit", 300, "how many requests the provider takes in any ten seconds before it answers 429")
	flags.BoolVar(&o.burst, "burst", false, "all accounts are due at the same moment, once, and nothing is away")
	flags.IntVar(&o.workers, "workers", 1, "worker processes")
	flags.Float64Var(&o.pace, "pace", 0, "the worker's pace; 0 leaves its default")
	file := flags.String("json", "", "file for the whole result, written anew with each sample")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	o.length = time.Duration(*minutes * float64(time.Minute))
	if o.burst {
		o.outage = none
	}
	for _, p := range authserver.Providers() {
		if p.Name == *called {
			o.provider = p
		}
	}
	if problem := o.problem(); problem != "" || flags.NArg() > 0 {
		_, _ = fmt.Fprintln(os.Stderr, "scale: it takes flags only;", problem)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r, err := run(ctx, o, func(r *report) error { return r.write(*file) })
	fmt.Print(r.table())
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "scale:", err)
		return 1
	}
	if len(r.Problems) > 0 {
		return 3
	}
	return 0
}

const (
	ofVault    = "vault"
	ofProvider = "provider"
	none       = "none"
)

func (o options) problem() string {
	switch {
	case o.accounts < 1 || o.accounts > 100_000:
		return "-accounts is from 1 to 100000"
	case o.provider.Name == "":
		return "-provider is the name of one that is simulated"
	case !(o.rate >= 1 && o.rate <= 100):
		return "-rate is from 1 to 100"
	case o.length < time.Minute || o.length > 4*time.Hour:
		return "-minutes is from 1 to 240"
	case o.limit < 1:
		return "-limit is at least 1"
	case o.workers < 1 || o.workers > 8:
		return "-workers is from 1 to 8"
	case o.outage != ofVault && o.outage != ofProvider && o.outage != none:
		return "-outage is vault, provider or none"
	case o.outage != none && o.away > o.length:
		return "-away is at most as long as -minutes"
	}
	return ""
}

// write replaces the file, so that an end at any time leaves a whole one.
func (r *report) write(file string) error {
	if file == "" {
		return nil
	}
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", append(text, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}
