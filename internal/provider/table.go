package provider

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"tokenkeeper/internal/token"
)

// Table is an immutable set of providers with distinct names; [Table.Override]
// makes another.
type Table struct {
	byName   map[string]Provider
	accounts map[string]Settings // by "provider/account"
}

// Settings returns what the providers file states for an account; the zero value where
// it states nothing.
func (t Table) Settings(a token.Account) Settings { return t.accounts[a.Provider+"/"+a.Name] }

// Accounts are the accounts for which the providers file states settings, as
// "provider/account", sorted.
func (t Table) Accounts() []string { return slices.Sorted(maps.Keys(t.accounts)) }

// Load is the built-in table with the changes of a YAML file; see
// [Table.Override]. The empty name means no file.
func Load(file string) (Table, error) {
	if file == "" {
		return Builtin(), nil
	}
	yaml, err := os.ReadFile(file)
	if err != nil {
		return Table{}, fmt.Errorf("TOKENKEEPER_PROVIDERS: %w", err)
	}
	return Builtin().Override(yaml, file)
}

// ErrUnknownProvider is in the error of [Table.Lookup] for a name that the table lacks.
var ErrUnknownProvider = errors.New("is not known")

// Lookup finds a provider by its name; the error for an unknown one lists the
// known names and is [ErrUnknownProvider].
func (t Table) Lookup(name string) (Provider, error) {
	p, ok := t.byName[name]
	if !ok {
		return Provider{}, fmt.Errorf("provider %.60q %w; use one of %s, or describe it in the providers file",
			name, ErrUnknownProvider, t.list())
	}
	return p, nil
}

// Providers lists them all, sorted by name.
func (t Table) Providers() []Provider {
	all := make([]Provider, 0, len(t.byName))
	for _, name := range t.names() {
		all = append(all, t.byName[name])
	}
	return all
}

func (t Table) names() []string { return slices.Sorted(maps.Keys(t.byName)) }

// list names the providers for a message, which has room for so many.
func (t Table) list() string {
	const most = 50
	names := t.names()
	if len(names) > most {
		names = append(names[:most:most], "…")
	}
	return strings.Join(names, ", ")
}
