// Command worker refreshes tokens: it connects to Temporal, to the vault and to
// the providers, and runs the RefreshTokens workflow and its activities until it
// gets a signal to stop. It is configured by the environment; see --help.
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
	os.Exit(start(os.Args[1:]))
}

// start returns the exit code: 0 after an orderly stop, 1 after a failure, 2
// where the command line or the configuration is wrong.
func start(args []string) int {
	flags := flag.NewFlagSet("worker", flag.ContinueOnError)
	flags.Usage = func() {
		_, _ = fmt.Fprint(os.Stderr, "worker refreshes tokens. It takes no arguments; these variables configure it:\n\n", config.WorkerHelp(),
			"\nworker -healthy asks the worker with the same environment, on this machine or in this container, whether it takes work.\n",
			"worker -version prints what it was built from.\n")
	}
	healthy := flags.Bool("healthy", false, "ask the worker with the same environment whether it takes work")
	version := flags.Bool("version", false, "print what this program was built from")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	if flags.NArg() > 0 {
		_, _ = fmt.Fprintln(os.Stderr, "worker: it takes no arguments; environment variables configure it, see worker --help")
		return 2
	}
	if *version {
		_, _ = fmt.Fprintln(os.Stdout, "worker version", config.Version())
		return 0
	}
	environ := withBuildID(config.Environ(os.Environ()), config.Revision())
	if *healthy {
		return check(environ)
	}
	s, err := loadSetup(environ)
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		return 2
	}
	if err := run(signalContext(), s); err != nil && !errors.Is(err, context.Canceled) {
		_, _ = fmt.Fprintln(os.Stderr, "worker:", err)
		return 1
	}
	return 0
}

// check returns the exit code of a container's health check: 1 for anything but a
// worker that takes work.
func check(environ map[string]string) int {
	cfg, err := config.LoadWorker(environ)
	if err == nil {
		err = healthcheck(context.Background(), cfg.HTTPAddress)
	}
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "worker:", err)
		return 1
	}
	return 0
}

// signalContext ends with the first SIGTERM or interrupt; from then on, the next
// one ends the process.
func signalContext() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	go func() {
		<-signals
		signal.Stop(signals)
		cancel()
	}()
	return ctx
}

// withBuildID sets the build id of a worker of a deployment to its revision, where
// the environment names none, so that two images are never one version.
func withBuildID(environ map[string]string, revision string) map[string]string {
	const name, build = "TEMPORAL_DEPLOYMENT_NAME", "TEMPORAL_WORKER_BUILD_ID"
	if environ[name] != "" && environ[build] == "" && revision != "" {
		environ[build] = revision
	}
	return environ
}
