package consent

import (
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// Place is an account with its provider and its secrets' names.
type Place struct {
	Account  token.Account
	Provider provider.Provider
	Names    vault.Names
}

// PlaceOf finds an account's place. It is refused where the provider is unknown
// or another account has the same names.
func PlaceOf(table provider.Table, a token.Account) (Place, error) {
	p, err := table.Lookup(a.Provider)
	if err != nil {
		return Place{}, err
	}
	named := p
	if a.SecretsOf != "" {
		if named, err = table.Lookup(a.SecretsOf); err != nil {
			return Place{}, err
		}
	}
	var prefixes []string
	for _, other := range table.Providers() {
		prefixes = append(prefixes, other.VaultPrefix())
	}
	names, err := vault.NamesFor(a, named.VaultPrefix(), p.CredentialsName(), prefixes)
	return Place{Account: a, Provider: p, Names: names}, err
}
