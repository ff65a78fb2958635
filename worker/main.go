// Command worker refreshes tokens: it connects to Temporal, to the vault and to
// the providers, and runs the RefreshTokens workflow and its activities until it
// is told to stop. It is configured by the environment; see --help.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"tokenkeeper/internal/config"
)

func main() {
	flag.Usage = func() {
		_, _ = fmt.Fprint(os.Stderr, "worker refreshes tokens. It takes no arguments; these variables configure it:\n\n", config.WorkerHelp())
	}
	flag.Parse()
	os.Exit(start())
}

// start returns the exit code: 0 after an orderly stop, 1 after a failure, 2
// where the configuration is wrong.
func start() int {
	cfg, err := config.LoadWorker(config.Environ(os.Environ()))
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		return 2
	}
	// After the first signal the second one ends the process at once.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	context.AfterFunc(ctx, stop)
	defer stop()
	if err := run(ctx, cfg); err != nil && !errors.Is(err, context.Canceled) {
		_, _ = fmt.Fprintln(os.Stderr, "worker:", err)
		return 1
	}
	return 0
}
