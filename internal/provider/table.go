package provider

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// Table is a set of providers with distinct names. It does not change once
// made: [Table.Override] makes another.
type Table struct {
	byName map[string]Provider
}

func newTable(providers ...Provider) Table {
	t := Table{byName: make(map[string]Provider, len(providers))}
	for _, p := range providers {
		t.byName[p.Name] = p
	}
	return t
}

// Load is the built-in table with what a YAML file adds to it; see
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

// Lookup finds a provider by its name; the error for an unknown one lists those
// that there are.
func (t Table) Lookup(name string) (Provider, error) {
	p, ok := t.byName[name]
	if !ok {
		return Provider{}, fmt.Errorf("provider %.60q is not known; use one of %s, or describe it in the providers file",
			name, strings.Join(t.names(), ", "))
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
