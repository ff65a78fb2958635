// Command gettemporal makes a file a Temporal CLI that is recent enough:
// "gettemporal .bin/temporal". It links to the one on PATH or builds one from
// source.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"tokenkeeper/internal/testenv/temporal"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: gettemporal FILE")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := temporal.Ensure(ctx, os.Args[1], os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "gettemporal:", err)
		os.Exit(1)
	}
}
