package vault

import (
	"fmt"
	"strings"

	"tokenkeeper/internal/token"
)

// Names are the secrets of one account, as Key Vault knows them. They are the
// original article's, so that its users rename nothing.
type Names struct {
	RefreshToken string // "RefreshToken", "will-RefreshToken", "Withings-will-RefreshToken"
	AccessToken  string
	Credentials  string // "FitbitCredentials": base64 of client_id:client_secret
	// Provider is whose tokens they are to be. Other providers' tokens may lie
	// among their versions, where the account was another provider's before.
	Provider string
}

// NamesFor says where the secrets of an account are. prefix stands before the
// token names and is empty for the one provider that has none; reserved are the
// prefixes of all providers. An account whose names another provider's account
// would share is refused: no two accounts may ever map to one name.
func NamesFor(a token.Account, prefix, credentials string, reserved []string) (Names, error) {
	var parts []string
	if prefix != "" {
		parts = append(parts, prefix)
	}
	if !a.IsDefault() {
		parts = append(parts, a.Name)
	}
	if prefix == "" {
		first, _, _ := strings.Cut(a.Name, "-")
		for _, r := range reserved {
			if r != "" && strings.EqualFold(first, r) {
				return Names{}, fmt.Errorf("account %q at %s would share its secrets' names with provider %q; choose a name that does not begin with %q", a.Name, a.Provider, r, first)
			}
		}
	}
	name := func(kind string) string { return strings.Join(append(parts[:len(parts):len(parts)], kind), "-") }
	return Names{
		RefreshToken: name("RefreshToken"),
		AccessToken:  name("AccessToken"),
		Credentials:  credentials,
		Provider:     a.Provider,
	}, nil
}
