// Command starter is the operator's command line: it starts the workflows that
// keep tokens alive, refreshes on request, and reports the accounts' health. It
// reads the same environment and profiles as the temporal command; see --help.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"tokenkeeper/internal/config"
)

// run carries out one command line and returns the exit code.
func run(ctx context.Context, args []string, environ map[string]string, stdout, stderr io.Writer) int {
	out := &answerWriter{w: stdout}
	told := &narration{}
	root := newRoot(environ)
	root.SetArgs(args)
	root.SetOut(terminalWriter{out})
	root.SetErr(terminalWriter{stderr})
	cmd, err := root.ExecuteContextC(context.WithValue(ctx, narrationKey{}, told))
	if err != nil {
		printLine(root.ErrOrStderr(), "starter: %v", err)
	}
	if asksForJSON(cmd, args) && !out.written {
		p := newPrinter(root)
		if failure := p.json(told.document(cmd, err)); failure != nil && err == nil {
			err = failure
		}
	}
	return exitCode(err)
}

// newRoot returns the whole command line.
func newRoot(environ map[string]string) *cobra.Command {
	root := &cobra.Command{
		Use:   "starter",
		Short: "Keep rotating refresh tokens alive",
		Long: `Starts, refreshes and watches the workflows that keep refresh tokens alive.

` + exitCodes + `

With --output json every command writes one JSON document to stdout, and everything
else to stderr. A command that fails before it has an answer writes
{"error": {"kind", "message", "fix", "exitCode"}}.

These variables configure it:

` + config.StarterHelp(),
		Example: `  starter start --account will
  starter status
  starter start --help`,
		Version: config.Version(),
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate("starter {{.Version}}\n")
	root.AddCommand(newStart(environ), newStop(environ), newMove(environ), newRefresh(environ), newRecover(environ), newStatus(environ), newForecast(environ), newSchedule(environ),
		newAuthorize(environ), newImport(environ), newRevoke(environ), newMigrate(environ), newProbe(environ), newKeys(environ), newDoctor(environ))
	root.PersistentPreRunE = func(cmd *cobra.Command, args []string) error {
		if err := checkFlags(cmd, args); err != nil {
			return err
		}
		if told := narrationOf(cmd.Context()); told != nil {
			told.on = asksForJSON(cmd, nil)
		}
		return nil
	}
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())}
	})
	addOutputFlag(root)
	return root
}

// addOutputFlag gives --output to each command that has no answer of its own to print: then
// it is a [narration].
func addOutputFlag(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		addOutputFlag(sub)
	}
	if cmd.HasSubCommands() || cmd.Flags().Lookup("output") != nil {
		return
	}
	outputFlag(cmd, "text")
}

// noArgs refuses an argument that is neither a command nor a flag.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("unknown command %q; see %s --help", args[0], cmd.CommandPath())}
	}
	return nil
}

const exitCodes = `Exit codes:
    0  done, or nothing to do
    1  failed
    2  wrong usage or configuration; nothing was touched
    3  an account, the keyset or the setup needs attention (status, forecast, keys,
       doctor), the grant must be ended at the provider (revoke), or nothing was
       found (recover)
  130  interrupted; what was started goes on, and what is left is printed`

var errInterrupted = errors.New("interrupted")

// needsAttention ends a command that worked and found something that only the
// operator or the account owner can mend.
type needsAttention struct{ message string }

func (e needsAttention) Error() string { return e.message }

// usageError is a mistake on the command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func exitCode(err error) int {
	var usage usageError
	var configuration *config.Error
	var attention needsAttention
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage), errors.As(err, &configuration):
		return 2
	case errors.As(err, &attention):
		return 3
	case errors.Is(err, errInterrupted):
		return 130
	}
	return 1
}
