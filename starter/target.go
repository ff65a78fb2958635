package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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

// newTarget refuses an account that can never be refreshed; see [vault.Locate].
func newTarget(providers provider.Table, a token.Account) (target, error) {
	location, err := vault.Locate(providers, a)
	if err != nil {
		return target{}, err
	}
	return target{Location: location, id: workflows.ID(a), input: inputFor(a)}, nil
}

// inputFor leaves out what the workflow takes by default.
func inputFor(a token.Account) workflows.Input {
	in := workflows.Input{SecretsOf: a.SecretsOf}
	if !a.IsDefault() {
		in.Account = a.Name
	}
	if a.Provider != token.DefaultProvider {
		in.Provider = a.Provider
	}
	return in
}

func (t target) String() string     { return t.Account.String() }
func (t target) scheduleID() string { return t.id + "-schedule" }

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
	words := []string{"starter", subcommand}
	for _, flag := range [][2]string{{"--account", t.input.Account}, {"--provider", t.input.Provider}, {"--secrets-of", t.input.SecretsOf}} {
		if flag[1] != "" {
			words = append(words, flag[0], flag[1])
		}
	}
	return shell(words...)
}

// settings are what a command knows before it contacts anything.
type settings struct {
	config.Starter
	environ   map[string]string
	providers provider.Table
}

// accountFlags name the account of a command; every subcommand has them.
type accountFlags struct{ provider, name, secretsOf string }

func (f *accountFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.name, "account", token.DefaultAccount, "whose tokens")
	cmd.Flags().StringVar(&f.provider, "provider", token.DefaultProvider, "the provider that issues them")
	cmd.Flags().StringVar(&f.secretsOf, "secrets-of", "", "keep the secrets under the names that the account has at this provider")
}

// target reads the settings with load, which is [config.LoadStarter] or
// [config.LoadStarterWithVault], and checks the account against them.
func (f *accountFlags) target(environ map[string]string, load func(map[string]string) (config.Starter, error)) (settings, target, error) {
	account, err := token.NewAccount(f.provider, f.name)
	if err == nil {
		account, err = account.KeptUnder(f.secretsOf)
	}
	if err != nil {
		return settings{}, target{}, usageError{err}
	}
	cfg, err := load(environ)
	providers, providersErr := provider.Load(cfg.ProvidersFile)
	if err := errors.Join(err, providersErr); err != nil {
		return settings{}, target{}, err
	}
	t, err := newTarget(providers, account)
	if err != nil {
		return settings{}, target{}, usageError{err}
	}
	return settings{cfg, environ, providers}, t, nil
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
		switch {
		case err != nil:
		case isEmpty(f.Value):
			err = usageError{fmt.Errorf("--%s is empty; give it a value or leave it out", f.Name)}
		case f.Name == "output" && f.Value.String() != f.DefValue && f.Value.String() != "json":
			err = usageError{fmt.Errorf("--output is %q; use %s or json", f.Value, f.DefValue)}
		}
	})
	return err
}

// isEmpty reports whether a flag's value, or one of its values, is empty.
func isEmpty(v pflag.Value) bool {
	values := []string{v.String()}
	if list, ok := v.(pflag.SliceValue); ok {
		values = list.GetSlice()
	}
	blank := func(s string) bool { return strings.TrimSpace(s) == "" }
	return len(values) == 0 || slices.ContainsFunc(values, blank)
}
