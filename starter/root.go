package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"tokenkeeper/internal/config"
	"tokenkeeper/internal/token"
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

// accountFlags name the account that a command is about.
type accountFlags struct{ provider, name, secretsOf string }

func (f *accountFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.name, "account", token.DefaultAccount, "whose tokens")
	cmd.Flags().StringVar(&f.provider, "provider", token.DefaultProvider, "the provider that issues them")
	cmd.Flags().StringVar(&f.secretsOf, "secrets-of", "", "keep the secrets under the names that the account has at this provider")
}

func (f *accountFlags) account() (token.Account, error) {
	account, err := token.NewAccount(f.provider, f.name)
	if err == nil {
		account, err = account.KeptUnder(f.secretsOf)
	}
	if err != nil {
		return token.Account{}, usageError{err}
	}
	return account, nil
}

// outputFlag adds --output with the given word for what people read.
func outputFlag(cmd *cobra.Command, forPeople string) *string {
	return cmd.Flags().String("output", forPeople, forPeople+" or json")
}

func checkOutput(value, forPeople string) error {
	if value != forPeople && value != "json" {
		return usageError{fmt.Errorf("--output is %q; use %s or json", value, forPeople)}
	}
	return nil
}
