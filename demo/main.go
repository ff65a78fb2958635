// Command demo runs the whole system on this machine, keeps one account's tokens
// alive, and lets the user break things.
//
//	go run ./demo           a live view with a menu; plain lines without a terminal
//	go run ./demo --once    two refreshes, then one line of JSON on stdout
//
// It leaves nothing behind unless --keep names a folder for databases and logs.
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

	"github.com/charmbracelet/x/term"

	"tokenkeeper/demo/live"
	"tokenkeeper/demo/scenario"
	"tokenkeeper/demo/system"
	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/testenv/temporal"
)

func main() {
	isOnce := flag.Bool("once", false, "refresh twice and end with one line of JSON")
	keep := flag.String("keep", "", "work in this `folder` and leave databases and logs there")
	flag.Parse()
	if flag.NArg() > 0 {
		_, _ = fmt.Fprintf(os.Stderr, "demo: %q means nothing here; see --help\n", flag.Arg(0))
		os.Exit(2)
	}
	// A second signal ends the demo at once, and its children with it.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	if err := run(ctx, *isOnce, *keep); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, isOnce bool, keep string) error {
	cli, err := temporal.FindOrBuild(ctx, os.Stderr)
	if err != nil {
		return err
	}
	if !isOnce {
		return watch(ctx, cli, keep)
	}
	sum, err := once(ctx, cli, keep)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(sum)
}

// watch runs the system until the user quits.
func watch(ctx context.Context, cli, keep string) error {
	s, err := system.Start(ctx, system.Options{
		CLI:        cli,
		Keep:       keep,
		UsualPorts: true,
		Cron:       "@every 20s",
		// Short, so that it is seen to count down; a refresh brings it back up.
		Provider: authserver.Options{AccessTokenLifetime: 5 * time.Minute},
		Progress: os.Stderr,
	})
	if err != nil {
		return whyStopped(ctx, err)
	}
	if err = show(ctx, s); ctx.Err() != nil {
		err = nil // a signal is how this ends
	}
	tell("stopping")
	if stopErr := s.Stop(); err == nil {
		err = stopErr
	}
	return err
}

func show(ctx context.Context, s *system.System) error {
	tell("%s", s.CronCommand())
	if err := s.StartCron(ctx); err != nil {
		return err
	}
	observer := system.Observe(s)
	program := live.Program{
		Look:  observer.Snapshot,
		Intro: []string{"The cron was started by the Temporal CLI (" + s.Temporal.CLI() + "):", "$ " + s.CronCommand().String()},
	}
	for _, sc := range scenario.All() {
		program.Acts = append(program.Acts, act(s, sc))
	}
	if term.IsTerminal(os.Stdin.Fd()) && term.IsTerminal(os.Stdout.Fd()) {
		return program.Show(ctx, os.Stdin, os.Stdout)
	}
	return program.Print(ctx, os.Stdout)
}

// act makes a scenario an entry of the menu that ends with a verdict.
func act(s *system.System, sc scenario.Scenario) live.Act {
	return live.Act{
		Title: sc.Title,
		Saved: sc.Saved,
		Play: func(ctx context.Context, say func(string)) (string, bool, error) {
			_, err := sc.Play(ctx, s, say)
			words, good := scenario.Verdict(s.Audit())
			return words, good, err
		},
	}
}

// whyStopped replaces the error of an interrupted run, and explains one that ran
// out of time.
func whyStopped(ctx context.Context, err error) error {
	switch {
	case err == nil || ctx.Err() == nil:
		return err
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("it took longer than %s: %w", onceWithin, err)
	default:
		return errors.New("interrupted")
	}
}
