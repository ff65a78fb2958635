// Command install gets the Temporal programs that tests run on: "install temporal
// .bin/temporal" links the CLI on PATH or builds one from source, and "install
// cluster .bin" builds the server and its SQL tool where there is a PostgreSQL.
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
	if len(os.Args) != 3 || os.Args[1] != "temporal" && os.Args[1] != "cluster" {
		fmt.Fprintln(os.Stderr, "usage: install temporal FILE | install cluster FOLDER")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := install(ctx, os.Args[1], os.Args[2])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "install:", err)
		os.Exit(1)
	}
}

func install(ctx context.Context, what, path string) error {
	if what == "temporal" {
		return temporal.Ensure(ctx, path, os.Stderr)
	}
	if _, err := temporal.FindPostgres(); err != nil { // before minutes are spent on the build
		return err
	}
	return temporal.BuildServer(ctx, path, os.Stderr)
}
