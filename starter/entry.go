//go:build !manual

package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"tokenkeeper/internal/config"
)

func main() {
	// After the first signal the second one ends the process at once.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGHUP, os.Interrupt)
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], config.Environ(os.Environ()), os.Stdout, os.Stderr))
}
