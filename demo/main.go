// Command demo runs the whole system on this machine, keeps one account's tokens
// alive, and lets the viewer make things go wrong.
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

// whyStopped says plainly that an end was asked for, or that time was up.
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
