package vault

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
)

// Location is where an account's grant is refreshed and kept: its provider's entry in
// the table, with the account's own token endpoint, and the names of its secrets.
// [Locate] alone decides whether an account can exist.
type Location struct {
	Account  token.Account
	Provider provider.Provider
	Names    Names
}

// Names are one account's secrets in Key Vault. They are those of the article that the
// project began from, so that its users rename nothing, or what the providers file states.
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
	// SharedWith is the other provider that the names come from; empty where they are
	// Provider's own.
	SharedWith string
	// Account is the account's name, for the commands in messages.
	Account string
}

// Command is the command line of a subcommand of starter's for the account.
func (n Names) Command(subcommand string) string {
	words := "starter " + subcommand
	if n.Account != "" && n.Account != token.DefaultAccount {
		words += " --account " + n.Account
	}
	if n.Provider != "" && n.Provider != token.DefaultProvider {
		words += " --provider " + n.Provider
	}
	if n.SharedWith != "" {
		words += " --secrets-of " + n.SharedWith
	}
	return words
}

// Locate returns an account's location. It refuses an account whose provider or
// SecretsOf is not in the table, and one whose secrets would have another's names.
func Locate(table provider.Table, a token.Account) (Location, error) {
	p, err := table.Lookup(a.Provider)
	if err != nil {
		return Location{}, err
	}
	keeper := p
	if a.SecretsOf != "" {
		if keeper, err = table.Lookup(a.SecretsOf); err != nil {
			return Location{}, fmt.Errorf("secrets of: %w", err)
		}
	}
	own := table.Settings(token.Account{Provider: p.Name, Name: a.Name})
	client := p.NamesOf(a.Name, own.SecretNames)
	tokens := client
	if keeper.Name != p.Name {
		if own.SecretNames.RefreshToken != "" || own.SecretNames.AccessToken != "" {
			return Location{}, fmt.Errorf("account %q at %s has names for its tokens in the providers file, and is to use those of %s as well; take refresh_token and access_token out of its secret_names, or leave %[3]s out",
				a.Name, a.Provider, a.SecretsOf)
		}
		kept := table.Settings(token.Account{Provider: keeper.Name, Name: a.Name})
		tokens = keeper.NamesOf(a.Name, kept.SecretNames)
	}
	if keeper.VaultPrefix() == "" {
		if err := checkPrefix(table, a, keeper.Name, tokens); err != nil {
			return Location{}, err
		}
	}
	n := Names{
		RefreshToken: tokens.RefreshToken,
		AccessToken:  tokens.AccessToken,
		Credentials:  client.Credentials,
		ClientID:     client.ClientID,
		ClientSecret: client.ClientSecret,
		Provider:     p.Name,
		SharedWith:   a.SecretsOf,
		Account:      a.Name,
	}
	p.ConsentCommand = n.Command("authorize")
	if err := checkNames(table, a, n); err != nil {
		return Location{}, err
	}
	p.TokenURL = cmp.Or(p.TokenURLs[own.TokenURL], own.TokenURL, p.TokenURL)
	if own.SecretNames.Credentials != "" || own.SecretNames.ClientID != "" { // so that a failure's fix names them
		p.SecretNames.Credentials, p.SecretNames.ClientID, p.SecretNames.ClientSecret = client.Credentials, client.ClientID, client.ClientSecret
	}
	return Location{Account: a, Provider: p, Names: n}, nil
}

// CheckTable returns why accounts for which a table states names could not exist, all of
// them at once; see [Locate].
func CheckTable(table provider.Table) error {
	var problems []error
	for _, p := range table.Providers() {
		if p.SecretNames != (provider.SecretNames{}) {
			a, err := token.NewAccount(p.Name, "")
			if err == nil {
				_, err = Locate(table, a)
			}
			problems = append(problems, err)
		}
	}
	for _, account := range table.Accounts() {
		issuer, name, _ := strings.Cut(account, "/")
		_, err := Locate(table, token.Account{Provider: issuer, Name: name})
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

// checkPrefix refuses an account without a provider's prefix whose name begins with
// one, where the rest of it is an account of that provider's whose tokens have the same
// names: withings-will-RefreshToken is Withings-will-RefreshToken to Key Vault. Where
// either account has other names, both can be.
func checkPrefix(table provider.Table, a token.Account, keeper string, names provider.SecretNames) error {
	other, first, begins := beginsWithPrefix(a.Name, table)
	if !begins {
		return nil
	}
	rest := strings.TrimPrefix(strings.TrimPrefix(a.Name, first), "-")
	if rest == token.DefaultAccount {
		return nil // that one's names carry no account
	}
	theirs := token.Account{Provider: other.Name, Name: cmp.Or(rest, token.DefaultAccount)}
	taken := other.NamesOf(theirs.Name, table.Settings(theirs).SecretNames)
	for _, name := range []string{names.RefreshToken, names.AccessToken} {
		if strings.EqualFold(name, taken.RefreshToken) || strings.EqualFold(name, taken.AccessToken) {
			return fmt.Errorf("account %q at %s would share its secrets' names with provider %q: %s is also that of %s; choose a name that does not begin with %q, or state refresh_token and access_token in secret_names of %s/%s or of %[5]s, under accounts of the providers file",
				a.Name, a.Provider, other.VaultPrefix(), name, theirs, first, keeper, a.Name)
		}
	}
	return nil
}

func beginsWithPrefix(account string, table provider.Table) (other provider.Provider, first string, begins bool) {
	if account == token.DefaultAccount {
		return provider.Provider{}, "", false // its secrets' names carry no account
	}
	first, _, _ = strings.Cut(account, "-")
	for _, other := range table.Providers() {
		if prefix := other.VaultPrefix(); prefix != "" && strings.EqualFold(first, prefix) {
			return other, first, true
		}
	}
	return provider.Provider{}, "", false
}
