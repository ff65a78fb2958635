package provider

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"tokenkeeper/internal/token"
)

// readAccount reads an entry of the file's accounts.
func readAccount(e entry, table Table, found *problems) (token.Account, Settings, bool) {
	what := fmt.Sprintf("account %.110q", e.name)
	providerName, name, ok := strings.Cut(e.name, "/")
	if !ok || providerName == "" || name == "" {
		found.add(e.line, "%s must be named provider/account, such as oura/will or oura/%s", what, token.DefaultAccount)
		return token.Account{}, Settings{}, false
	}
	account, err := token.NewAccount(providerName, name)
	if err != nil {
		found.add(e.line, "%s: %v", what, err)
		return token.Account{}, Settings{}, false
	}
	p, err := table.Lookup(account.Provider)
	if err != nil {
		found.add(e.line, "%s: %v", what, err)
		return token.Account{}, Settings{}, false
	}
	var settings Settings
	for _, f := range e.fields {
		var err error
		switch f.key {
		case "token_url":
			settings.TokenURL, err = f.value.tokenURL(p)
		case "secret_names":
			settings.SecretNames, err = f.value.secretNames()
		default:
			err = fmt.Errorf("is not a key; the keys are %s", namesOf(accountKeys()))
		}
		found.addAll(f.line, what+": "+shownKey(f.key), err)
	}
	return account, settings, true
}

// tokenURL reads the name of one of the provider's further token endpoints, or a URL.
func (n node) tokenURL(p Provider) (string, error) {
	name, err := n.textOf(longestURL)
	if err != nil || strings.Contains(name, "://") {
		return n.url()
	}
	if named, ok := p.TokenURLs[name]; ok {
		return named, nil
	}
	if len(p.TokenURLs) == 0 {
		return "", fmt.Errorf("must be a whole URL, because %s has no token_urls to choose from", p.Name)
	}
	return "", fmt.Errorf("must be a whole URL, or one of the token_urls of %s: %s", p.Name, strings.Join(slices.Sorted(maps.Keys(p.TokenURLs)), ", "))
}
