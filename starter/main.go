// Command starter is the operator's command line: it starts the workflows that
// keep tokens alive, refreshes at once, and tells how the accounts are. It reads
// the same environment and profiles as the temporal command; see --help.
package main

import (
	"context"
	"io"
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

// run carries out one command line and returns the exit code.
func run(ctx context.Context, args []string, environ map[string]string, stdout, stderr io.Writer) int {
	root := newRoot(environ)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err != nil {
		root.PrintErrln("starter:", err)
	}
	return exitCode(err)
}
