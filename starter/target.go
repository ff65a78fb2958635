package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tokenkeeper/internal/config"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
	"tokenkeeper/workflows"
)

// target is the account that a command acts on, with everything that follows from
// it. newTarget checks it before a command contacts Temporal or the vault.
type target struct {
	vault.Location
	id    string // the workflow's
	input workflows.Input
}

// newTarget refuses an account that can never be refreshed; see [vault.Locate]. Its
// input leaves out what the workflow takes by default.
func newTarget(providers provider.Table, issuer, name, secretsOf string) (target, error) {
	account, err := token.NewAccount(issuer, name)
	if err == nil {
		account, err = account.KeptUnder(secretsOf)
	}
	if err != nil {
		return target{}, err
	}
	location, err := vault.Locate(providers, account)
	if err != nil {
		return target{}, err
	}
	t := target{Location: location, id: workflows.ID(account), input: workflows.Input{SecretsOf: account.SecretsOf}}
	if !account.IsDefault() {
		t.input.Account = account.Name
	}
	if account.Provider != token.DefaultProvider {
		t.input.Provider = account.Provider
	}
	return t, nil
}

func (t target) String() string     { return t.Account.String() }
func (t target) scheduleID() string { return t.id + scheduleSuffix }

const scheduleSuffix = "-schedule"

// named is the account's name as the operator types it.
func (t target) named() string { return t.Account.Provider + "/" + t.Account.Name }

// tokens describes the account's tokens, such as "Fitbit tokens of will".
func (t target) tokens() string {
	if t.Account.IsDefault() {
		return t.Provider.Title + " tokens of the default account"
	}
	return t.Provider.Title + " tokens of " + t.Account.Name
}

func (t target) inputJSON() string {
	input, err := json.Marshal(t.input)
	if err != nil {
		return "{}" // strings always marshal
	}
	return string(input)
}

// command is the command line of a subcommand for this account.
func (t target) command(subcommand string) string {
	words := []string{subcommand}
	for _, flag := range [][2]string{{"--account", t.input.Account}, {"--provider", t.input.Provider}, {"--secrets-of", t.input.SecretsOf}} {
		if flag[1] != "" {
			words = append(words, flag[0], flag[1])
		}
	}
	return command(words...)
}

// clientSecrets names the secrets that hold the app of the account's provider.
func (t target) clientSecrets() string {
	if t.Names.Credentials == "" {
		return t.Names.ClientID + " and " + t.Names.ClientSecret
	}
	return t.Names.Credentials
}

// settings are what a command knows before it contacts anything.
type settings struct {
	config.Starter
	environ   map[string]string
	providers provider.Table
}

// accountCommand completes a subcommand: with the flags that name its account, and
// with a run for which these, the environment and the table of providers have been
// checked. load is [config.LoadStarter] or [config.LoadStarterWithVault].
func accountCommand(cmd *cobra.Command, environ map[string]string, load func(map[string]string) (config.Starter, error), run func(settings, target) error) *cobra.Command {
	name := cmd.Flags().String("account", token.DefaultAccount, "the account's name")
	issuer := cmd.Flags().String("provider", token.DefaultProvider, "the account's provider")
	secretsOf := cmd.Flags().String("secrets-of", "", "keep the secrets under the names that the account has at this provider (after migrate: fitbit)")
	cmd.Args = noArgs
	cmd.RunE = func(*cobra.Command, []string) error {
		cfg, err := load(environ)
		providers, providersErr := provider.Load(cfg.ProvidersFile)
		if providersErr == nil {
			providersErr = vault.CheckTable(providers)
		}
		if providersErr != nil {
			err = errors.Join(err, usageError{providersErr})
		}
		if err != nil {
			return err
		}
		t, err := newTarget(providers, *issuer, *name, *secretsOf)
		if err != nil {
			return usageError{err}
		}
		return run(settings{cfg, environ, providers}, t)
	}
	return cmd
}

// outputFlag adds --output, whose default is the word for readable output; the
// other value is json.
func outputFlag(cmd *cobra.Command, readable string) *string {
	return cmd.Flags().String("output", readable, readable+" or json")
}

// checkFlags refuses what is wrong with a flag in every subcommand. An empty value
// is a variable that the shell did not know, and would mean the default account.
func checkFlags(cmd *cobra.Command, _ []string) (err error) {
	cmd.Flags().Visit(func(f *pflag.Flag) {
		switch all, empty := countValues(f.Value); {
		case err != nil:
		case empty == all:
			err = usageError{fmt.Errorf("--%s is empty; give it a value or leave it out", f.Name)}
		case empty > 0:
			err = usageError{fmt.Errorf("--%s has an empty value beside others; remove it", f.Name)}
		case f.Name == "output" && f.Value.String() != f.DefValue && f.Value.String() != "json":
			err = usageError{fmt.Errorf("--output is %q; use %s or json", f.Value, f.DefValue)}
		}
	})
	return err
}

// countValues counts a flag's values, of which a list has several, and its empty ones.
func countValues(v pflag.Value) (all, empty int) {
	values := []string{v.String()}
	if list, ok := v.(pflag.SliceValue); ok {
		values = list.GetSlice()
	}
	for _, value := range values {
		if strings.TrimSpace(value) == "" {
			empty++
		}
	}
	return len(values), empty
}
