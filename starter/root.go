package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"tokenkeeper/internal/config"
)

// newRoot is the whole command line. Bare, it is "starter start".
func newRoot(environ map[string]string) *cobra.Command {
	root := newStart(environ)
	root.Use = "starter"
	root.Short = "Keep rotating refresh tokens alive"
	root.Long = `Starts, refreshes and watches the workflows that keep refresh tokens alive.
Without a command it does what "starter start" does.

` + exitCodes + `

These variables configure it:

` + config.StarterHelp()
	root.AddCommand(newStart(environ), newRefresh(environ), newRecover(environ), newStatus(environ), newSchedule(environ),
		newAuthorize(environ), newImport(environ), newRevoke(environ), newMigrate(environ))
	root.PersistentPreRunE = checkFlags
	root.SilenceErrors = true
	root.SilenceUsage = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())}
	})
	root.CompletionOptions.HiddenDefaultCmd = true
	return root
}

// noArgs refuses whatever is neither a command nor a flag.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("unknown command %q; see %s --help", args[0], cmd.CommandPath())}
	}
	return nil
}
