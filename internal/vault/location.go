package vault

import (
	"fmt"
	"slices"
	"strings"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
)

// Location is where an account's grant is refreshed and kept: its provider's entry in
// the table, and the names of its secrets. [Locate] alone decides whether an account
// can exist.
type Location struct {
	Account  token.Account
	Provider provider.Provider
	Names    Names
}

// Names are one account's secrets in Key Vault. They are those of the article that the
// project began from, so that its users rename nothing.
type Names struct {
	RefreshToken string // "RefreshToken", "will-RefreshToken", "Withings-will-RefreshToken"
	AccessToken  string
	Credentials  string // "FitbitCredentials": base64 of client_id:client_secret
	// ClientID and ClientSecret hold the client in the clear where Credentials is empty.
	ClientID     string
	ClientSecret string
	// Provider must have issued the tokens. Where the account has moved, their versions
	// include another provider's.
	Provider string
}

// otherProvider reports whether a token's issuer is known and not the names'.
func (n Names) otherProvider(issuer string) bool {
	return issuer != "" && n.Provider != "" && issuer != n.Provider
}

// Locate returns an account's location. It refuses an account whose provider or
// SecretsOf is not in the table, and one whose secrets would have another's names.
func Locate(table provider.Table, a token.Account) (Location, error) {
	p, err := table.Lookup(a.Provider)
	if err != nil {
		return Location{}, err
	}
	naming := p
	if a.SecretsOf != "" {
		if naming, err = table.Lookup(a.SecretsOf); err != nil {
			return Location{}, fmt.Errorf("secrets of: %w", err)
		}
	}
	var parts []string
	if prefix := naming.VaultPrefix(); prefix != "" {
		parts = append(parts, prefix)
	} else if err := checkPrefix(a, table); err != nil {
		return Location{}, err
	}
	if !a.IsDefault() {
		parts = append(parts, a.Name)
	}
	secret := func(kind string) string { return strings.Join(append(slices.Clone(parts), kind), "-") }
	return Location{Account: a, Provider: p, Names: Names{
		RefreshToken: secret("RefreshToken"),
		AccessToken:  secret("AccessToken"),
		Credentials:  p.CredentialsName(),
		Provider:     p.Name,
	}}, nil
}

// checkPrefix refuses an account without a provider's prefix whose name begins with
// one: withings-will-RefreshToken is Withings' already.
func checkPrefix(a token.Account, table provider.Table) error {
	if a.IsDefault() {
		return nil // its secrets' names carry no account
	}
	first, _, _ := strings.Cut(a.Name, "-")
	for _, other := range table.Providers() {
		if prefix := other.VaultPrefix(); prefix != "" && strings.EqualFold(first, prefix) {
			return fmt.Errorf("account %q at %s would share its secrets' names with provider %q; choose a name that does not begin with %q", a.Name, a.Provider, prefix, first)
		}
	}
	return nil
}
