package token

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"
)

const (
	// DefaultProvider is used where no provider is named.
	DefaultProvider = "fitbit"
	// DefaultAccount is used where no account is named. Its secrets carry no account
	// in their names, as in the article that the project began from.
	DefaultAccount = "default"
	// MaxName bounds the names of accounts and providers, in characters, so that every
	// secret's name made from them fits into Key Vault's 127.
	MaxName = 50
)

// Lower case only: Key Vault takes "Will" and "will" for one secret.
var name = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// Account names one grant: its owner and its provider. The zero value is not
// valid; NewAccount returns checked ones.
type Account struct {
	Provider string `json:"provider"`
	Name     string `json:"account"`
	// SecretsOf is another provider, whose names for this account the secrets have;
	// empty for the provider's own. So an account can move from one provider to
	// another while its readers keep the secret names that they know.
	SecretsOf string `json:"secretsOf,omitempty"`
}

// NewAccount checks the two names. An empty one means the default.
func NewAccount(provider, account string) (Account, error) {
	a := Account{Provider: cmp.Or(provider, DefaultProvider), Name: cmp.Or(account, DefaultAccount)}
	if err := checkName("provider", a.Provider); err != nil {
		return Account{}, err
	}
	if err := checkName("account", a.Name); err != nil {
		return Account{}, err
	}
	return a, nil
}

// KeptUnder returns the account with its secrets under another provider's names.
// An empty provider, or its own, means its own names.
func (a Account) KeptUnder(provider string) (Account, error) {
	if provider == "" || provider == a.Provider {
		a.SecretsOf = ""
		return a, nil
	}
	if err := checkName("provider", provider); err != nil {
		return Account{}, err
	}
	a.SecretsOf = provider
	return a, nil
}

// IsDefault reports whether this is the provider's default account.
func (a Account) IsDefault() bool { return a.Name == DefaultAccount }

// Flags name the account to a subcommand of starter's.
func (a Account) Flags() string {
	flags := "--account " + a.Name + " --provider " + a.Provider
	if a.SecretsOf != "" {
		flags += " --secrets-of " + a.SecretsOf
	}
	return flags
}

// String reads as provider/account, for messages.
func (a Account) String() string {
	s := a.Provider + "/" + a.Name
	if a.SecretsOf != "" {
		s += " (with the secrets of " + a.SecretsOf + ")"
	}
	return s
}

func checkName(what, value string) error {
	if len(value) > MaxName {
		return fmt.Errorf("%s name %.20q… has %d characters; use at most %d", what, value, len(value), MaxName)
	}
	if name.MatchString(value) {
		return nil
	}
	if lower := strings.ToLower(value); name.MatchString(lower) {
		return fmt.Errorf("%s name %q has capitals, which Key Vault does not tell apart; use %q", what, value, lower)
	}
	return fmt.Errorf("%s name %q is not valid; use lower-case letters, digits and single hyphens between them, such as %q", what, value, "will-2")
}
