// Command getcluster builds the Temporal server and its SQL tool into a folder,
// "getcluster .bin", where there is a PostgreSQL to run them on.
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
		fmt.Fprintln(os.Stderr, "usage: getcluster FOLDER")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	_, err := temporal.FindPostgres()
	if err == nil { // before minutes are spent on the build
		err = temporal.BuildServer(ctx, os.Args[1], os.Stderr)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "getcluster:", err)
		os.Exit(1)
	}
}
